"""Scores as dot products of 16-bit vectors; large catalogues get rough 8-bit scores first.

The vectors of a catalogue do not fit a processor's near caches. For one query, reading them is most
of the cost, and it evicts everything else from these caches. So the vectors are stored with 16 bits
a number. In a large catalogue all products are first scored roughly, with 8 bits a number, and only
the best ones exactly.
"""

from collections.abc import Callable
from typing import Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from configs.compiled import Plain, compiled, compiled_loosely
from training.data.inputs import FloatArray, IntArray, Queries

ROUGH_FROM: Final = 20_000
"""The size of a catalogue above which one query is scored roughly first."""
_CODE: Final = 127
_MOST_DIMENSIONS: Final = 512
"""The most dimensions for which the sums of 8-bit products fit in 32 bits."""
_FINE_CODE: Final = 32_767
_Codes = npt.NDArray[np.int8]
_FineCodes = npt.NDArray[np.int16]


QueryVectors = tuple[FloatArray, Callable[[FloatArray], None]]
"""Vectors (B, D) of queries, and the function that adds the other terms to their scores (B, C)."""


class RoughScores(NamedTuple):
    """Dot products as scores (B, C), rough where exact ones would take too long."""

    scores: FloatArray
    make_exact: Callable[[IntArray], None] | None = None
    """Makes the scores of some columns (N,) exact; None where all of them are exact."""


class DotScorer:
    """Scores C products by the dot products of their `rounded` vectors and the queries' vectors."""

    def __init__(
        self, vectors: FloatArray, query_vectors: Callable[[Queries], QueryVectors]
    ) -> None:
        """Take the products' `vectors` (C, D), and the function of the queries' vectors."""
        self._query_vectors = query_vectors
        self._vectors = _Vectors.of(vectors)
        self._scales: FloatArray = self._vectors.scales * np.float32(_FINE_CODE / _CODE)
        self._codes: _Codes | None = None
        if len(vectors) > ROUGH_FROM and vectors.shape[1] <= _MOST_DIMENSIONS:
            self._codes = np.rint(vectors / self._scales[:, None]).astype(np.int8)

    def __call__(self, queries: Queries) -> FloatArray:
        """Return the exact scores (B, C)."""
        vectors, add = self._query_vectors(queries)
        if len(queries) == 1:
            scores = np.empty((1, len(self._vectors.scales)), dtype=np.float32)
            _dot(vectors[0], *self._vectors, scores[0])
        else:
            scores = vectors @ self._vectors.numbers().T
        add(scores)
        return scores

    def rough(self, queries: Queries) -> RoughScores:
        """Return rough scores (B, C) where exact scores of all products would cost more."""
        codes, scales = self._codes, self._scales
        if codes is None or len(queries) != 1:
            return RoughScores(self(queries))
        (query,), add = self._query_vectors(queries)
        unit = max(float(np.abs(query).max()), 1e-30) / _FINE_CODE
        coded = np.rint(query / unit).astype(np.int16)
        scores = np.empty((1, len(codes)), dtype=np.float32)
        _dot_codes(coded, np.float32(unit), codes, scales, scores[0])
        add(scores)
        exact_already = np.zeros(len(codes), dtype=np.bool_)

        def make_exact(columns: IntArray) -> None:
            arrays = (query, *self._vectors, coded, np.float32(unit), codes, scales)
            _make_exact(arrays, columns, exact_already, scores[0])

        return RoughScores(scores, make_exact)


class _Vectors(NamedTuple):
    """C vectors of D numbers."""

    codes: _FineCodes  # (C, D)
    scales: FloatArray  # (C,) the value of code 1

    @classmethod
    def of(cls, vectors: FloatArray) -> Self:
        scales = np.abs(vectors).max(axis=1, initial=1e-30) / np.float32(_FINE_CODE)
        return cls(np.rint(vectors / scales[:, None]).astype(np.int16), scales)

    def numbers(self) -> FloatArray:
        """Return the vectors (C, D) in 32 bits."""
        return self.codes * self.scales[:, None]


def rounded(vectors: FloatArray) -> FloatArray:
    """Return `vectors` (C, D) as a DotScorer stores them, in steps of their maximum / 32,767.

    >>> rounded(np.float32([[1, 1e-9]]))
    array([[1., 0.]], dtype=float32)
    """
    return _Vectors.of(vectors).numbers()


@compiled_loosely
def _dot(query: FloatArray, codes: _FineCodes, scales: FloatArray, scores: FloatArray) -> None:
    """Write the dot products of `query` (D,) and `codes` (C, D) x `scales` (C,) into `scores`."""
    for place in range(len(codes)):
        scores[place] = _dot_fine(query, codes[place]) * scales[place]


@compiled_loosely
def _dot_fine(query: FloatArray, codes: _FineCodes) -> np.float32:
    total = np.float32(0)
    for number in range(len(query)):
        total += np.float32(codes[number]) * query[number]
    return total


@compiled
def _dot_codes(
    query: npt.NDArray[np.int16],
    unit: np.float32,
    codes: _Codes,
    scales: FloatArray,
    scores: FloatArray,
) -> None:
    """Write the dot products of `query` (D,) x `unit` and `codes` (C, D) x `scales` (C,)."""
    for place in range(len(codes)):
        scores[place] = np.float32(_dot_code(query, codes[place])) * (scales[place] * unit)


@compiled
def _dot_code(query: npt.NDArray[np.int16], code: _Codes) -> np.int32:
    total = np.int32(0)
    for number in range(len(query)):
        total = np.int32(total + np.int32(np.int32(code[number]) * np.int32(query[number])))
    return total


@compiled_loosely
def _make_exact(
    arrays: Plain, columns: IntArray, exact_already: npt.NDArray[np.bool_], scores: FloatArray
) -> None:
    """Replace the rough products in `scores` (C,) at `columns` by exact ones, each once."""
    query, fine_codes, fine_scales, coded, unit, codes, scales = arrays
    for place in columns:
        if not exact_already[place]:
            exact_already[place] = True
            rough = np.float32(_dot_code(coded, codes[place])) * (scales[place] * unit)
            scores[place] += _dot_fine(query, fine_codes[place]) * fine_scales[place] - rough
