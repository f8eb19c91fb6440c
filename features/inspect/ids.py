"""Ids that are no ids of one thing: guests, several spellings, rounded or empty cells."""

from typing import Final

import pandas as pd

from features.checks.spellings import SPELLINGS, same_but_for
from features.ids import ROUNDED
from features.inspect.draft import Draft
from features.inspect.lines import Lines
from features.inspect.words import counted, in_words, listed

_UNLIKELY: Final = 0.05
"""Share of all orders above which one customer is perhaps nobody in particular."""
_FEW: Final = 20
"""Customers and orders below which a share says nothing."""


def guests(lines: Lines, orders: pd.Series, draft: Draft) -> None:
    """Write `guest_ids` into `draft`; ask about them and about ids with an unlikely share."""
    if "customer_id" not in lines:
        draft.ask(
            "order_lines.customer_id",
            "no column has a name of customer ids, so that all orders are guests': name the "
            "column, such as customer_id: Email, or confirm",
        )
        return
    ids = lines.cells("customer_id")
    pairs = pd.DataFrame({"order": orders, "customer": ids}).dropna().drop_duplicates()
    counts = pairs["customer"].value_counts()
    words = in_words(pd.Series(counts.index, dtype="string"), "guest").to_numpy()
    found = [str(each) for each in counts.index[words]]
    if found:
        shown = ", ".join(f"{each!r} with {counted(counts[each], 'order')}" for each in found)
        draft.put("guest_ids", found, shown)
        draft.ask(
            "guest_ids",
            f"do these customer ids stand for guests: {shown}? Confirm, or move one to `real_ids`",
        )
    others = counts[~words]
    if len(others) < _FEW or others.iloc[0] < _FEW:
        return
    share = others.iloc[0] / orders.nunique()
    if share > _UNLIKELY and others.iloc[0] >= 5 * others.iloc[1]:
        top = str(others.index[0])
        draft.ask(
            "guest_ids",
            f"customer {top!r} has {others.iloc[0]:,} orders, {share:.0%} of all and "
            f"{others.iloc[0] / others.iloc[1]:.0f} times as many as the next: is this a guest? "
            f"If so, write guest_ids: {listed([*found, top])}",
        )


def spellings(lines: Lines, draft: Draft) -> None:
    """Write `customer_ids` and `product_ids` into `draft` where ids differ by spelling only."""
    for role in ("customer_id", "product_id"):
        if role not in lines:
            continue
        distinct = lines.ids(role).dropna().drop_duplicates()
        rule, seen = {}, []
        for spelling in SPELLINGS:
            same = same_but_for(distinct, spelling)
            if same.empty or spelling.rule is None:
                continue
            name, _, value = spelling.rule(same).strip("{}").partition(": ")
            rule[name] = value.strip('"')
            group = same[same.index == same.index[0]]
            seen.append(f"{', '.join(map(repr, group))} differ by {spelling.by}")
        if rule:
            draft.put(f"{role}s", rule, "; ".join(seen))
            draft.ask(
                f"{role}s",
                f"{'; '.join(seen)}: is each of these one id? Confirm; if not, write "
                f"{role}s: {{case: keep}}",
            )


def rounded(lines: Lines, draft: Draft) -> None:
    """Ask about ids that a spreadsheet has rounded, such as 5.01E+12."""
    for role in ("order_id", "customer_id", "product_id"):
        if role not in lines:
            continue
        ids = lines.ids(role).dropna()
        lost = ids[ids.str.match(ROUNDED).fillna(False).astype(bool)]
        if len(lost):
            draft.ask(
                f"order_lines.{role}",
                f"{counted(len(lost), 'cell')} of {lines.roles[role]!r}, such as "
                f"{lost.iloc[0]!r} in row {lost.index[0]}, were rounded by a spreadsheet, so that "
                "several ids are one: export the file again with the column as text; if they are "
                f"real, write real_ids: {listed(lost.unique()[:5])}",
            )


def without_product(lines: Lines, draft: Draft) -> None:
    """Ask about lines without a product id."""
    empty = lines.ids("product_id").isna()
    if empty.any():
        many = counted(int(empty.sum()), "line")
        draft.ask(
            "order_lines.product_id",
            f"{many}, such as row {empty.idxmax()}, have no {lines.roles['product_id']!r}: they "
            "count in orders and revenue, but for no product; confirm, or name a column that all "
            "lines have",
        )
