"""Customers' vectors by weighted least squares, given the products' vectors."""

from typing import Final

import numpy as np

from configs.compiled import Plain, compiled, compiled_loosely
from training.data.inputs import FloatArray
from training.kernels.faded_history import Faded

_ACCURACY: Final = 1e-7  # of a customer's vector: what is left of the right side of its equations


def customer_vectors(bought: Faded, vectors: FloatArray, *, confidence: float) -> FloatArray:
    """Return the vectors (B, D) of customers with purchases `bought`, given the products' (C, D).

    The minimum of sum_c w_c (p_c - u v_c)^2 + penalty |u|^2 over all C products, where p is 1 and
    w is 1 + confidence * bought for what was bought, else p is 0 and w is 1 (Hu et al., 2008). The
    products' vectors are `whitened`, and so are those returned: then the equations are
    (1 + V' E V) u = V' (1 + e) over the products bought alone, e = confidence * bought, and are
    solved by conjugate gradients to 32-bit rounding (Hestenes and Stiefel, 1952).

    >>> one = Faded(starts=np.array([0, 1, 1]), places=np.array([0]), left=np.float32([1]))
    >>> customer_vectors(one, np.float32([[0.5], [0.1]]), confidence=4)  # 5 * .5 / (1 + 4 * .25)
    array([[1.25],
           [0.  ]], dtype=float32)
    """
    solved = np.zeros((len(bought.starts) - 1, vectors.shape[1]), dtype=np.float32)
    _solve(tuple(bought), vectors, np.float32(confidence), solved)
    return solved


@compiled
def _solve(bought: Plain, vectors: FloatArray, confidence: np.float32, solved: FloatArray) -> None:
    """Write into `solved` (B, D), which is 0, the solutions of `customer_vectors`."""
    starts, places, left = bought
    dim = vectors.shape[1]
    for row in range(len(solved)):
        start, stop = starts[row], starts[row + 1]
        extra = confidence * left[start:stop]
        own = np.empty((len(extra), dim), dtype=np.float32)
        rest = np.zeros(dim, dtype=np.float32)
        for number in range(len(extra)):
            own[number] = vectors[places[start + number]]
            _add_times(rest, np.float32(1) + extra[number], own[number])
        step, moved = rest.copy(), np.empty(dim, dtype=np.float32)
        size = _product(rest, rest)
        enough = np.float32(_ACCURACY**2) * size
        for _ in range(2 * dim):
            if size <= enough:
                break
            moved[:] = step
            for number in range(len(extra)):
                _add_times(moved, extra[number] * _product(own[number], step), own[number])
            length = size / _product(step, moved)
            _add_times(solved[row], length, step)
            _add_times(rest, -length, moved)
            before, size = size, _product(rest, rest)
            step *= size / before
            step += rest


@compiled_loosely
def _product(one: FloatArray, other: FloatArray) -> np.float32:
    """Return the product of two vectors (D,)."""
    total = np.float32(0)
    for place in range(len(one)):
        total += one[place] * other[place]
    return total


@compiled_loosely
def _add_times(total: FloatArray, factor: np.float32, other: FloatArray) -> None:
    """Add `other` (D,) `factor` times to `total`."""
    for place in range(len(total)):
        total[place] += factor * other[place]
