"""Sums of rows of a sparse matrix, weighted by what is left of a customer's purchases."""

from configs.compiled import Plain, compiled
from training.data.inputs import FloatArray


@compiled
def add_weights(bought: Plain, weights: Plain, popular: FloatArray, scores: FloatArray) -> None:
    """Add to `scores` (B, C) the weights from what each customer has left, then `popular` (C,)."""
    starts, places, left = bought
    begins, columns, values = weights  # a sparse matrix (C, C), row after row
    for row in range(len(scores)):
        line = scores[row]
        for number in range(starts[row], starts[row + 1]):
            for entry in range(begins[places[number]], begins[places[number] + 1]):
                line[columns[entry]] += left[number] * values[entry]
        line += popular
