"""Customers' vectors by weighted least squares, given the products' vectors."""

from typing import Final

import numpy as np

from configs.compiled import Plain, compiled, compiled_loosely
from training.data.inputs import FloatArray
from training.kernels.faded_history import Faded

_ACCURACY: Final = 1e-7  # residual of a customer's equations, relative to their right side


def customer_vectors(bought: Faded, vectors: FloatArray, *, confidence: float) -> FloatArray:
    """Return the vectors (B, D) of customers with purchases `bought`, given the products' (C, D).

    The minimum of sum_c w_c (p_c - u v_c)^2 + penalty |u|^2 over all C products, where p is 1 and
    w is 1 + confidence * bought for bought products, else p is 0 and w is 1 (Hu et al., 2008). The
    products' vectors are `whitened`, and so are the returned ones: then the equations are
    (1 + V' E V) u = V' (1 + e) over the bought products only, e = confidence * bought. They are
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
        bought_vectors = np.empty((len(extra), dim), dtype=np.float32)
        residual = np.zeros(dim, dtype=np.float32)
        for number in range(len(extra)):
            bought_vectors[number] = vectors[places[start + number]]
            _add_times(residual, np.float32(1) + extra[number], bought_vectors[number])
        direction, image = residual.copy(), np.empty(dim, dtype=np.float32)
        squared_residual = _product(residual, residual)
        tolerance = np.float32(_ACCURACY**2) * squared_residual
        for _ in range(2 * dim):
            if squared_residual <= tolerance:
                break
            image[:] = direction
            for number in range(len(extra)):
                _add_times(
                    image,
                    extra[number] * _product(bought_vectors[number], direction),
                    bought_vectors[number],
                )
            length = squared_residual / _product(direction, image)
            _add_times(solved[row], length, direction)
            _add_times(residual, -length, image)
            last_squared, squared_residual = squared_residual, _product(residual, residual)
            direction *= squared_residual / last_squared
            direction += residual


@compiled_loosely
def _product(first: FloatArray, second: FloatArray) -> np.float32:
    """Return the product of two vectors (D,)."""
    total = np.float32(0)
    for place in range(len(first)):
        total += first[place] * second[place]
    return total


@compiled_loosely
def _add_times(total: FloatArray, factor: np.float32, other: FloatArray) -> None:
    """Add `other` (D,) `factor` times to `total`."""
    for place in range(len(total)):
        total[place] += factor * other[place]
