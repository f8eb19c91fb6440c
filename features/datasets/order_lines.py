"""Canonical order lines from the rows of a shop's orders: ids, times, amounts and line types."""

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.datasets.mapping import DAY, ShopMapping
from features.datasets.order_rows import FIRST_LINE, OrderRows
from features.datasets.source import Source
from features.files.cells import text
from features.files.tables import rows_of
from features.ids import PLAIN
from features.schema import TABLES, TEXT, BadInput

RETURN_SIGN: Final = "quantity above 0 on a return: sign changed"
NEGATIVE_PRICE: Final = "price below 0: sign moved to the quantity"
REFUNDED: Final = "refunded order: a return added for each line, and counted as read"
NO_QUANTITY: Final = "quantity 0 with a total: read as 1"
NO_PRICES: Final = "without prices: every unit counts as 1"
_ADJUSTED: Final = (
    "not negative; say what such a line is: negative_price: return (money back for goods) or "
    "adjustment (a discount)"
)
_AMOUNTS: Final = {
    "line_discount": "not negative unless the line is a return: the discount is subtracted; if the "
    "file writes discounts with a minus, name the column line_tax, which is added",
    "line_tax": "not negative unless the line is a return",
}


def order_lines(rows: OrderRows) -> pd.DataFrame:
    """Return the canonical order lines of `rows`, one per row and one more per refunded row.

    Their index names the rows of the file. Lines without a mapped line number are numbered in the
    file's order. Raises BadInput.
    """
    source, mapping = rows.source, rows.source.mapping
    moments = source.time("event_timestamp")
    lines = pd.DataFrame(
        {
            "order_id": source.joined_id(
                "order_id", mapping.order_ids, day=lambda: _days(moments, mapping)
            ),
            "customer_id": _customers(source),
            "product_id": source.id("product_id", mapping.product_ids),
            "parent_product_id": source.id("parent_product_id", mapping.product_ids),
            "channel": source.text("channel"),
            "store_id": source.id("store_id"),
            "event_timestamp": moments,
            "recorded_timestamp": moments,
        }
    )
    _refuse_empty(source, lines)
    if "recorded_timestamp" in source.columns:
        lines["recorded_timestamp"] = source.time("recorded_timestamp").fillna(moments)
    lines["quantity"], lines["unit_price"], adjusts = _amounts(source, lines)
    lines["line_type"] = _line_types(source, lines).mask(adjusts, "adjustment")
    _move_signs(source, lines)
    if "line_number" in source.columns:
        lines["line_number"] = _whole_numbers(source)
    lines = _with_refunds(rows, lines)
    if "line_number" not in source.columns:
        lines["line_number"] = lines.groupby("order_id", dropna=False).cumcount() + 1
    columns = TABLES["order_lines"].columns
    return lines[list(columns)].astype({n: str(c.dtype) for n, c in columns.items()})


def orders_left_out(rows: OrderRows) -> frozenset[str]:
    """Return the ids of the orders that never came to be, by their status. Raises BadInput."""
    if rows.left_out.empty:
        return frozenset()
    mapping = rows.source.mapping
    source = Source(rows.left_out, rows.source.columns, mapping, file=rows.source.file)
    ids = source.joined_id(
        "order_id", mapping.order_ids, day=lambda: _days(source.time("event_timestamp"), mapping)
    )
    return frozenset(ids.dropna())


def _days(moments: pd.Series, mapping: ShopMapping) -> pd.Series:
    """Return the shop's local day of each time, YYYY-MM-DD."""
    days: pd.Series = moments.dt.tz_convert(mapping.timezone).dt.strftime("%Y-%m-%d")
    return days.astype(TEXT)


def _customers(source: Source) -> pd.Series:
    """Return the customer ids, null for guests."""
    mapping = source.mapping
    ids = source.id("customer_id", mapping.customer_ids)
    rule = mapping.customer_ids or PLAIN
    guests = {rule.clean(guest) for guest in mapping.guest_ids}
    return ids.mask(ids.isin(guests).fillna(False)) if guests else ids


