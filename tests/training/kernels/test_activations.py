"""Elementwise functions are as exact as torch's."""

import numpy as np
import torch
from scipy.special import ndtr

from training.kernels.activations import compress, gelu_


def test_gelu_is_the_exact_one() -> None:
    """x Phi(x), and what is added before stands in rows."""
    x = np.linspace(-9, 9, 10_007, dtype=np.float32)
    bias = np.array([0, 0.5, -3], dtype=np.float32)
    found = np.tile(x, (3, 1))
    gelu_(found, bias)
    exact = (x + bias[:, None]).astype(np.float64)
    exact *= ndtr(exact)
    np.testing.assert_allclose(found, exact, rtol=2e-6, atol=1e-6)
    torchs = torch.nn.functional.gelu(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(found[0], torchs, rtol=2e-6, atol=2e-6)


def test_compressing_is_the_signed_logarithm() -> None:
    sizes = np.geomspace(1e-9, 1e9, 10_007)
    x = np.concatenate([-sizes, [0.0], sizes]).astype(np.float32)
    exact = np.sign(x) * np.log1p(np.abs(x.astype(np.float64)))
    found = np.empty_like(x)
    compress(x, found)
    np.testing.assert_allclose(found, exact, rtol=2e-7, atol=0)
