"""The network ranker's layers on plain arrays: a candidate is a column."""

from collections.abc import Sequence
from typing import Final, NamedTuple, Self

import numpy as np
from torch import Tensor, nn

from training.data.inputs import FloatArray
from training.kernels.activations import gelu_
from training.kernels.standardised_columns import standardised
from training.networks.standardise import Standardise

_COLUMNS: Final = 1024  # processed at once: the values between two layers stay in a near cache


class RankerOnArrays(NamedTuple):
    """The parameters of a `RankerNet`: F inputs, H hidden units, then K = H / 2, then 1."""

    mean: FloatArray  # (F,)
    scale: FloatArray  # (F,)
    first: FloatArray  # (F, H)
    first_bias: FloatArray  # (H,)
    second: FloatArray  # (K, H)
    second_bias: FloatArray  # (K,)
    third: FloatArray  # (K,)
    third_bias: FloatArray  # (1,)

    @classmethod
    def of(cls, standardise: Standardise, linear_layers: Sequence[nn.Linear]) -> Self:
        """Take the parameters of the network's standardisation and its three linear layers."""
        first, second, third = linear_layers
        return cls(
            mean=_array(standardise.mean),
            scale=_array(standardise.scale),
            first=np.ascontiguousarray(_array(first.weight).T),
            first_bias=_array(first.bias),
            second=_array(second.weight),
            second_bias=_array(second.bias),
            third=_array(third.weight)[0],
            third_bias=_array(third.bias),
        )

    def scores(self, columns: FloatArray) -> FloatArray:
        """Return the scores (N,) of inputs given as `columns` (F, N)."""
        scores = np.empty(columns.shape[1], dtype=np.float32)
        for start in range(0, len(scores), _COLUMNS):
            stop = min(start + _COLUMNS, len(scores))
            varying, weights, bias = standardised(tuple(self[:4]), columns, start, stop)
            hidden = weights.T @ varying
            gelu_(hidden, bias)
            hidden = self.second @ hidden
            gelu_(hidden, self.second_bias)
            scores[start:stop] = self.third @ hidden + self.third_bias
        return scores


def _array(tensor: Tensor) -> FloatArray:
    array: FloatArray = tensor.detach().cpu().numpy()
    return array