def _refuse_empty(source: Source, lines: pd.DataFrame) -> None:
    """Raise BadInput at a row without an order id or a time; say what such a row may be."""
    for name in ("order_id", "event_timestamp"):
        bad = lines[name].isna()
        if bad.any():
            used = {part for parts in source.columns.values() for part in parts}
            row = source.rows[bad.to_numpy()].iloc[0]
            empty = text(row.astype(TEXT)).isna()
            blank = [str(part) for part in row.index[empty] if part in used]
            blank = blank or [part for part in source.columns[name] if part != DAY]
            first = _first_cell(source, row.name)
            rule = (
                f"not null; {FIRST_LINE.format(', '.join(blank))}; if the row is a total, write "
                f'totals: ["{first}"]; to leave such rows out, write where: {{{blank[0]}: '
                '{leave_out: [""]}}'
            )
            source.refuse(name, bad, rule)


def _first_cell(source: Source, row: object) -> str:
    """Return the first filled cell of a file's row, read or not; "..." where it is not known."""
    file = Path(source.file)
    if not file.is_file():  # several files
        return "..."
    try:
        cells = next(cells for number, cells in rows_of(file, source.mapping) if number == row)
    except BadInput:  # a .parquet file
        return "..."
    return next(filter(None, cells), "...")


def _amounts(source: Source, lines: pd.DataFrame) -> tuple[pd.Series, pd.Series, pd.Series]:
    """Return the quantities and the unit prices (net of discount, with tax), signs as given.

    The third column says which lines are adjustments by the mapping's `zero_quantity`.
    """
    columns, mapping = source.columns, source.mapping
    ones = pd.Series(1.0, index=source.rows.index)
    adjusts = ones == 0
    quantity = source.number("quantity") if "quantity" in columns else ones
    if "quantity" in columns:
        source.refuse("quantity", quantity.isna(), "a number; without the column every row is 1")
    if mapping.without_prices:
        source.mended[NO_PRICES] += len(ones)
        return quantity, ones, adjusts
    if "line_total" in columns:
        total = source.number("line_total")
        source.refuse("line_total", total.isna(), "a number")
        quantity, adjusts = _with_totals(source, lines, quantity, total)
    divisor = quantity.mask(quantity == 0, 1)
    if "line_total" in columns:
        wrong = (total > 0) & (quantity < 0)
        source.refuse("line_total", wrong, "a total with the quantity's sign")
        price = total / divisor
        price = price.where(~((total < 0) & (quantity < 0)), price.abs())
    else:
        price = source.number("unit_price")
        source.refuse("unit_price", price.isna(), "a number")
    back = (quantity < 0) | (price < 0)
    money = pd.Series(np.where(price < 0, -1.0, 1.0), index=price.index) / divisor.abs()
    for name, sign in (("line_discount", -1), ("line_tax", 1)):
        if name in columns:
            amount = source.number(name).fillna(0)
            source.refuse(name, (amount < 0) & ~back, _AMOUNTS[name])
            price += sign * amount.abs() * money
    return quantity, price.mask(price.abs() < 1e-9, 0.0), adjusts


def _with_totals(
    source: Source, lines: pd.DataFrame, quantity: pd.Series, total: pd.Series
) -> tuple[pd.Series, pd.Series]:
    """Return `quantity`, 1 where it is 0 beside a total; and which of these are adjustments."""
    mapping = source.mapping
    products = mapping.fee_product_ids + mapping.discount_product_ids
    lost = (quantity == 0) & (total != 0)
    unsaid = lost & ~_is_one_of(lines, products, mapping)
    if mapping.zero_quantity == "refuse" and unsaid.any():
        product = lines["product_id"][unsaid.to_numpy()].iloc[0]
        named = "..." if pd.isna(product) else product
        rule = (
            "not 0 where the line has a total, which would not count; write fee_product_ids: "
            f"[{named}] or discount_product_ids: [{named}] if the product is no goods, or "
            "zero_quantity: adjustment for all such lines"
        )
        source.refuse("quantity", unsaid, rule)
    source.mended[NO_QUANTITY] += int(lost.sum())
    return quantity.mask(lost, 1), unsaid


