"""Audiences: the customers most similar to a seed of customers, without those who opted out."""

from collections.abc import Collection

import pandas as pd

from training.segments.membership import SegmentError
from training.segments.vectors import CustomerVectors, LookalikeConfig, lookalike


class SmallAudience(SegmentError):
    """The audience would have too few members."""


def audience(
    found: CustomerVectors,
    seed: Collection[str],
    *,
    size: int,
    opt_outs: Collection[str],
    smallest: int,
) -> pd.DataFrame:
    """Return the `size` customers outside `seed` who are most similar to it, the best first.

    Who is in `opt_outs` (customer_ids) is taken out before the first `size` are. Columns:
    customer_id, score (larger is more similar; comparable within one answer only). So that it does
    not tell about single persons, SegmentError is raised if fewer than `smallest` of the seed have
    a vector, SmallAudience if the audience would be smaller.
    """
    if size < smallest:
        raise SmallAudience(f"a size of {size} is below the smallest audience, {smallest}")
    known = len(set(seed) & set(found.customer_ids))
    if known < smallest:
        raise SegmentError(
            f"the seed has {known} of the at least {smallest} customers with purchases it needs"
        )
    ranked = lookalike(found, seed, shrinkage=LookalikeConfig().shrinkage)
    taken = ranked[~ranked.customer_id.isin([*opt_outs])].head(size).reset_index(drop=True)
    if len(taken) < smallest:
        raise SmallAudience(
            f"the audience would have fewer than {smallest} customers without those who opted out"
        )
    return taken
