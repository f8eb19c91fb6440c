"""Standardise inputs to mean 0 and deviation 1 of the training data."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from training.data.inputs import FloatArray

LIMIT: Final = 5.0
"""The largest absolute value of a standardised input."""
_CONSTANT: Final = 1e-6
"""An input with at most this deviation is not scaled."""


def mean_and_scale(rows: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the means (F,) and the standard deviations (F,) of `rows` (N, F), in 64 bits.

    The deviation of a constant input is returned as 1.

    >>> mean_and_scale(np.array([[1.0, 3.0], [5.0, 3.0]]))
    (array([3., 3.]), array([2., 1.]))
    """
    scale = rows.std(0, dtype=np.float64)
    return rows.mean(0, dtype=np.float64), np.where(scale > _CONSTANT, scale, 1.0)


def standardised(inputs: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    """Return (`inputs` - `mean`) / `scale` (.., F), clipped to +-LIMIT."""
    return ((inputs - mean) / scale).clamp(-LIMIT, LIMIT)


class Standardise(nn.Module):
    """Subtracts the mean of inputs (.., F), divides by their deviation, and clips to +-LIMIT."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))

    def learn(self, rows: FloatArray) -> None:
        """Compute mean and scale from `rows` (N, F)."""
        mean, scale = mean_and_scale(rows)
        self.mean.copy_(torch.from_numpy(mean))
        self.scale.copy_(torch.from_numpy(scale))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the standardised inputs."""
        return standardised(inputs, self.mean, self.scale)
