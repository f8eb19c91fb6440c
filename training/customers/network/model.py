"""Predict churn, orders, spend and next order of customers: one network over their purchases.

The heads are likelihoods that agree with each other: a hazard of the first order over the parts of
the horizon (no order in any of them is churn), a negative binomial of the orders after the first,
and a lognormal spend given an order. As with the trees, each window has its own level, and that of
the coming window is the season's (`season_levels`).
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Self

import numpy as np
import pydantic
import torch
from safetensors.torch import load_file, save_file
from scipy.optimize import brentq
from torch import Tensor

from configs.json_files import read_json, write_json
from configs.loader import Config
from training.customers.inputs import INPUTS
from training.customers.network.examples import Inputs, NetworkExamples
from training.customers.network.losses import hazard_loss, more_orders_loss, spend_loss
from training.customers.network.net import BINS, CustomerNet
from training.customers.next_order import TAILS, interval
from training.customers.orders import Numbers
from training.customers.predictions import consistent
from training.customers.season import Target, season_levels, shift
from training.data.inputs import Queries
from training.errors import BundleError
from training.interfaces import COVERAGE, CustomerPredictions
from training.networks.one_thread import one_thread
from training.run import Run

if TYPE_CHECKING:
    from training.data.training_data import TrainingData

WEIGHTS: Final = "weights.safetensors"
SETTINGS: Final = "network.json"


class CustomerNetworkConfig(Config):
    """Architecture and training of the network."""

    horizon_days: int = pydantic.Field(90, ge=1, description="days that are predicted")
    epochs: int = pydantic.Field(8, ge=1, description="passes over the examples, at most")
    width: int = pydantic.Field(32, ge=2, description="units of a layer")
    dropout: float = pydantic.Field(0.1, ge=0, lt=1, description="share of hidden units dropped")
    learning_rate: float = pydantic.Field(2e-3, gt=0, description="step of AdamW")
    weight_decay: float = pydantic.Field(1e-2, ge=0, description="decay of AdamW")
    batch_size: int = pydantic.Field(1024, ge=1, description="examples in a step")


@dataclass(frozen=True, kw_only=True)
class Level:
    """The level of the coming window: what is added to the network's logarithms."""

    hazard: float = 0.0
    orders: float = 0.0
    spend: float = 0.0


@dataclass(frozen=True, kw_only=True)
class _Outputs:
    """What the network says of B customers at a level."""

    waiting: Numbers  # (BINS + 1, B) probability of no order before the end of each part
    orders: Numbers  # (B,)
    spend: Numbers  # (B,)


class CustomerNetwork:
    """Churn, orders, spend and next order within `horizon_days`, by a network."""

    name: ClassVar[str] = "customer_network"

    def __init__(
        self, net: CustomerNet, config: CustomerNetworkConfig, *, level: Level, tail: float
    ) -> None:
        self._net = deepcopy(net).double().eval()  # in 64 bits no customer depends on the others
        self.config = config
        self._level, self._tail = level, tail
        self.horizon_days = config.horizon_days

    @classmethod
    def fit(
        cls, data: "TrainingData", *, config: CustomerNetworkConfig, seed: int, run: Run
    ) -> Self:
        """Train on the customers of many windows that end by `data.as_of`. NotEnoughData."""
        from training.networks.trainer import Learner, train

        examples = NetworkExamples.of(data, horizon_days=config.horizon_days)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            net = CustomerNet(len(INPUTS), width=config.width, dropout=config.dropout)
        inputs, coming = examples.inputs, _Coming.of(data, examples)
        net.activity.learn(inputs.activity)
        net.tokens.learn(inputs.tokens[inputs.exists > 0])

        def leveled() -> CustomerNetwork:
            return cls._leveled(net, config, coming)

        learner = Learner(
            net,
            batches=lambda rng: _batches(examples, size=config.batch_size, rng=rng),
            loss=lambda batch: _loss(net, batch),
            model=leveled,
            learning_rate=config.learning_rate,
            weight_decay=config.weight_decay,
            seed=seed,
            run=run,
        )
        with one_thread():
            train(learner, epochs=config.epochs, run=run)
            return cls._leveled(net, config, coming)

    @classmethod
    def _leveled(cls, net: CustomerNet, config: CustomerNetworkConfig, coming: "_Coming") -> Self:
        """Return the model with the level of the coming window and calibrated intervals."""
        raw = cls(net, config, level=Level(), tail=1 - COVERAGE)
        hazards = raw._log_hazards(coming.last)
        waiting = _waiting(hazards + _hazard_level(hazards, float(np.isinf(coming.days).sum())))
        tail = _calibrated(waiting, coming.days, horizon_days=config.horizon_days)
        hazard = _hazard_level(raw._log_hazards(coming.inputs), coming.totals["churned"])
        made = cls(net, config, level=Level(hazard=hazard), tail=tail)._outputs(coming.inputs)
        level = Level(
            hazard=hazard,
            orders=shift(np.log(made.orders), coming.totals["orders"], "orders"),
            spend=shift(np.log(made.spend), coming.totals["spend"], "spend"),
        )
        return cls(net, config, level=level, tail=tail)

    def predict(self, queries: Queries) -> CustomerPredictions:
        """Return predictions (B,) about the `horizon_days` after `queries.at`."""
        made = self._outputs(Inputs.of(queries))
        edges = np.linspace(0, self.horizon_days, BINS + 1)
        return consistent(
            churn=made.waiting[-1],
            orders=made.orders,
            spend=made.spend,
            next_order=interval(edges, made.waiting, tail=self._tail),
        )

    def save(self, folder: Path) -> None:
        """Write weights and settings into the existing, empty `folder`."""
        weights = {name: part.float() for name, part in self._net.state_dict().items()}
        save_file(weights, folder / WEIGHTS)
        content = {
            "inputs": [*INPUTS],
            "config": self.config.model_dump(mode="json"),
            "level": asdict(self._level),
            "tail": self._tail,
        }
        write_json(folder / SETTINGS, content)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. BundleError if it was trained on other inputs than today's."""
        content = read_json(folder / SETTINGS)
        if tuple(content["inputs"]) != INPUTS:
            raise BundleError(f"{folder}: this model reads other customer inputs; fit it again")
        config = CustomerNetworkConfig(**content["config"])
        net = CustomerNet(len(INPUTS), width=config.width, dropout=config.dropout)
        net.load_state_dict(load_file(folder / WEIGHTS))
        return cls(net, config, level=Level(**content["level"]), tail=content["tail"])

    def _log_hazards(self, inputs: Inputs) -> Numbers:
        return self._heads(inputs)[0]

    def _outputs(self, inputs: Inputs) -> _Outputs:
        hazards, more, spend = self._heads(inputs)
        waiting = _waiting(hazards + self._level.hazard)
        ordered = np.log(-np.expm1(np.log(np.maximum(waiting[-1], 1e-12))) + 1e-12)
        sigma = float(self._net.log_sigma.detach().exp())
        return _Outputs(
            waiting=waiting,
            orders=np.exp(ordered + np.logaddexp(0, more) + self._level.orders),
            spend=np.exp(ordered + spend + sigma**2 / 2 + self._level.spend),
        )

    def _heads(self, inputs: Inputs) -> tuple[Numbers, Numbers, Numbers]:
        parts = (torch.from_numpy(part).double() for part in vars(inputs).values())
        with torch.inference_mode():
            hazards, more, spend = (part.numpy() for part in self._net(*parts))
        return hazards, more, spend


