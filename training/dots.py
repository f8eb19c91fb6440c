"""Scores that are products of vectors: exact, or first roughly where reading the vectors is dear.

For one query, a catalogue of 100,000 products is more memory than a processor's cache holds, and
reading it is all that its scoring costs. A byte a number instead of four tells well enough which
products are worth the exact numbers.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from configs.compiled import compiled, compiled_loosely
from training.inputs import FloatArray, IntArray, Queries

ROUGH_FROM: Final = 20_000
"""The products above which one query is scored roughly first."""
_CODE: Final = 127
_MOST_DIMENSIONS: Final = 512
"""Of codes, whose products are added up in 32 bits."""
_QUERY_CODE: Final = 32_767
_Codes = npt.NDArray[np.int8]


Asked = tuple[FloatArray, Callable[[FloatArray], None]]
"""Vectors (B, D) of queries, and the function that adds to their scores (B, C) what else counts."""


class Rough(NamedTuple):
    """Scores (B, C)."""

    scores: FloatArray
    settle: Callable[[IntArray], None] | None = None
    """Makes those of some columns (N,) exact; None where all of them are."""


class DotScorer:
    """Scores C products by the products of their `vectors` (C, D) and what it asks of queries."""

    def __init__(self, vectors: FloatArray, ask: Callable[[Queries], Asked]) -> None:
        self._vectors, self._ask = vectors, ask
        self._scales: FloatArray = np.abs(vectors).max(axis=1, initial=1e-30) / np.float32(_CODE)
        self._codes: _Codes | None = None
        if len(vectors) > ROUGH_FROM and vectors.shape[1] <= _MOST_DIMENSIONS:
            self._codes = np.rint(vectors / self._scales[:, None]).astype(np.int8)

    def __call__(self, queries: Queries) -> FloatArray:
        """Return the scores (B, C), all of them exact."""
        vectors, add = self._ask(queries)
        scores = dots(vectors, self._vectors)
        add(scores)
        return scores

    def rough(self, queries: Queries) -> Rough:
        """Return scores that may be settled, where that is cheaper than exact ones of all."""
        codes, scales = self._codes, self._scales
        if codes is None or len(queries) != 1:
            return Rough(self(queries))
        (query,), add = self._ask(queries)
        unit = max(float(np.abs(query).max()), 1e-30) / _QUERY_CODE
        coded = np.rint(query / unit).astype(np.int16)
        scores = np.empty((1, len(codes)), dtype=np.float32)
        _dot_codes(coded, np.float32(unit), codes, scales, scores[0])
        add(scores)
        settled = np.zeros(len(codes), dtype=np.bool_)

        def settle(columns: IntArray) -> None:
            plain = (query, self._vectors, coded, np.float32(unit), codes, scales)
            _settle(plain, columns, settled, scores[0])

        return Rough(scores, settle)


def dots(queries: FloatArray, vectors: FloatArray) -> FloatArray:
    """Return the products (B, C) of `queries` (B, D) and `vectors` (C, D).

    For one query BLAS reads the vectors at half of what memory gives; for many it is best.

    >>> dots(np.float32([[1, 2]]), np.float32([[3, 4], [5, 6]]))
    array([[11., 17.]], dtype=float32)
    """
    if len(queries) != 1:
        many: FloatArray = queries @ vectors.T
        return many
    found = np.empty((1, len(vectors)), dtype=np.float32)
    _dot(queries[0], vectors, found[0])
    return found


@compiled_loosely
def _dot(query: FloatArray, vectors: FloatArray, scores: FloatArray) -> None:
    """Write the products of `query` (D,) and `vectors` (C, D) into `scores` (C,)."""
    for place in range(len(vectors)):
        vector, total = vectors[place], np.float32(0)
        for number in range(len(query)):
            total += vector[number] * query[number]
        scores[place] = total


@compiled
def _dot_codes(
    query: npt.NDArray[np.int16],
    unit: np.float32,
    codes: _Codes,
    scales: FloatArray,
    scores: FloatArray,
) -> None:
    """Write the products of `query` (D,) times `unit` and `codes` (C, D) times `scales` (C,)."""
    for place in range(len(codes)):
        scores[place] = np.float32(_dot_code(query, codes[place])) * (scales[place] * unit)


@compiled
def _dot_code(query: npt.NDArray[np.int16], code: _Codes) -> np.int32:
    total = np.int32(0)
    for number in range(len(query)):
        total = np.int32(total + np.int32(np.int32(code[number]) * np.int32(query[number])))
    return total


@compiled_loosely
def _settle(
    plain: tuple[FloatArray, FloatArray, npt.NDArray[np.int16], np.float32, _Codes, FloatArray],
    columns: IntArray,
    settled: npt.NDArray[np.bool_],
    scores: FloatArray,
) -> None:
    """Replace in `scores` (C,) at `columns` what `_dot_codes` wrote by exact products, once."""
    query, vectors, coded, unit, codes, scales = plain
    for place in columns:
        if not settled[place]:
            settled[place] = True
            vector, total = vectors[place], np.float32(0)
            for number in range(len(query)):
                total += vector[number] * query[number]
            rough = np.float32(_dot_code(coded, codes[place])) * (scales[place] * unit)
            scores[place] += total - rough
