"""What a shop's order lines hold, in words: the end of every message about too little data."""

import pandas as pd


def extent(lines: pd.DataFrame, *, timezone: str, subject: str = "the data") -> str:
    """Return why `lines` (canonical order lines) hold no purchases, or how many of which days.

    A purchase is a sale line of a known customer, with a product and a positive value. Days are
    those of the IANA zone `timezone`; `subject` begins the sentence.
    """
    if lines.empty:
        return "there are no order lines"
    sales = lines[(lines["line_type"] == "sale") & lines["product_id"].notna()]
    named = sales[sales["customer_id"].notna()]
    bought = named[named["quantity"] * named["unit_price"] > 0]
    shown = bought if len(bought) else lines
    days = shown["event_timestamp"].dt.tz_convert(timezone).dt.normalize().dt.tz_localize(None)
    first, last = days.min(), days.max()
    span = f"{first.date()} to {last.date()}"
    if sales.empty:
        return f"no order line is a sale of a product ({_count(len(lines), 'line')}, {span})"
    if named.empty:
        count = _count(len(sales), "line")
        return f"all sale lines are guests', without a customer_id ({count}, {span})"
    if bought.empty:
        count = _count(len(named), "line")
        return f"no sale line of a known customer has a positive price ({count}, {span})"
    return (
        f"{subject} hold {_count((last - first).days + 1, 'day')} of purchases, {span}: "
        f"{_count(len(bought), 'line')} of {_count(bought['customer_id'].nunique(), 'customer')} "
        f"and {_count(bought['product_id'].nunique(), 'product')}"
    )


def _count(number: int, name: str) -> str:
    return f"{number} {name}" if number == 1 else f"{number} {name}s"
