"""Inputs to mean 0 and deviation 1, as the training data had them."""

import numpy as np
import torch
from torch import Tensor, nn

from training.data.inputs import FloatArray


class Standardise(nn.Module):
    """Inputs (.., F) less their mean, over their standard deviation, within 5 of zero."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))

    def learn(self, rows: FloatArray) -> None:
        """Take mean and scale from `rows` (N, F)."""
        scale = rows.std(0, dtype=np.float64)
        self.mean.copy_(torch.from_numpy(rows.mean(0, dtype=np.float64)))
        self.scale.copy_(torch.from_numpy(np.where(scale > 1e-6, scale, 1.0)))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the standardised inputs."""
        return ((inputs - self.mean) / self.scale).clamp(-5, 5)
