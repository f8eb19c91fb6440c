"""The two interfaces that models and their baselines share."""

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Protocol, Self

from training.inputs import FloatArray, Products, Queries

Scorer = Callable[[Queries], FloatArray]
"""Takes B queries whose history indexes the scorer's products; gives scores (B, C)."""


class Recommender(Protocol):
    """Ranks a catalogue for customers. Every recommender, popularity included, can be a version."""

    name: ClassVar[str]

    def scorer(self, products: Products) -> Scorer:
        """Compute what depends on `products` alone, once; return the function of the queries."""
        ...

    def save(self, folder: Path) -> None:
        """Write plain files (safetensors, JSON) into the existing, empty `folder`."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. No pickle."""
        ...


class Predictor(Protocol):
    """Predicts a number for each customer: for churn the probability of no order in the horizon."""

    name: ClassVar[str]
    horizon_days: int

    def predict(self, queries: Queries) -> FloatArray:
        """Return predictions (B,)."""
        ...

    def save(self, folder: Path) -> None:
        """Write plain files (safetensors, JSON) into the existing, empty `folder`."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. No pickle."""
        ...
