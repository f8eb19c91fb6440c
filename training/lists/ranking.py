"""From scores to lists."""

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

    `lists` names the lists to make and what each may not hold; one scoring serves them all.
    """
    found = {name: np.empty((len(queries), k), dtype=np.int64) for name in lists}
    for start in range(0, len(queries), BATCH):
        stop = min(start + BATCH, len(queries))
        scores = scorer(queries[start:stop])
        for name, exclude in lists.items():
            without = None if exclude is None else exclude.mask(start, stop, width)
            found[name][start:stop] = top_k(scores, k, exclude=without)
    return found
