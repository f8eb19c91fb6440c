"""The two-tower recommender, trained by a softmax over the catalogue at each example's time."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Self

import numpy as np
import pydantic
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from configs.json_files import read_json, write_json
from configs.loader import Config
from features.model_inputs import CUSTOMER_INPUTS, PRODUCT_INPUTS
from training.data.inputs import FloatArray, Products, Queries
from training.data.vocabulary import Vocabulary
from training.errors import BundleError
from training.interfaces import Scorer
from training.kernels.dot_products import rounded
from training.networks.losses import new_loss, softmax_loss
from training.recommenders.two_tower.batches import Batch, shuffled, visitors_of
from training.recommenders.two_tower.towers import (
    CandidateTower,
    Catalogue,
    QueryTower,
    RepeatPath,
    TowerPart,
    TwoTowerNet,
    Visitors,
)
from training.recommenders.two_tower.towers_on_arrays import array_scorer

if TYPE_CHECKING:
    from training.data.training_data import TrainingData
    from training.run import Run

WEIGHTS: Final = "weights.safetensors"
SETTINGS: Final = "two_tower.json"


class TwoTowerConfig(Config):
    """Architecture and training of the two towers."""

    epochs: int = pydantic.Field(5, ge=1, description="passes over the examples, at most")
    embedding_dim: int = pydantic.Field(64, ge=1, description="dimensions of a product")
    hidden: int = pydantic.Field(128, ge=1, description="width of the hidden layers")
    half_lives: tuple[pydantic.PositiveFloat, ...] = pydantic.Field(
        (7.0, 30.0, 120.0, 400.0),
        min_length=1,
        description="initial half-lives of the decays, in days",
    )
    dropout: float = pydantic.Field(0.1, ge=0, lt=1, description="share of hidden units dropped")
    id_dropout: float = pydantic.Field(0.1, ge=0, lt=1, description="share of ids taken as unknown")
    token_min_count: int = pydantic.Field(
        2, ge=1, description="minimum number of titles with a token of the vocabulary"
    )
    learning_rate: float = pydantic.Field(4e-3, gt=0, description="step of AdamW")
    learning_rate_decay: float = pydantic.Field(
        0.5, gt=0, le=1, description="factor of learning_rate after each epoch"
    )
    weight_decay: float = pydantic.Field(0.0, ge=0, description="decay of AdamW")
    new_weight: float = pydantic.Field(
        0.5,
        ge=0,
        description="weight of the loss over products not in the history; that over all has 1",
    )
    batch_size: int = pydantic.Field(
        256, ge=1, description="approximate number of customers in a step"
    )
    weeks: int = pydantic.Field(100, ge=1, description="maximum number of snapshots to train on")
    full_softmax_products: int = pydantic.Field(
        100_000, ge=1, description="size of a catalogue above which the softmax samples products"
    )
    negatives: int = pydantic.Field(
        8192,
        ge=1,
        description="approximate number of products drawn for a sample, besides those of the batch",
    )
    without: tuple[TowerPart, ...] = pydantic.Field(
        (), description="parts left out, to measure the value of each"
    )


class TwoTower:
    """Ranks products by the dot product of the customer's and the product's embedding."""

    name: ClassVar[str] = "two_tower"

    def __init__(
        self, config: TwoTowerConfig, *, product_ids: Vocabulary, title_tokens: Vocabulary
    ) -> None:
        self.config = config
        self._ids = product_ids
        self._tokens = title_tokens
        sizes = {"dim": config.embedding_dim, "hidden": config.hidden}
        self._net = TwoTowerNet(
            CandidateTower(
                len(product_ids),
                len(title_tokens),
                len(PRODUCT_INPUTS),
                dropout=config.dropout,
                **sizes,
            ),
            QueryTower(
                len(CUSTOMER_INPUTS),
                dropout=config.dropout,
                half_lives=config.half_lives,
                **sizes,
            ),
            RepeatPath(config.half_lives),
            cosine="magnitude" in config.without,
        ).eval()
        self._by_torch = False

    @classmethod
    def fit(cls, data: "TrainingData", *, config: TwoTowerConfig, seed: int, run: "Run") -> Self:
        """Train on the snapshots before `data.as_of`, for `config.epochs`.

        The softmax is over the whole catalogue of a snapshot, or over a sample of a large one.
        Raises NotEnoughData if nobody bought anything after a snapshot.
        """
        from training.networks.trainer import Learner, train
        from training.recommenders.two_tower.examples import examples

        snapshots = examples(data, weeks=config.weeks)
        known = snapshots[-1].products  # a later product has no trained row: it is unknown
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = cls(
                config,
                product_ids=Vocabulary(known.product_ids),
                title_tokens=Vocabulary.of_titles(known.titles, min_count=config.token_min_count),
            )
        net = model._net
        net.candidate.standardise.learn(
            np.concatenate([snapshot.products.features for snapshot in snapshots])
        )
        net.query.standardise.learn(
            np.concatenate([snapshot.queries.activity for snapshot in snapshots])
        )
        net.leave_out(config.without)
        catalogues = [model._catalogue(snapshot.products) for snapshot in snapshots]

        def batches(rng: np.random.Generator) -> Iterator[Batch]:
            return shuffled(
                snapshots,
                catalogues,
                batch_size=config.batch_size,
                full_softmax_products=config.full_softmax_products,
                negatives=config.negatives,
                rng=rng,
            )

        def loss(batch: Batch) -> Tensor:
            candidates = net.candidate(batch.catalogue, id_dropout=config.id_dropout)
            scores = net(batch.visitors, candidates) - batch.log_q
            pairs = (batch.bought_by, batch.bought)
            new = new_loss(scores, batch.visitors.history, *pairs)
            return softmax_loss(scores, *pairs) + config.new_weight * new

        learner = Learner(
            net,
            batches=batches,
            loss=loss,
            model=lambda: model,
            learning_rate=config.learning_rate,
            learning_rate_decay=config.learning_rate_decay,
            weight_decay=config.weight_decay,
            seed=seed,
            run=run,
        )
        train(learner, epochs=config.epochs, run=run)
        return model

    def scorer(self, products: Products) -> Scorer:
        """Compute the candidates of `products` once; return the scorer of queries.

        While training on a GPU, and after `to`, the network computes scores; otherwise
        `array_scorer` does, several times faster.
        """
        net = self._net
        device = net.log_temperature.device
        catalogue = Catalogue(*(part.to(device) for part in self._catalogue(products)))
        with torch.inference_mode():
            candidates = net.candidate(catalogue)
        if device.type == "cpu" and not self._by_torch:
            return array_scorer(net, candidates)
        current = rounded(candidates.current.cpu().numpy())  # as the array scorer does
        candidates = candidates._replace(current=torch.from_numpy(current).to(device))

        def score(queries: Queries) -> FloatArray:
            with torch.inference_mode():
                visitors = Visitors(*(part.to(device) for part in visitors_of(queries)))
                scores: FloatArray = net(visitors, candidates).cpu().numpy()
            return scores

        return score

    def to(self, device: str) -> None:
        """Let torch compute embeddings and scores on `device`."""
        self._net.to(device)
        self._by_torch = True

    def save(self, folder: Path) -> None:
        """Write weights, vocabularies and settings into the existing, empty `folder`."""
        save_file(self._net.state_dict(), folder / WEIGHTS)
        settings = {
            "config": self.config.model_dump(mode="json"),
            "customer_inputs": list(CUSTOMER_INPUTS),
            "product_inputs": list(PRODUCT_INPUTS),
            "product_ids": self._ids.names,
            "title_tokens": self._tokens.names,
        }
        write_json(folder / SETTINGS, settings)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. BundleError if it was trained on other inputs than today's."""
        settings = read_json(folder / SETTINGS)
        inputs = (settings["customer_inputs"], settings["product_inputs"])
        if inputs != (list(CUSTOMER_INPUTS), list(PRODUCT_INPUTS)):
            raise BundleError(f"{folder}: this model reads other inputs than today's; fit it again")
        model = cls(
            TwoTowerConfig(**settings["config"]),
            product_ids=Vocabulary(settings["product_ids"]),
            title_tokens=Vocabulary(settings["title_tokens"]),
        )
        model._net.load_state_dict(load_file(folder / WEIGHTS))
        return model

    def _catalogue(self, products: Products) -> Catalogue:
        tokens, starts = self._tokens.bags(products.titles)
        return Catalogue(
            inputs=torch.from_numpy(products.features),
            rows=torch.from_numpy(self._ids.rows(products.product_ids)),
            tokens=torch.from_numpy(tokens),
            starts=torch.from_numpy(starts),
        )
