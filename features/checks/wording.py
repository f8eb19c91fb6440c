"""The figures as rows of text, for the terminal and for the page."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import pandas as pd

from features.checks.figures import WEEKDAYS, CustomerShare, Figures

_QUARTERS: Final = 4


def rows(figures: Figures) -> Iterator[tuple[str, str]]:
    """Yield (name, value) of every figure but the months."""
    by_type = figures.lines_by_type
    yield "orders", f"{figures.orders:,} ({figures.purchases:,} with a purchase)"
    yield "orders of guests", f"{figures.guest_orders:,}"
    yield "order lines", f"{sum(by_type.values()):,}"
    for kind, count in by_type.items():
        yield f"  {kind}", f"{count:,}"
    yield "customers in the orders", f"{figures.customers:,} ({figures.customers_listed:,} listed)"
    yield "products sold", f"{figures.products_sold:,} ({figures.products_listed:,} listed)"
    yield "units sold", f"{figures.units_sold:,.10g}"
    yield "units returned", f"{figures.units_returned:,.10g}"
    yield "gross sales", amount(figures.gross_sales, figures.currency)
    yield "  - returns", amount(figures.returns, figures.currency)
    yield "  + fees", amount(figures.fees, figures.currency)
    yield "  + adjustments", amount(figures.adjustments, figures.currency)
    yield "net revenue", amount(figures.net_revenue, figures.currency)
    yield "first order", _local(figures.first_order, figures.timezone)
    yield "last order", _local(figures.last_order, figures.timezone)
    yield "the workspace's clock", _local(figures.now, figures.timezone)
    yield "median lines per order", _number(figures.lines_per_order)
    yield "median days between orders", _number(figures.days_between_orders)
    yield "customer with most orders", _share(figures.largest_by_orders[:1])
    richest = figures.largest_by_revenue
    yield "customer with most revenue", _share(() if richest is None else (richest,))
    yield f"orders by hour, {figures.timezone}", _hours(figures)
    yield (
        "orders by weekday",
        ", ".join(
            f"{day} {_percent(count, figures.orders)}"
            for day, count in zip(WEEKDAYS, figures.orders_by_weekday, strict=True)
        ),
    )


def amount(value: Decimal, currency: str) -> str:
    """Return `value` with its currency.

    >>> amount(Decimal("1234.5"), "EUR")
    '1,234.50 EUR'
    """
    return f"{value:,.2f} {currency}"


def _hours(figures: Figures) -> str:
    length = 24 // _QUARTERS
    counts = [sum(figures.orders_by_hour[h : h + length]) for h in range(0, 24, length)]
    return ", ".join(
        f"{part * length}-{(part + 1) * length} h {_percent(count, figures.orders)}"
        for part, count in enumerate(counts)
    )


def _share(largest: tuple[CustomerShare, ...]) -> str:
    for each in largest:
        revenue = "-" if each.revenue_share is None else f"{each.revenue_share:.1%}"
        return (
            f"{each.customer_id}: {each.orders:,} orders ({each.order_share:.1%}), "
            f"{revenue} of the revenue"
        )
    return "-"


def _percent(count: int, total: int) -> str:
    return f"{count / total:.0%}" if total else "-"


def _local(time: pd.Timestamp | None, timezone: str) -> str:
    return "-" if time is None else f"{time.tz_convert(timezone):%Y-%m-%d %H:%M} {timezone}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f}"
