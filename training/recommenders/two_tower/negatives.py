"""A sample that stands for the catalogue in a step's softmax, where the catalogue is too large.

The products of the batch, bought or in a history, are in it for certain. Every other one joins by a
draw of its own, half by its popularity and half evenly (mixed negative sampling; Yang et al.,
2020): draws by popularity alone would leave untold what nobody buys. A score less the log of its
product's probability to be there (log_q; Yi et al., 2019) makes the sum of exponentials, over all
samples, that of the whole catalogue (Horvitz and Thompson, 1952), so that `softmax_loss` and
`new_loss` of the sample estimate those of the catalogue and become them as the sample grows.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from training.data.inputs import FloatArray, IntArray

Chances = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """S of the `width` products of a catalogue."""

    places: IntArray  # (S,) in the catalogue, ascending
    log_q: FloatArray  # (S,) log of the probability that the product is here, 0 where certain
    width: int

    def find(self, places: IntArray) -> IntArray:
        """Return where `places` of the catalogue are in the sample; -1 of none and of -1.

        >>> drawn = Drawn(places=np.array([1, 4]), log_q=np.float32([0, 0]), width=5)
        >>> drawn.find(np.array([[4, 0], [1, -1]]))
        array([[ 1, -1],
               [ 0, -1]])
        """
        return self._found[places]

    @cached_property
    def _found(self) -> IntArray:
        found = np.full(self.width + 1, -1)  # the last is that of -1
        found[self.places] = np.arange(len(self.places))
        return found


def mixed_chances(bought: IntArray, width: int, *, negatives: int) -> Chances:
    """Return the probability (`width`,) of each product to be drawn, where `negatives` are wanted.

    `bought` (N,) are the products of the snapshot's pairs. A product that is wanted more than once
    is there once, so that about `negatives` are drawn, or fewer.

    >>> mixed_chances(np.array([0, 0, 1, 3]), 4, negatives=2)
    array([0.75, 0.5 , 0.25, 0.5 ])
    """
    popularity = np.bincount(bought, minlength=width) / len(bought)
    return np.minimum(negatives * (popularity + 1 / width) / 2, 1.0)


def draw(chances: Chances, *, certain: IntArray, rng: np.random.Generator) -> Drawn:
    """Return a sample of the products that have `chances` (C,); the `certain` (or -1) are in it."""
    chances = chances.copy()
    chances[certain[certain >= 0]] = 1.0
    places = np.flatnonzero(rng.random(len(chances)) < chances)
    log_q = np.log(chances[places]).astype(np.float32)
    return Drawn(places=places, log_q=log_q, width=len(chances))
