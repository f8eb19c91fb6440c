"""The network ranker's layers on plain arrays: a candidate is a column."""

from collections.abc import Mapping
from typing import Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from configs.compiled import Plain, compiled
from training.data.inputs import FloatArray
from training.kernels.activations import compress, gelu_
from training.networks.standardise import LIMIT

_COLUMNS: Final = 1024  # at a time: what is between two layers stays in a near cache


class RankerOnArrays(NamedTuple):
    """What `RankerNet` learned: F inputs, H hidden, then K = H / 2, then one."""

    mean: FloatArray  # (F,)
    scale: FloatArray  # (F,)
    first: FloatArray  # (F, H)
    first_bias: FloatArray  # (H,)
    second: FloatArray  # (K, H)
    second_bias: FloatArray  # (K,)
    third: FloatArray  # (K,)
    third_bias: FloatArray  # (1,)

    @classmethod
    def of(cls, state: Mapping[str, npt.NDArray[np.float32]]) -> Self:
        """Take them from the network's `state`."""
        return cls(
            mean=state["standardise.mean"],
            scale=state["standardise.scale"],
            first=np.ascontiguousarray(state["layers.0.weight"].T),
            first_bias=state["layers.0.bias"],
            second=state["layers.3.weight"],
            second_bias=state["layers.3.bias"],
            third=state["layers.6.weight"][0],
            third_bias=state["layers.6.bias"],
        )

    def scores(self, columns: FloatArray) -> FloatArray:
        """Return the scores (N,) of inputs given as `columns` (F, N)."""
        found = np.empty(columns.shape[1], dtype=np.float32)
        for start in range(0, len(found), _COLUMNS):
            stop = min(start + _COLUMNS, len(found))
            varying, weights, bias = _standardised(tuple(self[:4]), columns, start, stop)
            hidden = weights.T @ varying
            gelu_(hidden, bias)
            hidden = self.second @ hidden
            gelu_(hidden, self.second_bias)
            found[start:stop] = self.third @ hidden + self.third_bias
        return found


@compiled
def _standardised(
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
            z = z if z < np.float32(LIMIT) else np.float32(LIMIT)
            found[place] = z if z > np.float32(-LIMIT) else np.float32(-LIMIT)
        if others:
            for place in range(len(bias)):
                weights[count, place] = first[number, place]
            count += 1
        else:
            bias += found[0] * first[number]
    return varying[:count], weights[:count], bias
