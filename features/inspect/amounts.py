"""Prices and quantities: a price of a unit or a line, discounts, taxes, and negative amounts."""

from typing import Final

import pandas as pd

from features.inspect.columns import reason
from features.inspect.draft import Draft
from features.inspect.lines import Lines
from features.inspect.words import counted, in_words

_CENT: Final = 0.011
_MOST: Final = 0.95
_LOOKED_AT: Final = 20_000


def prices(lines: Lines, draft: Draft) -> None:
    """Write the columns of quantity and amount into `draft`."""
    if "quantity" in lines:
        name = lines.roles["quantity"]
        draft.put("order_lines.quantity", name, reason(lines.rows, name))
    else:
        draft.note("order_lines", "no column has a name of quantities: every row is one unit")
        draft.ask("order_lines.quantity", "the file has no quantity: is every row one unit?")
    price, total = (role in lines for role in ("unit_price", "line_total"))
    if not price and not total:
        draft.put("without_prices", "true", "no column has a name of prices")
        draft.ask(
            "without_prices",
            "the file has no price that is known by its name: confirm, or name it, as "
            "unit_price: COLUMN or line_total: COLUMN, and remove this line",
        )
        return
    if price and total:
        _choose(lines, draft)
    else:
        _put(lines, "unit_price" if price else "line_total", draft)
        _check_reading(lines, draft)
    _extras(lines, draft)


def chosen_price(draft: Draft) -> str | None:
    """Return the role of the amount in `draft`; None without prices."""
    return next(
        (r for r in ("unit_price", "line_total") if f"order_lines.{r}" in draft.values), None
    )


def sold(lines: Lines, draft: Draft) -> pd.Series:
    """Return which rows sell something: no returns, no corrections."""
    role = chosen_price(draft)
    positive = _quantities(lines, draft) > 0
    return positive if role is None else positive & (lines.numbers(role, draft) >= 0)


def _put(lines: Lines, role: str, draft: Draft, why: str = "") -> None:
    name = lines.roles[role]
    draft.put(f"order_lines.{role}", name, why or reason(lines.rows, name))


def _quantities(lines: Lines, draft: Draft) -> pd.Series:
    if "quantity" in lines:
        return lines.numbers("quantity", draft)
    return pd.Series(1.0, index=lines.rows.index)


def _choose(lines: Lines, draft: Draft) -> None:
    """Choose between a price and a total: the total, if it is one of a line."""
    price, total = lines.numbers("unit_price", draft), lines.numbers("line_total", draft)
    quantity = _quantities(lines, draft)
    names = {role: lines.roles[role] for role in ("unit_price", "line_total")}
    known = price.notna() & total.notna() & quantity.notna()
    agree = ((price * quantity - total).abs() < _CENT)[known]
    wrong_sign = (total > 0) & (quantity < 0)
    if known.any() and agree.all() and not wrong_sign.any():
        _put(lines, "line_total", draft, f"{names['unit_price']!r} times the quantity, in all rows")
        return
    if not known.any() or float(known.mean()) < _MOST or wrong_sign.any():
        _put(lines, "unit_price", draft)
        row = (~known | wrong_sign).idxmax()
        draft.note("", f"{names['line_total']!r} is not used: row {row} has no total of a line")
        return
    row = (~agree).idxmax()
    shown = (
        f"in row {row}, {names['unit_price']!r} times the quantity is "
        f"{price[row] * quantity[row]:.2f} and {names['line_total']!r} is {total[row]:.2f} "
        f"({float(agree.mean()):.0%} of the rows agree)"
    )
    by_order = "order_id" in lines and bool(
        (total.groupby(lines.cells("order_id")).nunique() <= 1).all()
        and lines.cells("order_id").duplicated().any()
    )
    role = "unit_price" if by_order else "line_total"
    _put(lines, role, draft, f"open: {shown}")
    other = "line_total" if by_order else "unit_price"
    what = " and is the same on all lines of an order" if by_order else ""
    draft.ask(
        f"order_lines.{role}",
        f"{shown}{what}: which is what the customer paid for the line? Keep {role}: "
        f"{names[role]}, or replace it by {other}: {names[other]}",
    )


