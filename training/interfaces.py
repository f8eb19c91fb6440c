"""The interfaces that models and their baselines share."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt

from training.data.inputs import FloatArray, IntArray, Products, Queries

if TYPE_CHECKING:
    from training.data.training_data import TrainingData
    from training.run import Run

COVERAGE: Final = 0.9
"""The share of customers whose next order falls into its interval."""
Scorer = Callable[[Queries], FloatArray]
"""Takes B queries whose history indexes the scorer's products; returns scores (B, C)."""
Related = Callable[[IntArray, IntArray], FloatArray]
"""Takes places of L bought products and of K candidates; returns how related they are, (L, K)."""


class Model(Protocol):
    """What every model is: fitted, and stored as plain files."""

    name: ClassVar[str]

    @classmethod
    def fit(cls, data: "TrainingData", *, config: Any, seed: int, run: "Run") -> Self:
        """Train on what was known before `data.as_of`, with `config` of the model's config class.

        The same data, config and seed give the same bits. Raises NotEnoughData.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write plain files (JSON, safetensors, LightGBM trees) into the existing, empty folder."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. No pickle."""
        ...


class Recommender(Model, Protocol):
    """Ranks a catalogue for customers. Every recommender, popularity included, can be a version."""

    def scorer(self, products: Products) -> Scorer:
        """Compute what depends on `products` alone, once; return the function of the queries."""
        ...


@runtime_checkable
class Relates(Protocol):
    """A recommender that knows which products are bought together, for the text of `reasons`."""

    def related(self, products: Products) -> Related:
        """Return the function of how related places of `products` are; 0 where nothing is known."""
        ...


@runtime_checkable
class OnDevice(Protocol):
    """A model with dense parts, which torch can compute on another device."""

    def to(self, device: str) -> None:
        """Let torch compute the dense parts on `device` (`cuda`, or `cpu`) from now on.

        Before that, compiled loops compute them on the CPU, several times faster than torch there.
        """
        ...


class Predictor(Model, Protocol):
    """Predicts a number for each customer, about the `horizon_days` after the query's time."""

    horizon_days: int

    def predict(self, queries: Queries) -> FloatArray:
        """Return predictions (B,)."""
        ...


@dataclass(frozen=True, kw_only=True)
class CustomerPredictions:
    """Predictions (B,) about the `horizon_days` after the queries' time."""

    churn: npt.NDArray[np.float64]
    """Probability of no order."""
    orders: npt.NDArray[np.float64]
    """Expected number of orders: at least the probability of one."""
    spend: npt.NDArray[np.float64]
    """Expected value of the orders, in the shop's currency; 0 only where `orders` is 0."""
    next_order: npt.NDArray[np.float64]
    """Median of the days to the next order; infinite if it lies beyond the horizon."""
    next_order_low: npt.NDArray[np.float64]
    next_order_high: npt.NDArray[np.float64]
    """Days between which the next order comes, with probability COVERAGE. A high end beyond the
    horizon is infinite: then the interval has one end. A low end is at most the horizon."""


class CustomerModel(Model, Protocol):
    """Predicts churn, orders, spend and next order of each customer, all at once."""

    horizon_days: int

    def predict(self, queries: Queries) -> CustomerPredictions:
        """Return predictions (B,) about the `horizon_days` after the queries' time."""
        ...


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Customers to score at one time: the input of a family's `batch` function."""

    queries: Queries
    products: Products
    """The catalogue that the queries' history indexes."""
    k: int = 10
    """Products in a list; predictors ignore it."""
