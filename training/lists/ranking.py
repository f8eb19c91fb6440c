"""Ranked lists from scores."""

from collections.abc import Mapping

import numpy as np

from training.data.inputs import IntArray, Queries
from training.data.pairs import Pairs
from training.interfaces import Scorer
from training.kernels.top_k import top_k

BATCH = 512  # queries scored at a time


def rank(
    scorer: Scorer, queries: Queries, k: int, *, width: int, lists: Mapping[str, Pairs | None]
) -> dict[str, IntArray]:
    """Return the k best of `width` candidates for each of B queries, (B, k), as `top_k` does.

    `lists` gives for each list, by name, the pairs that it may not contain; the scores are computed
    once.
    """
    ranked = {name: np.empty((len(queries), k), dtype=np.int64) for name in lists}
    for start in range(0, len(queries), BATCH):
        stop = min(start + BATCH, len(queries))
        scores = scorer(queries[start:stop])
        for name, exclude in lists.items():
            excluded = None if exclude is None else exclude.mask(start, stop, width)
            ranked[name][start:stop] = top_k(scores, k, exclude=excluded)
    return ranked
