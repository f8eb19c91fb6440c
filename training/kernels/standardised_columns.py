"""Inputs of a network, standardised column by column for its first layer."""

import numpy as np

from configs.compiled import Plain, compiled
from training.data.inputs import FloatArray
from training.kernels.activations import compress


@compiled
def standardised(
    layers: Plain, columns: FloatArray, start: int, stop: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return what the first layer adds up for `columns` (F, N) from `start` to `stop`.

    An input that is alike for all of them, as one customer's are, is added to the bias, which is
    last. Before it come the other inputs (V, stop - start) and their weights (V, H).
    """
    mean, scale, first, first_bias = layers
    varying = np.empty((len(columns), stop - start), dtype=np.float32)
    weights = np.empty_like(first)
    bias = first_bias.copy()
    count = 0
    for number in range(len(columns)):
        column, others, found = columns[number, start:stop], False, varying[count]
        for value in column:
            others |= value != column[0]
        width = len(column) if others else 1
        compress(column[:width], found)
        for place in range(width):
            z = (found[place] - mean[number]) / scale[number]
            z = z if z < np.float32(5) else np.float32(5)
            found[place] = z if z > np.float32(-5) else np.float32(-5)
        if others:
            for place in range(len(bias)):
                weights[count, place] = first[number, place]
            count += 1
        else:
            bias += found[0] * first[number]
    return varying[:count], weights[:count], bias
