"""Products of few queries with many vectors."""

from typing import Final

import numpy as np

from configs.compiled import compiled_loosely
from training.inputs import FloatArray

_FEW: Final = 2  # queries for which reading the vectors costs more than multiplying


def dots(queries: FloatArray, vectors: FloatArray) -> FloatArray:
    """Return the products (B, C) of `queries` (B, D) and `vectors` (C, D).

    For one query BLAS reads the vectors at half of what memory gives; for many it is best.

    >>> dots(np.float32([[1, 2]]), np.float32([[3, 4], [5, 6]]))
    array([[11., 17.]], dtype=float32)
    """
    if len(queries) >= _FEW:
        many: FloatArray = queries @ vectors.T
        return many
    found = np.empty((len(queries), len(vectors)), dtype=np.float32)
    for query, scores in zip(queries, found, strict=True):
        _dot(query, vectors, scores)
    return found


@compiled_loosely
def _dot(query: FloatArray, vectors: FloatArray, scores: FloatArray) -> None:
    """Write the products of `query` (D,) and `vectors` (C, D) into `scores` (C,)."""
    for place in range(len(vectors)):
        vector, total = vectors[place], np.float32(0)
        for number in range(len(query)):
            total += vector[number] * query[number]
        scores[place] = total
