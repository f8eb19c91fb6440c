"""Doubts about ids that stand in the order lines but not in the table of products or customers."""

from collections.abc import Iterator
from typing import Final

import pandas as pd

from features.checks.doubt import Doubt, Evidence, examples
from features.checks.spellings import SPELLINGS

_LINES: Final = 0.05  # share of the order lines
_UNSOLD: Final = 0.95  # share of the listed products
_LISTED: Final = 20  # products


def join_doubts(evidence: Evidence) -> Iterator[Doubt]:
    """Yield the doubts about the joins of order lines with products and customers."""
    traded = evidence.lines[evidence.lines["line_type"].isin(["sale", "return"])]
    for kind, table in (("product", evidence.products), ("customer", evidence.customers)):
        used, listed = traded[f"{kind}_id"].dropna(), table[f"{kind}_id"].drop_duplicates()
        if len(used) and len(listed):
            yield from _never_listed(kind, used, listed)
            if kind == "product":
                yield from _never_sold(used.drop_duplicates(), listed)


def _never_listed(kind: str, used: pd.Series, listed: pd.Series) -> Iterator[Doubt]:
    absent = used[~used.isin(listed).to_numpy(dtype=bool)]
    if len(absent) < _LINES * len(used) or absent.empty:
        return
    ids = absent.drop_duplicates()
    yield Doubt(
        code=f"{kind}s_never_join",
        summary=f"{len(absent):,} of {len(used):,} lines ({len(absent) / len(used):.0%}) have a "
        f"{kind} that the table of {kind}s does not hold: {len(ids):,} ids",
        detail=f"These {kind}s have no text or other attribute for the models.",
        way_on=_way_on(kind, ids, listed),
        examples=examples(ids),
    )


def _never_sold(used: pd.Series, listed: pd.Series) -> Iterator[Doubt]:
    unsold = listed[~listed.isin(used).to_numpy(dtype=bool)]
    if len(listed) >= _LISTED and len(unsold) >= _UNSOLD * len(listed):
        yield Doubt(
            code="products_never_sold",
            summary=f"{len(unsold):,} of {len(listed):,} listed products are in no order line",
            detail="The products' file may be another shop's, or write its ids in another way.",
            way_on=_way_on("product", used, listed),
            examples=examples(unsold),
        )


def _way_on(kind: str, ids: pd.Series, listed: pd.Series) -> str:
    """Return the rule that makes most of `ids` join; without one, what to look at."""
    for spelling in SPELLINGS:
        joined = spelling.key(ids).isin(spelling.key(listed)).mean()
        if joined > 0.5 and spelling.rule is not None:
            rule = spelling.rule(pd.concat([ids, listed]))
            return f"`{kind}_ids: {rule}` makes {joined:.0%} of these ids join"
    return (
        f"`{kind}_id` of the section `{kind}s` names the column that holds the order lines' ids; "
        f"`{kind}_ids` makes spellings equal"
    )
