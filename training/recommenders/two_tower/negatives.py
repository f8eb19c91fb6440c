"""Sampled softmax: a sample of a catalogue that is too large for a step's softmax.

The batch's products, bought or in a history, are always in the sample. Every other product is drawn
independently, half by its popularity and half evenly (mixed negative sampling; Yang et al., 2020):
draws by popularity alone would never show the network unpopular products. Each score less the log
of its product's inclusion probability (log_q; Yi et al., 2019) gives a sum of exponentials whose
expectation is the whole catalogue's (Horvitz and Thompson, 1952). So `softmax_loss` and `new_loss`
of the sample estimate those of the catalogue and equal them in the limit.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from training.data.inputs import FloatArray, IntArray

Chances = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A sample of S of the `width` products of a catalogue."""

    places: IntArray  # (S,) in the catalogue, ascending
    log_q: FloatArray  # (S,) log of the inclusion probability, 0 where certain
    width: int

    def find(self, places: IntArray) -> IntArray:
        """Return the positions of the catalogue's `places` in the sample; -1 if absent and for -1.

        >>> drawn = Drawn(places=np.array([1, 4]), log_q=np.float32([0, 0]), width=5)
        >>> drawn.find(np.array([[4, 0], [1, -1]]))
        array([[ 1, -1],
               [ 0, -1]])
        """
        return self._positions[places]

    @cached_property
    def _positions(self) -> IntArray:
        positions = np.full(self.width + 1, -1)  # the last entry is for -1
        positions[self.places] = np.arange(len(self.places))
        return positions


def mixed_chances(bought: IntArray, width: int, *, negatives: int) -> Chances:
    """Return the probability (`width`,) that each product is drawn, for about `negatives` draws.

    `bought` (N,) are the products of the snapshot's pairs. Probabilities are capped at 1, so that
    there may be fewer draws.

    >>> mixed_chances(np.array([0, 0, 1, 3]), 4, negatives=2)
    array([0.75, 0.5 , 0.25, 0.5 ])
    """
    popularity = np.bincount(bought, minlength=width) / len(bought)
    return np.minimum(negatives * (popularity + 1 / width) / 2, 1.0)


def draw(chances: Chances, *, certain: IntArray, rng: np.random.Generator) -> Drawn:
    """Return a sample of products by their `chances` (C,), with all `certain` (-1: ignored)."""
    chances = chances.copy()
    chances[certain[certain >= 0]] = 1.0
    places = np.flatnonzero(rng.random(len(chances)) < chances)
    log_q = np.log(chances[places]).astype(np.float32)
    return Drawn(places=places, log_q=log_q, width=len(chances))
