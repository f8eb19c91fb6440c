"""A network's inputs, standardised column by column for its first layer."""

import numpy as np

from configs.compiled import Plain, compiled
from training.data.inputs import FloatArray
from training.kernels.activations import compress


@compiled
def standardised(
    layers: Plain, columns: FloatArray, start: int, stop: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the first layer's inputs, weights and bias for `columns` (F, N), `start` to `stop`.

    An input with one value in all these columns, such as a customer's, becomes part of the bias
    (H,). The result holds the other inputs (V, stop - start) and their weights (V, H).
    """
    mean, scale, first, first_bias = layers
    varying = np.empty((len(columns), stop - start), dtype=np.float32)
    weights = np.empty_like(first)
    bias = first_bias.copy()
    count = 0
    for number in range(len(columns)):
        column, varies, out = columns[number, start:stop], False, varying[count]
        for value in column:
            varies |= value != column[0]
        width = len(column) if varies else 1
        compress(column[:width], out)
        for place in range(width):
            z = (out[place] - mean[number]) / scale[number]
            z = z if z < np.float32(5) else np.float32(5)
            out[place] = z if z > np.float32(-5) else np.float32(-5)
        if varies:
            for place in range(len(bias)):
                weights[count, place] = first[number, place]
            count += 1
        else:
            bias += out[0] * first[number]
    return varying[:count], weights[:count], bias
