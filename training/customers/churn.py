"""Predict churn: a wide and deep network over the customer's features."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Self

import numpy as np
import pydantic
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from configs.json_files import read_json, write_json
from configs.loader import Config
from training.customers.churn_labels import Examples, examples, select
from training.customers.inputs import INPUTS
from training.data.inputs import FloatArray, Queries
from training.errors import BundleError
from training.networks.one_thread import one_thread
from training.networks.standardise import mean_and_scale, standardised
from training.run import Run

if TYPE_CHECKING:
    from training.data.training_data import TrainingData

WEIGHTS: Final = "weights.safetensors"
SETTINGS: Final = "churn.json"


class ChurnConfig(Config):
    """Architecture and training of the churn network."""

    horizon_days: int = pydantic.Field(
        90, ge=1, description="days without an order that count as churn"
    )
    epochs: int = pydantic.Field(10, ge=1, description="passes over the examples, at most")
    hidden: tuple[int, ...] = pydantic.Field((32, 16), description="widths of the deep part")
    dropout: float = pydantic.Field(0.1, ge=0, lt=1, description="share of hidden units dropped")
    learning_rate: float = pydantic.Field(1e-3, gt=0, description="step of AdamW")
    weight_decay: float = pydantic.Field(1e-2, ge=0, description="decay of AdamW")
    batch_size: int = pydantic.Field(2048, ge=1, description="examples in a step")


class ChurnNet(nn.Module):
    """Logit of churn (B,) from inputs (B, F): the sum of a linear part and a deep part.

    Cheng et al. (2016), "Wide & Deep Learning for Recommender Systems".
    """

    def __init__(self, inputs: int, *, hidden: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("scale", torch.ones(inputs))
        self.wide = nn.Linear(inputs, 1)
        layers: list[nn.Module] = []
        width = inputs
        for size in hidden:
            layers += [nn.Linear(width, size), nn.ReLU(), nn.Dropout(dropout)]
            width = size
        self.deep = nn.Sequential(*layers, nn.Linear(width, 1))

    def standardise(self, inputs: FloatArray, churned: FloatArray) -> None:
        """Set means and scales from the training rows, and the bias from the base rate."""
        mean, scale = mean_and_scale(inputs)
        self.mean.copy_(torch.from_numpy(mean))
        self.scale.copy_(torch.from_numpy(scale))
        rate = float(np.clip(churned.mean(dtype=np.float64), 1e-3, 1 - 1e-3))
        nn.init.constant_(self.wide.bias, float(np.log(rate / (1 - rate))))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits (B,)."""
        x = standardised(inputs, self.mean, self.scale)
        logits: Tensor = (self.wide(x) + self.deep(x)).squeeze(-1)
        return logits


class Churn:
    """Probability that a customer places no order within `horizon_days`."""

    name: ClassVar[str] = "churn"

    def __init__(self, net: ChurnNet, config: ChurnConfig) -> None:
        self._net = net.eval()
        self.config = config
        self.horizon_days = config.horizon_days

    @classmethod
    def fit(cls, data: "TrainingData", *, config: ChurnConfig, seed: int, run: Run) -> Self:
        """Train on every snapshot whose horizon ends by `data.as_of`, for `config.epochs`."""
        from training.networks.trainer import Learner, train

        seen = examples(data, horizon_days=config.horizon_days)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            net = ChurnNet(seen.inputs.shape[1], hidden=config.hidden, dropout=config.dropout)
        net.standardise(seen.inputs, seen.churned)

        def batches(rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
            return _batches(seen, size=config.batch_size, rng=rng)

        def loss(batch: tuple[Tensor, Tensor]) -> Tensor:
            return nn.functional.binary_cross_entropy_with_logits(net(batch[0]), batch[1])

        learner = Learner(
            net,
            batches=batches,
            loss=loss,
            model=lambda: cls(net, config),
            learning_rate=config.learning_rate,
            weight_decay=config.weight_decay,
            seed=seed,
            run=run,
        )
        with one_thread():
            train(learner, epochs=config.epochs, run=run)
        return cls(net, config)

    def predict(self, queries: Queries) -> FloatArray:
        """Return the probability (B,) of no order within `horizon_days` after `queries.at`."""
        device = self._net.mean.device
        with torch.inference_mode():
            logits = self._net(torch.from_numpy(select(queries.activity)).to(device))
        probabilities: FloatArray = torch.sigmoid(logits).cpu().numpy()
        return probabilities

    def to(self, device: str) -> None:
        """Let torch compute the network on `device`."""
        self._net.to(device)

    def save(self, folder: Path) -> None:
        """Write weights and settings into the existing, empty `folder`."""
        save_file(self._net.state_dict(), folder / WEIGHTS)
        settings = {"inputs": list(INPUTS), "config": self.config.model_dump(mode="json")}
        write_json(folder / SETTINGS, settings)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. BundleError if it was trained on other inputs than today's."""
        settings = read_json(folder / SETTINGS)
        if tuple(settings["inputs"]) != tuple(INPUTS):
            raise BundleError(f"{folder}: this model reads other customer inputs; fit it again")
        config = ChurnConfig(**settings["config"])
        net = ChurnNet(len(INPUTS), hidden=config.hidden, dropout=config.dropout)
        net.load_state_dict(load_file(folder / WEIGHTS))
        return cls(net, config)


def _batches(
    seen: Examples, *, size: int, rng: np.random.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    order = rng.permutation(len(seen.churned))
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        yield (
            torch.from_numpy(seen.inputs[rows]),
            torch.from_numpy(seen.churned[rows]),
        )
