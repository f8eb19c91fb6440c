"""What the second stage's rankers learn from, and the interface that they share.

A ranker gives each candidate a number; only the order of one customer's candidates means anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from training.data.inputs import FloatArray, IntArray

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class RankerExamples:
    """N candidates of customers who bought in a window, customer after customer."""

    inputs: FloatArray  # (N, F)
    customers: IntArray  # (N,) whose candidate it is, numbered from 0 without a gap
    bought: BoolArray  # (N,) in the window
    new: BoolArray  # (N,) not in the customer's history

    @classmethod
    def joined(cls, parts: "Sequence[RankerExamples]") -> Self:
        """Return all `parts`, at least one, as one: each part's customers are others."""
        counts = [int(part.customers.max(initial=-1)) + 1 for part in parts]
        firsts = np.cumsum([0, *counts[:-1]])
        return cls(
            inputs=np.concatenate([part.inputs for part in parts]),
            customers=np.concatenate(
                [part.customers + first for part, first in zip(parts, firsts, strict=True)]
            ),
            bought=np.concatenate([part.bought for part in parts]),
            new=np.concatenate([part.new for part in parts]),
        )


class Ranker(Protocol):
    """Orders candidates by their inputs."""

    def score(self, inputs: FloatArray) -> FloatArray:
        """Return a number (N,) for each of `inputs` (N, F)."""
        ...

    def save(self, folder: Path) -> None:
        """Write plain files into the existing `folder`."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        ...