@dataclass(frozen=True, kw_only=True)
class _Coming:
    """What levels and intervals are fitted on after each epoch; it is read once."""

    last: Inputs
    """Of the customers of the last window that has ended."""
    days: Numbers
    """(B,) to their next orders; infinite without one in the window."""
    inputs: Inputs
    """Of customers of the coming window."""
    totals: dict[Target, float]
    """What the season lets expect of them."""

    @classmethod
    def of(cls, data: "TrainingData", examples: NetworkExamples) -> Self:
        """Return them for the window that begins at `data.as_of`."""
        seen, at = examples.seen, data.as_of
        last = seen.window == len(seen.times) - 1
        found = season_levels(seen.orders, at, horizon_days=seen.horizon_days)
        return cls(
            last=Inputs(**{name: part[last] for name, part in vars(examples.inputs).items()}),
            days=seen.outcomes.days[last],
            inputs=Inputs.of(data.queries(at, seen.orders.active(at)[found.customers])),
            totals=found.totals,
        )


def _loss(net: CustomerNet, batch: dict[str, Tensor]) -> Tensor:
    heads = net(batch["activity"], batch["tokens"], batch["exists"])
    waited, came = batch["waited"], batch["came"]
    loss = hazard_loss(heads.log_hazard + batch["log_hazard"].unsqueeze(1), waited, came)
    ordered = batch["orders"] > 0
    size = len(ordered)
    more = heads.log_more + batch["log_more"]
    loss = loss + (
        more_orders_loss(more[ordered], batch["orders"][ordered], net.log_dispersion) / size
    )
    spend = heads.log_spend + batch["log_spend"]
    log_spend = torch.log(batch["spend"][ordered].clamp(min=1e-3))
    return loss + spend_loss(spend[ordered], log_spend, net.log_sigma) / size


def _batches(
    examples: NetworkExamples, *, size: int, rng: np.random.Generator
) -> Iterator[dict[str, Tensor]]:
    made = examples.seen.outcomes
    arrays = {
        **vars(examples.inputs),
        **{name: getattr(examples, name) for name in _TARGETS},
        "orders": made.orders.astype(np.float32),
        "spend": made.spend.astype(np.float32),
    }
    order = rng.permutation(len(made.orders))
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        yield {name: torch.from_numpy(array[rows]) for name, array in arrays.items()}


_TARGETS: Final = ("waited", "came", "log_hazard", "log_more", "log_spend")


def _waiting(log_hazards: Numbers) -> Numbers:
    """Return the probability of no order before the beginning and the ends of the parts."""
    gone = np.cumsum(np.exp(np.minimum(log_hazards, 20)), axis=1).T
    waiting: Numbers = np.exp(-np.vstack([np.zeros(gone.shape[1]), gone]))
    return waiting


def _hazard_level(log_hazards: Numbers, churned: float) -> float:
    """Return what added to `log_hazards` (B, BINS) makes the expected churned customers so many."""
    total = np.log(np.exp(log_hazards).sum(1))
    wanted = min(max(churned, 0.5), len(total) - 0.5)
    return float(brentq(lambda s: np.exp(-np.exp(total + s)).sum() - wanted, -30.0, 30.0))


def _calibrated(waiting: Numbers, days: Numbers, *, horizon_days: int) -> float:
    """Return the tail whose intervals hold COVERAGE of the `days` (B,) of the next orders."""
    edges, at = np.linspace(0, horizon_days, BINS + 1), np.minimum(days, horizon_days)

    def missed(tail: float) -> float:
        _, low, high = interval(edges, waiting, tail=tail)
        high = np.minimum(high, horizon_days)
        return abs(float(((low <= at) & (at <= high)).mean()) - COVERAGE)

    return float(min(TAILS, key=missed))
