"""An ordinary shop about which there is no doubt; each test makes one thing odd."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from features.checks.doubt import Doubt
from features.checks.doubts import doubts
from features.checks.figures import Figures, figures
from features.schema import TABLES, empty
from tests.features.shop import line, lines, time

Row = dict[str, object]
NOW = "2011-03-03"


def ordinary(change: Callable[[int, Row], Mapping[str, Any]] | None = None) -> list[Row]:
    """Return 240 orders of 60 days by 30 customers, two lines each.

    The days are 2011-01-01 to 2011-03-01, the hours 9 to 20. `change(order, row)` returns what
    replaces values of a row.
    """
    rows = []
    for order in range(240):
        at = pd.Timestamp("2011-01-01 09:07:00") + pd.Timedelta(
            days=order // 4, hours=order % 4 * 3, minutes=order % 50
        )
        for number in (1, 2):
            product = (order * 5 + number * 3) % 12
            row = line(
                f"o{order:03d}",
                f"c{order * 7 % 30:02d}",
                f"p{product:02d}",
                str(at),
                number=number,
                quantity=1.0 + order % 3,
                price=2.5 + product,
            )
            rows.append(row | dict(change(order, row)) if change else row)
    return rows


def tables(rows: list[Row], **others: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the canonical tables with the order lines `rows`."""
    return {name: empty(name) for name in TABLES} | {"order_lines": lines(*rows)} | others


def figures_of(rows: list[Row], *, now: str = NOW, timezone: str = "UTC") -> Figures:
    """Return the figures of a shop with the order lines `rows`."""
    return figures(tables(rows), timezone=timezone, currency="EUR", now=time(now))


def doubts_of(
    rows: list[Row], *, now: str = NOW, timezone: str = "UTC", **others: pd.DataFrame
) -> dict[str, Doubt]:
    """Return the doubts about a shop with the order lines `rows`, by code."""
    content = tables(rows, **others)
    found = doubts(content, figures(content, timezone=timezone, currency="EUR", now=time(now)))
    assert len({each.code for each in found}) == len(found)
    return {each.code: each for each in found}