def _line_types(source: Source, lines: pd.DataFrame) -> pd.Series:
    """Return the line types from the file's words, or else from signs, prices and products."""
    mapping = source.mapping
    if "line_type" not in source.columns:
        return pd.Series(
            np.select(
                [
                    ((lines["unit_price"] == 0) | (lines["quantity"] == 0)).to_numpy(),
                    _is_one_of(lines, mapping.discount_product_ids, mapping),
                    _is_one_of(lines, mapping.fee_product_ids, mapping),
                    (lines["quantity"] < 0).to_numpy(),
                ],
                ["adjustment", "adjustment", "fee", "return"],
                default="sale",
            ),
            index=lines.index,
            dtype=TEXT,
        )
    words = source.text("line_type")
    if not mapping.line_types:
        return words
    named = words.map(dict(mapping.line_types)).astype(TEXT)
    rule = f"one of {', '.join(mapping.line_types)} (the mapping's line_types)"
    if words.isna().any():
        rule += "; " + FIRST_LINE.format(source.columns["line_type"][0])
    source.refuse("line_type", named.isna(), rule)
    back = ((named == "sale") & (lines["quantity"] < 0)).fillna(False)
    rule = "not a sale where the quantity is below 0: map the word to return, or to adjustment"
    source.refuse("line_type", back, rule)
    return named


def _is_one_of(
    lines: pd.DataFrame, products: tuple[str, ...], mapping: ShopMapping
) -> npt.NDArray[np.bool_]:
    """Return whether each line is of one of `products`, in the spelling of the mapping's ids."""
    rule = mapping.product_ids or PLAIN
    ids = [rule.clean(product) for product in products]
    return lines["product_id"].isin(ids).fillna(False).to_numpy(dtype=bool)


def _move_signs(source: Source, lines: pd.DataFrame) -> None:
    """Let quantities carry the signs, and prices none, by the mapping's `negative_price`.

    That rule is for what is a sale or fee otherwise: discounts, and returns and adjustments by the
    file's own words, need none. A fee stays a fee where the rule is `return`.
    """
    mapping = source.mapping
    negative = (lines["unit_price"] < 0) & (lines["quantity"] != 0)
    discount = negative & _is_one_of(lines, mapping.discount_product_ids, mapping)
    unsaid = negative & lines["line_type"].isin(["sale", "fee"]).astype(bool) & ~discount
    if not mapping.without_prices:
        price = "line_total" if "line_total" in source.columns else "unit_price"
        both = negative & (lines["quantity"] < 0)
        rule = "not negative where the quantity is negative too"
        if price == "unit_price":
            rule += "; if the column is the price of all units together, name it line_total"
        source.refuse(price, both, rule)
        if mapping.negative_price == "refuse" and unsaid.any():
            product = lines["product_id"][unsaid.to_numpy()].iloc[0]
            named = f"; or discount_product_ids: [{product}]" if pd.notna(product) else ""
            source.refuse(price, unsaid, _ADJUSTED + named)
    kind = "adjustment" if mapping.negative_price == "refuse" else mapping.negative_price
    stays = (lines["line_type"] == "fee").astype(bool) & (kind == "return")
    lines["line_type"] = lines["line_type"].mask(discount, "adjustment")
    lines["line_type"] = lines["line_type"].mask(unsaid & ~stays, kind)
    positive = ((lines["line_type"] == "return") & (lines["quantity"] > 0) & ~negative).fillna(
        False
    )
    lines["quantity"] = lines["quantity"].where(~(negative | positive), -lines["quantity"])
    lines["unit_price"] = lines["unit_price"].abs()
    source.mended[NEGATIVE_PRICE] += int(negative.sum())
    source.mended[RETURN_SIGN] += int(positive.sum())


def _whole_numbers(source: Source) -> pd.Series:
    numbers = source.number("line_number")
    source.refuse("line_number", numbers.isna() | (numbers % 1 != 0), "a whole number")
    return numbers.astype("int64")


def _with_refunds(rows: OrderRows, lines: pd.DataFrame) -> pd.DataFrame:
    """Add to each line of a refunded order its return."""
    sold = rows.refunded & lines["line_type"].isin(["sale", "fee"])
    if not sold.any():
        return lines
    returns = lines[sold].assign(quantity=-lines.loc[sold, "quantity"])
    returns["line_type"] = returns["line_type"].mask(returns["line_type"] == "sale", "return")
    if "line_number" in lines:
        after = lines.groupby("order_id")["line_number"].max()
        returns["line_number"] += returns["order_id"].map(after)
    rows.read += len(returns)
    rows.source.mended[REFUNDED] += len(returns)
    return pd.concat([lines, returns])
