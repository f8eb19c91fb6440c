"""The network ranker, trained with a softmax over each customer's candidates."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import numpy as np
import pydantic
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from configs.json_files import read_json, write_json
from configs.loader import Config
from training.data.inputs import FloatArray, IntArray
from training.networks.losses import softmax_loss
from training.networks.standardise import Standardise
from training.recommenders.two_stage.network_ranker_on_arrays import RankerOnArrays
from training.recommenders.two_stage.ranker import RankerExamples

if TYPE_CHECKING:
    from training.run import Run

WEIGHTS: Final = "ranker.safetensors"
SETTINGS: Final = "ranker.json"
_NO_CANDIDATE: Final = -1e9  # the score of a place without a candidate


class NetworkConfig(Config):
    """How the network is built and trained."""

    epochs: int = pydantic.Field(4, ge=1, description="passes over the customers")
    hidden: int = pydantic.Field(
        128, ge=2, description="width of the first layer; the second has half"
    )
    dropout: float = pydantic.Field(0.1, ge=0, lt=1, description="share of hidden units dropped")
    learning_rate: float = pydantic.Field(3e-3, gt=0, description="step of AdamW")
    learning_rate_decay: float = pydantic.Field(
        0.5, gt=0, le=1, description="factor of learning_rate after each epoch"
    )
    weight_decay: float = pydantic.Field(0.01, ge=0, description="decay of AdamW")
    new_weight: float = pydantic.Field(
        0.5,
        ge=0,
        description="weight of the added loss over products outside the history",
    )
    batch_size: int = pydantic.Field(16, ge=1, description="customers in a step, approximately")


class Batch(NamedTuple):
    """B customers and their candidates, at most M each."""

    inputs: Tensor  # (N, F)
    rows: Tensor  # (N,) the customer, below B
    places: Tensor  # (N,) the candidate's place among the customer's, below M
    bought: Tensor  # (N,)
    new: Tensor  # (N,)


class RankerNet(nn.Module):
    """Scores candidates one by one."""

    def __init__(self, inputs: int, config: NetworkConfig) -> None:
        super().__init__()
        self.standardise = Standardise(inputs)
        half = config.hidden // 2
        self.layers = nn.Sequential(
            nn.Linear(inputs, config.hidden),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, half),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(half, 1),
        )

    def linear_layers(self) -> list[nn.Linear]:
        """Return the linear layers, first to last."""
        return [layer for layer in self.layers if isinstance(layer, nn.Linear)]

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the scores (N,) of candidates (N, F)."""
        scores: Tensor = self.layers(self.standardise(_compressed(inputs))).squeeze(1)
        return scores


class NetworkRanker:
    """Orders candidates by a network of two hidden layers.

    Its loss is that of the two-tower's training: the softmax over a customer's candidates, plus
    the softmax over those that are not in the history.
    """

    def __init__(self, config: NetworkConfig, net: RankerNet) -> None:
        self._config = config
        self._net = net.eval()
        self._arrays = RankerOnArrays.of(net.standardise, net.linear_layers())
        self._device: str | None = None

    @classmethod
    def fit(cls, examples: RankerExamples, *, config: NetworkConfig, seed: int, run: "Run") -> Self:
        """Train on whole customers; report each epoch's loss to `run`."""
        from training.networks.trainer import Learner, train

        with torch.random.fork_rng():
            torch.manual_seed(seed)
            net = RankerNet(examples.inputs.shape[1], config)
        inputs = torch.from_numpy(examples.inputs)
        net.standardise.learn(_compressed(inputs).numpy())

        def batches(rng: np.random.Generator) -> Iterator[Batch]:
            return _batches(examples, size=config.batch_size, rng=rng)

        def loss(batch: Batch) -> Tensor:
            scores = net(batch.inputs)
            new = _list_loss(scores, batch, among=batch.new)
            return _list_loss(scores, batch) + config.new_weight * new

        learner = Learner(
            net,
            batches=batches,
            loss=loss,
            model=lambda: cls(config, net),
            learning_rate=config.learning_rate,
            learning_rate_decay=config.learning_rate_decay,
            weight_decay=config.weight_decay,
            seed=seed,
            run=run,
        )
        train(learner, epochs=config.epochs, run=run)
        return cls(config, net)

    def score(self, inputs: FloatArray) -> FloatArray:
        """Return the scores (N,) of candidates (N, F)."""
        if self._device is None:
            return self._arrays.scores(np.ascontiguousarray(inputs.T))
        with torch.inference_mode():
            result: FloatArray = self._net(torch.from_numpy(inputs).to(self._device)).cpu().numpy()
        return result

    def to(self, device: str) -> None:
        """Let torch compute the network on `device`."""
        self._net.to(device)
        self._device = device

    def save(self, folder: Path) -> None:
        """Write weights and settings into the existing `folder`."""
        save_file(self._net.state_dict(), folder / WEIGHTS)
        settings = {
            "config": self._config.model_dump(mode="json"),
            "inputs": len(self._net.standardise.mean),
        }
        write_json(folder / SETTINGS, settings)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        settings = read_json(folder / SETTINGS)
        config = NetworkConfig(**settings["config"])
        net = RankerNet(settings["inputs"], config)
        net.load_state_dict(load_file(folder / WEIGHTS))
        return cls(config, net)


def _compressed(inputs: Tensor) -> Tensor:
    """Return sign(x) log(1 + |x|): days and counts have long tails."""
    return inputs.sign() * inputs.abs().log1p()


def _batches(examples: RankerExamples, *, size: int, rng: np.random.Generator) -> Iterator[Batch]:
    """Yield all customers in random order, about `size` at a time, each with all candidates."""
    count = int(examples.customers.max(initial=-1)) + 1
    ends = np.searchsorted(examples.customers, np.arange(count), side="right")
    begins = np.concatenate([[0], ends[:-1]])
    for chosen in np.array_split(rng.permutation(count), max(1, round(count / size))):
        lengths: IntArray = (ends - begins)[chosen]
        rows = np.repeat(np.arange(len(chosen)), lengths)
        places = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        chosen_rows = np.repeat(begins[chosen], lengths) + places
        yield Batch(
            torch.from_numpy(examples.inputs[chosen_rows]),
            torch.from_numpy(rows),
            torch.from_numpy(places),
            torch.from_numpy(examples.bought[chosen_rows]),
            torch.from_numpy(examples.new[chosen_rows]),
        )


def _list_loss(scores: Tensor, batch: Batch, *, among: Tensor | None = None) -> Tensor:
    """Return `softmax_loss` over each customer's candidates, or those that `among` (N,) marks."""
    shape = (int(batch.rows.max()) + 1, int(batch.places.max()) + 1)
    counted = torch.ones_like(batch.bought) if among is None else among
    rows, places = batch.rows[counted], batch.places[counted]
    dense = scores.new_full(shape, _NO_CANDIDATE).index_put((rows, places), scores[counted])
    wanted = batch.bought[counted]
    return softmax_loss(dense, rows[wanted], places[wanted])
