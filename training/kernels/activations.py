"""Elementwise functions of the networks, equal to torch's to 32-bit rounding."""

from typing import Final

import numpy as np

from configs.compiled import compiled_loosely
from training.data.inputs import FloatArray

_ROOT_BITS: Final = 0x3F3504F3  # of sqrt(1/2)


@compiled_loosely
def gelu_(values: FloatArray, bias: FloatArray) -> None:
    """Replace `values` (R, N) by x Phi(x), where x is the value plus the `bias` (R,) of its row.

    Phi is the normal distribution function. It is computed by Eigen's rational function for erf,
    which is exact to a few units in the last place, not by the approximation with tanh.
    """
    for row in range(len(values)):
        line, shift = values[row], bias[row]
        for place in range(len(line)):
            x = line[place] + shift
            t = x * np.float32(0.7071067811865476)
            t = t if t < np.float32(4) else np.float32(4)
            t = t if t > np.float32(-4) else np.float32(-4)
            s = t * t
            over = s * np.float32(-2.72614225801306e-10) + np.float32(2.77068142495902e-08)
            over = over * s + np.float32(-2.10102402082508e-06)
            over = over * s + np.float32(-5.69250639462346e-05)
            over = over * s + np.float32(-7.34990630326855e-04)
            over = over * s + np.float32(-2.95459980854025e-03)
            over = over * s + np.float32(-1.60960333262415e-02)
            under = s * np.float32(-1.45660718464996e-05) + np.float32(-2.13374055278905e-04)
            under = under * s + np.float32(-1.68282697438203e-03)
            under = under * s + np.float32(-7.37332916720468e-03)
            under = under * s + np.float32(-1.42647390514189e-02)
            line[place] = np.float32(0.5) * x * (np.float32(1) + t * over / under)


@compiled_loosely
def compress(values: FloatArray, out: FloatArray) -> None:
    """Write sign(x) log(1 + |x|) of `values` (N,) into `out` (N,): days and counts have long tails.

    The logarithm is computed by the polynomial of Cephes, to about a unit in the last place.
    """
    for place in range(len(values)):
        out[place] = np.float32(1) + abs(values[place])  # the rounding error is corrected below
    bits = out.view(np.int32)
    for place in range(len(values)):
        size = abs(values[place])
        one_plus_size = np.float32(1) + size
        exponent = (bits[place] - np.int32(_ROOT_BITS)) >> np.int32(23)
        bits[place] -= exponent << np.int32(23)
        f, e = out[place] - np.float32(1), np.float32(exponent)  # 1 + f in [sqrt(1/2), sqrt(2))
        y = f * np.float32(7.0376836292e-2) - np.float32(1.1514610310e-1)
        y = y * f + np.float32(1.1676998740e-1)
        y = y * f - np.float32(1.2420140846e-1)
        y = y * f + np.float32(1.4249322787e-1)
        y = y * f - np.float32(1.6668057665e-1)
        y = y * f + np.float32(2.0000714765e-1)
        y = y * f - np.float32(2.4999993993e-1)
        y = y * f + np.float32(3.3333331174e-1)
        s = f * f
        y = y * f * s - np.float32(2.12194440e-4) * e - np.float32(0.5) * s
        lost = size - (one_plus_size - np.float32(1))
        y = f + (y + lost / one_plus_size) + np.float32(0.693359375) * e
        out[place] = y if values[place] > 0 else -y
