"""Doubts about amounts: prices, quantities, repeated lines, and the course of the revenue."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd

from features.checks.doubt import Doubt, Evidence, examples
from features.checks.order_lines import sales

_MOST: Final = 0.5  # share of the lines without a price
_ONE_PRICE: Final = 0.9  # share of the sale lines
_LINES: Final = 50
_PRODUCTS: Final = 10
_REPEATED: Final = 0.2  # share of the sale lines, if every quantity is 1
_TWINS: Final = 0.9  # share of the sale lines, whatever their quantity
_REPEATS: Final = 10  # lines
_HUNDREDFOLD: Final = 3  # products, and 1% of them
_STEP: Final = 4  # times the revenue before
_STEP_WEEKS: Final = 6  # on either side
_WEEK_DAYS: Final = 3  # days with sales in each of these weeks


def money_doubts(evidence: Evidence) -> Iterator[Doubt]:
    """Yield the doubts about prices, quantities and revenue."""
    sold = sales(evidence.lines)
    yield from _no_prices(evidence.lines)
    yield from _one_price(sold)
    yield from _hundredfold(sold)
    yield from _repeated_lines(sold)
    yield from _negative_months(evidence)
    yield from _revenue_step(sold)


def _no_prices(lines: pd.DataFrame) -> Iterator[Doubt]:
    free = int((lines["unit_price"] == 0).sum())
    if free >= _MOST * len(lines):
        yield Doubt(
            code="no_prices",
            summary=f"{free:,} of {len(lines):,} lines ({free / len(lines):.0%}) have the price 0",
            detail="Such a line is an adjustment unless the mapping says otherwise: no order, no "
            "purchase, no revenue.",
            way_on="map `unit_price` or `line_total`; if the file has no prices: "
            "`without_prices: true`",
            examples=examples(lines.loc[lines["unit_price"] == 0, "order_id"].drop_duplicates()),
        )


def _one_price(sold: pd.DataFrame) -> Iterator[Doubt]:
    priced = sold[(sold["unit_price"] > 0).to_numpy(dtype=bool)]
    products = priced["product_id"].nunique()
    if len(priced) < _LINES or products < _PRODUCTS:
        return
    counts = priced["unit_price"].value_counts()
    price, lines = float(counts.index[0]), int(counts.iloc[0])
    if lines >= _ONE_PRICE * len(priced):
        yield Doubt(
            code="one_price",
            summary=f"{lines:,} of {len(priced):,} sale lines ({lines / len(priced):.0%}) have "
            f"the price {price:g}, though there are {products:,} products",
            detail="Revenue then counts units; with `without_prices: true` that is meant.",
            way_on="if it is not the price: map `unit_price` or `line_total` to its column",
        )


def _hundredfold(sold: pd.DataFrame) -> Iterator[Doubt]:
    """Doubt products that were sold at one price and at exactly 100 times that price."""
    pairs = sold.loc[(sold["unit_price"] > 0).to_numpy(dtype=bool), ["product_id", "unit_price"]]
    cents = pairs.assign(cents=(pairs["unit_price"] * 100).round()).dropna()
    cents = cents.drop_duplicates(["product_id", "cents"])
    both = cents.merge(cents.assign(cents=cents["cents"] * 100), on=["product_id", "cents"])
    products = both["product_id"].drop_duplicates()
    if len(products) >= max(_HUNDREDFOLD, 0.01 * cents["product_id"].nunique()):
        yield Doubt(
            code="prices_100_times_apart",
            summary=f"{len(products):,} products were sold at a price and at exactly 100 times it",
            detail="A decimal mark was lost, or some files hold cents.",
            way_on="`decimal` and `thousands` say how numbers are written; map files that differ "
            "with mappings of their own",
            examples=examples(
                f"{p}: {low:g} and {high:g}"
                for p, low, high in zip(
                    both["product_id"], both["unit_price_y"], both["unit_price_x"], strict=True
                )
            ),
        )


def _repeated_lines(sold: pd.DataFrame) -> Iterator[Doubt]:
    what = ["order_id", "product_id", "unit_price", "quantity"]
    repeats = sold.duplicated(what).to_numpy()
    twins = sold.duplicated(what, keep=False).to_numpy()
    if repeats.sum() < _REPEATS:
        return
    scanned = bool((sold["quantity"] == 1).all()) and repeats.mean() >= _REPEATED
    if scanned or twins.mean() >= _TWINS:
        yield Doubt(
            code="repeated_lines",
            summary=f"{repeats.sum():,} of {len(sold):,} sale lines ({repeats.mean():.0%}) repeat "
            "a line of their order",
            detail="They are real if a till scans each piece; they are not if a join in the export "
            "repeated the rows, and revenue is then too high.",
            way_on="if the rows are repeated: `line_number` names the column that numbers an "
            "order's lines; a repeated number is dropped",
            examples=examples(sold.loc[repeats, "order_id"].drop_duplicates()),
        )


def _negative_months(evidence: Evidence) -> Iterator[Doubt]:
    months = evidence.figures.revenue_by_month
    negative = {month: amount for month, amount in months.items() if amount < 0}
    if negative:
        yield Doubt(
            code="negative_months",
            summary=f"the net revenue of {len(negative):,} of {len(months):,} months is below 0",
            detail="More was returned or written off than sold: sales may be missing, or lines "
            "have the wrong sign.",
            way_on="see `line_types`, `negative_price` and `totals`",
            examples=examples(f"{month}: {amount:,}" for month, amount in negative.items()),
        )


def _revenue_step(sold: pd.DataFrame) -> Iterator[Doubt]:
    """Doubt a step: each of six weeks is at least 4 times each of the six weeks before, or less.

    A week counts with the median of the revenue of its days with sales.
    """
    if sold.empty:
        return
    days = sold["amount"].groupby(sold["local"].dt.normalize()).sum()
    weekly = days.resample("W-SUN")
    medians = weekly.median().where(weekly.count() >= _WEEK_DAYS)
    low, high = (
        getattr(medians.rolling(_STEP_WEEKS, min_periods=_STEP_WEEKS), name)()
        for name in ("min", "max")
    )
    up = low.shift(-_STEP_WEEKS) / high
    down = low / high.shift(-_STEP_WEEKS)
    step = pd.concat({"up": up, "down": down}, axis=1).replace([np.inf, -np.inf], np.nan)
    if step.max(axis=None) >= _STEP:
        way = str(step.max().idxmax())
        last = pd.Timestamp(step[way].idxmax())
        before = float(medians[:last].iloc[-_STEP_WEEKS:].median())
        after = float(medians[last:].iloc[1 : _STEP_WEEKS + 1].median())
        yield Doubt(
            code="revenue_step",
            summary=f"the revenue of a day steps {way} after {last:%Y-%m-%d}, from a median of "
            f"{before:,.2f} to {after:,.2f}",
            detail=f"Every one of the {_STEP_WEEKS} weeks after is {_STEP} times every one of the "
            f"{_STEP_WEEKS} before, or the reverse.",
            way_on="if the shop did not change: see `decimal` and `currency` of the later files, "
            "and the stores or channels that `where` leaves out",
            examples=(f"{last:%Y-%m-%d}",),
        )
