"""The training examples and the interface of the second stage's rankers.

A ranker scores each candidate; only the order of one customer's candidates has a meaning.
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
    customers: IntArray  # (N,) number of the candidate's customer, from 0 without a gap
    bought: BoolArray  # (N,) in the window
    new: BoolArray  # (N,) not in the customer's history

    @classmethod
    def joined(cls, parts: "Sequence[RankerExamples]") -> Self:
        """Return the concatenation of `parts`, at least one; their customers are distinct."""
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
        """Return the scores (N,) of `inputs` (N, F)."""
        ...

    def save(self, folder: Path) -> None:
        """Write plain files into the existing `folder`."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        ...
