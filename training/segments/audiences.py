"""Audiences: the customers most similar to a seed of customers, without those who opted out."""

from collections.abc import Collection
from typing import Final

import duckdb
import pandas as pd

from training.segments.membership import SegmentError
from training.segments.vectors import LookalikeConfig, lookalike, stored_vectors

SMALLEST: Final = 10
"""By default neither the seed nor the audience is smaller: it would tell about single persons."""


def audience(
    con: duckdb.DuckDBPyConnection,
    seed: Collection[str],
    *,
    size: int,
    opt_outs: Collection[str],
    smallest: int = SMALLEST,
) -> pd.DataFrame:
    """Return the `size` customers outside `seed` who are most similar to it, the best first.

    `con` has the tables of a State, whose time holds. Who is in `opt_outs` (customer_ids) is taken
    out before the first `size` are. Columns: customer_id, score (larger is more similar; comparable
    within one answer only). Raises SegmentError if the seed or the audience is smaller than
    `smallest`, or if nobody in the seed bought a product.
    """
    if len(set(seed)) < smallest:
        raise SegmentError(
            f"the seed has {len(set(seed))} of the {smallest} customers that it needs at least"
        )
    ranked = lookalike(stored_vectors(con), seed, shrinkage=LookalikeConfig().shrinkage)
    found = ranked[~ranked.customer_id.isin([*opt_outs])].head(size).reset_index(drop=True)
    if len(found) < smallest:
        raise SegmentError(
            f"the audience would have fewer than {smallest} customers without those who opted "
            "out; so small an audience is not given"
        )
    return found
