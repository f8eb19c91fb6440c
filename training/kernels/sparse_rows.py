"""Sums of rows of a sparse matrix, weighted by decayed purchases."""

from configs.compiled import Plain, compiled
from training.data.inputs import FloatArray


@compiled
def add_weights(bought: Plain, weights: Plain, popular: FloatArray, scores: FloatArray) -> None:
    """Add to `scores` (B, C) the rows of `weights` (C, C) times decayed purchases, and `popular`.

    `bought` is a `Faded`, and `weights` a csr matrix: both as tuples of arrays.
    """
    starts, places, left = bought
    begins, columns, values = weights
    for row in range(len(scores)):
        line = scores[row]
        for number in range(starts[row], starts[row + 1]):
            for entry in range(begins[places[number]], begins[places[number] + 1]):
                line[columns[entry]] += left[number] * values[entry]
        line += popular