def _check_reading(lines: Lines, draft: Draft) -> None:
    """Ask if the one amount looks like a total though its name says a price, or the reverse."""
    role = chosen_price(draft)
    if role is None or "quantity" not in lines or "product_id" not in lines:
        return
    amount, quantity = lines.numbers(role, draft), lines.numbers("quantity", draft)
    rows = pd.DataFrame({"id": lines.ids("product_id"), "n": quantity, "amount": amount.abs()})
    rows = rows[(rows["n"] > 0) & (rows["amount"] > 0)].head(_LOOKED_AT)
    rows["each"] = rows["amount"] / rows["n"]
    varied = rows.groupby("id").filter(lambda group: group["n"].nunique() > 1)
    if varied["id"].nunique() < 3:
        return
    by_product = varied.groupby("id")[["amount", "each"]]
    spread = by_product.std() / by_product.mean()
    as_price, as_total = float(spread["amount"].median()), float(spread["each"].median())
    name = lines.roles[role]
    likely = "unit_price" if as_price <= as_total else "line_total"
    if likely != role and min(as_price, as_total) * 3 < max(as_price, as_total):
        draft.ask(
            f"order_lines.{role}",
            f"{name!r} is read as {role}, but over the quantities of a product it behaves as "
            f"{likely}: keep it, or write {likely}: {name} instead",
        )


def _extras(lines: Lines, draft: Draft) -> None:
    """Ask about a discount and a tax beside the price; add the discount where the sums say so."""
    role = chosen_price(draft)
    for extra, sign in (("line_discount", "subtracted from"), ("line_tax", "added to")):
        if extra not in lines:
            continue
        name = lines.roles[extra]
        values = lines.numbers(extra, draft).fillna(0)
        if not (values != 0).any():
            draft.note("", f"{name!r} is not used: it is 0 in all rows")
            continue
        row = (values != 0).idxmax()
        many = counted(int((values != 0).sum()), "row")
        draft.ask(
            f"order_lines.{role}",
            f"{name!r} is {values[row]:.2f} in row {row}, and not 0 in {many}: does "
            f"{lines.roles[role or '']!r} contain it already? Confirm; if it must be {sign} it, "
            f"add {extra}: {name} to order_lines",
        )


def negative(lines: Lines, draft: Draft) -> None:
    """Write `negative_price` into `draft` as a question, if there are such lines."""
    role = chosen_price(draft)
    if role is None:
        return
    amount, quantity = lines.numbers(role, draft), _quantities(lines, draft)
    below = (amount < 0) & (quantity > 0)
    if "product_id" in lines:
        below &= ~in_words(lines.cells("product_id"), "discount_product")
    if not below.any():
        return
    row = below.idxmax()
    sold_too = False
    if "product_id" in lines:
        ids = lines.ids("product_id")
        sold_too = bool(ids[below].isin(ids[amount > 0]).mean() > 0.5)
    kind = "return" if sold_too else "adjustment"
    shown = f"{counted(int(below.sum()), 'row')}, such as row {row}: an amount below 0"
    draft.put("negative_price", kind, shown)
    draft.ask(
        "negative_price",
        f"{shown} and a quantity above 0: are they returns of goods or adjustments (discounts, "
        f"corrections)? Keep negative_price: {kind}, or write "
        f"{'adjustment' if sold_too else 'return'}",
    )


def fees(lines: Lines, draft: Draft) -> None:
    """Write the product ids that are fees or discounts into `draft`, as a question."""
    if "product_id" not in lines or "order_lines.line_type" in draft.values:
        return
    for key, kind, what in (
        ("fee_product_ids", "fee_product", "fees"),
        ("discount_product_ids", "discount_product", "discounts"),
    ):
        cells = lines.cells("product_id")
        found = [str(each) for each in cells[in_words(cells, kind)].unique()]
        if "title" in lines:
            by_title = in_words(lines.cells("title"), kind)
            found += [str(each) for each in cells[by_title].dropna().unique()]
        found = list(dict.fromkeys(found))
        if found:
            draft.put(key, found, f"these ids, or their titles, are words of {what}")
            draft.ask(key, f"are {', '.join(found)} {what}, no products? Confirm, or remove them")
