"""The figures of a shop as tables of text, for the console."""

from collections.abc import Iterator
from typing import Final

import pandas as pd

from training.customers.orders import ACTIVE_DAYS
from training.figures.figures import ShopFigures
from training.reports.text_table import TextTable

MONTHS: Final = (1, 2, 3, 6, 12)
"""The months since a cohort's own that the console shows; the CSV has all."""
COHORTS: Final = 12
"""The number of cohorts that the console shows, the youngest ones."""


def shop_tables(figures: ShopFigures) -> Iterator[TextTable]:
    """Yield the tables: cohorts twice, churn, and acquisition and surveys where given."""
    yield _by_cohort(
        figures.cohorts, "retention", "Retention: customers who ordered in the month, 95% interval"
    )
    yield _by_cohort(
        figures.cohorts, "repeat_rate", "Repeat rate: a second order by then, 95% interval"
    )
    yield _churn(figures)
    if figures.acquisition is not None:
        yield _acquisition(figures.acquisition, figures.currency)
    if figures.satisfaction is not None:
        yield _satisfaction(figures.satisfaction)
    if figures.loyalty is not None:
        index = figures.loyalty.index
        yield TextTable(
            title="Loyalty index, 95% interval; 0: as the customers of the reference time",
            columns=("customers", "mean"),
            rows=(
                (
                    f"{len(figures.loyalty.customers):,}",
                    f"{index.value:+.3f} ({index.low:+.3f} .. {index.high:+.3f})",
                ),
            ),
        )


def _by_cohort(cohorts: pd.DataFrame, name: str, title: str) -> TextTable:
    """Return the share `name` of the youngest cohorts; "-" where the month is not over."""
    shown = cohorts["cohort"].drop_duplicates().tolist()[-COHORTS:]
    indexed = cohorts.set_index(["cohort", "month"])
    rows = []
    for cohort in shown:
        cells = [
            _percent(indexed.loc[(cohort, month)], name)
            if (cohort, month) in indexed.index
            else "-"
            for month in MONTHS
        ]
        rows.append((cohort, f"{indexed.loc[(cohort, 0), 'customers']:,}", *cells))
    return TextTable(
        title=f"{title}; a month that is not over is not shown",
        columns=("first order", "customers", *(f"+{month}" for month in MONTHS)),
        rows=tuple(rows),
    )


def _churn(figures: ShopFigures) -> TextTable:
    rows = []
    for _, row in figures.churn_rates.iterrows():
        start, end = (row[name].tz_convert(figures.timezone).date() for name in ("start", "end"))
        rows.append((f"{start} .. {end}", f"{row['active']:,}", _percent(row, "churn_rate")))
    if not rows:
        rows.append((f"no window has {ACTIVE_DAYS} days of orders before it", "-", "-"))
    return TextTable(
        title="Churn: a year's customers without an order from .. to, 95% interval",
        columns=("from .. to", "customers", "churn rate"),
        rows=tuple(rows),
    )


def _acquisition(frame: pd.DataFrame, currency: str) -> TextTable:
    rows = []
    for _, row in frame.iterrows():
        name = row["month"] if pd.isna(row["channel"]) else f"{row['month']} {row['channel']}"
        rows.append(
            (
                name,
                f"{row['new_customers']:,}",
                _money(row["cac"]),
                _range(row, "clv"),
                _range(row, "clv_to_cac"),
            )
        )
    return TextTable(
        title=f"Acquisition in {currency}, 95% interval; total: of the months with a CLV",
        columns=("first order", "new", "CAC", "CLV", "CLV : CAC"),
        rows=tuple(rows),
    )


def _satisfaction(frame: pd.DataFrame) -> TextTable:
    rows = []
    for _, row in frame.iterrows():
        share = row["question"] == "csat"
        text = (
            _percent(row, "value", ends=("low", "high"))
            if share
            else (f"{row['value']:+.0f} ({row['low']:+.0f} .. {row['high']:+.0f})")
        )
        rows.append((str(row["question"]).upper(), f"{row['customers']:,}", text))
    return TextTable(
        title="Surveys: each customer's latest answer, 95% interval",
        columns=("question", "customers", "value"),
        rows=tuple(rows),
    )


def _percent(row: pd.Series, name: str, *, ends: tuple[str, str] | None = None) -> str:
    low, high = ends or (f"{name}_low", f"{name}_high")
    return f"{row[name]:.0%} {100 * row[low]:.0f}-{100 * row[high]:.0f}"


def _money(value: float) -> str:
    return "-" if pd.isna(value) else f"{value:,.2f}"


def _range(row: pd.Series, name: str) -> str:
    if pd.isna(row[name]):
        return "-"
    return f"{row[name]:,.2f} ({_money(row[f'{name}_low'])} .. {_money(row[f'{name}_high'])})"
