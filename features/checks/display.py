"""Figures and doubts for the terminal: tables that fit 80 columns, a line per doubt."""

from collections.abc import Sequence
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from features.checks.doubt import Doubt
from features.checks.figures import Figures
from features.checks.wording import amount, rows

_MONTHS: Final = 13  # the last ones; the page shows all


def show(figures: Figures, doubts: Sequence[Doubt]) -> list[RenderableType]:
    """Return what to print: the figures, the revenue by month, then each doubt in a line."""
    if not doubts:
        return [_figures(figures), _months(figures), Text("no doubts")]
    return [_figures(figures), _months(figures), *(_line(doubt) for doubt in doubts)]


def _figures(figures: Figures) -> Table:
    table = _table("What stands", "figure", "value")
    for name, value in rows(figures):
        table.add_row(Text(name), Text(value, overflow="fold"))
    return table


def _months(figures: Figures) -> Table:
    table = _table("By month", "month", "orders", "net revenue")
    months = sorted({*figures.revenue_by_month, *figures.orders_by_month})
    if len(months) > _MONTHS:
        table.add_row(f"{months[0]} to {months[-_MONTHS - 1]}", "...", "...")
    for month in months[-_MONTHS:]:
        orders = figures.orders_by_month.get(month, 0)
        table.add_row(
            month, f"{orders:,}", amount(figures.revenue_by_month[month], figures.currency)
        )
    return table


def _line(doubt: Doubt) -> Text:
    """Return the doubt as one line of text; a terminal wraps it between words."""
    return Text(f"doubt: {doubt.summary} -> {doubt.way_on}")


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for number, name in enumerate(columns):
        table.add_column(name, justify="right" if number and len(columns) > 2 else "left")
    return table
