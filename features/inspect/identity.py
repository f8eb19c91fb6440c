"""What makes an order's id unique, from the customers, times and tills of its lines."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from features.datasets.mapping import DAY
from features.inspect.columns import reason
from features.inspect.draft import Draft
from features.inspect.lines import Lines
from features.inspect.words import counted

_ONE_ORDER = pd.Timedelta(hours=12)
"""Sales further apart than this are not of one order."""


def order_id(lines: Lines, moments: pd.Series | None, sold: pd.Series, draft: Draft) -> pd.Series:
    """Write `order_lines.order_id` into `draft`, and return the orders' ids by row.

    `moments` are local times; only `sold` rows are of one customer and one day.
    """
    if "order_id" not in lines:
        return _made_up(lines, moments, draft)
    column = lines.roles["order_id"]
    parts = _parts(lines, moments)
    places = [role for role in (DAY, "store_id", "till_id") if role in parts]
    conflicts: dict[tuple[str, ...], pd.Series] = {}
    for size in range(len(places) + 1):
        for added in combinations(places, size):
            keys = _joined([parts[each] for each in (*added, "order_id")])
            conflicts[added] = _conflicting(keys, lines, moments, sold)
            if not conflicts[added].any():
                break
        else:
            continue
        break
    best = min(conflicts, key=lambda added: (int(conflicts[added].sum()), len(added)))
    key = "order_lines.order_id"
    if not best:
        draft.put(key, column, reason(lines.rows, column))
        _ask_if_any(lines, conflicts[()], draft)
        return parts["order_id"]
    row = conflicts[()].idxmax()
    shown = _example(lines, parts["order_id"], row, moments)
    if best == (DAY,) and _may_last(lines, conflicts[()]):
        draft.put(key, column, reason(lines.rows, column))
        draft.put("orders_may_span_days", "true", f"open: {shown}, always of one customer")
        draft.ask(
            "orders_may_span_days",
            f"{shown}: do orders last that long? Confirm; if order ids start again, remove the "
            f'line and write order_id: ["{DAY}", {column}]',
        )
        return parts["order_id"]
    names = [DAY if role == DAY else lines.roles[role] for role in (*best, "order_id")]
    draft.put(key, names, f"{column!r} alone is not unique: {shown}")
    draft.ask(
        key,
        f"{shown}: do these ids start again, so that {', '.join(names)} make an order? Confirm, or "
        f"write order_id: {column}",
    )
    return _joined([parts[each] for each in (*best, "order_id")])


def _parts(lines: Lines, moments: pd.Series | None) -> dict[str, pd.Series]:
    """Return the columns that may be part of an order's id, as text."""
    parts = {role: lines.ids(role) for role in ("order_id", "store_id", "till_id") if role in lines}
    if moments is not None:
        parts[DAY] = moments.dt.strftime("%Y-%m-%d")
    return parts


def _joined(parts: Sequence[pd.Series]) -> pd.Series:
    joined, *others = (part.astype("string").fillna("") for part in parts)
    for other in others:
        joined = joined.str.cat(other, sep="/")
    return joined


def _conflicting(
    keys: pd.Series, lines: Lines, moments: pd.Series | None, sold: pd.Series
) -> pd.Series:
    """Return whether a sold row's order has several customers, distant times, or several tills."""
    rows = sold.to_numpy(dtype=bool)
    codes = pd.Series(pd.factorize(keys[rows])[0])
    bad = pd.Series(False, index=range(int(codes.max()) + 1) if len(codes) else [])
    if "customer_id" in lines:
        bad |= _several(codes, lines.ids("customer_id")[rows])
    if moments is not None:
        moment = moments[rows].reset_index(drop=True).groupby(codes).agg(["min", "max"])
        span = moment["max"] - moment["min"]
        bad |= span > _ONE_ORDER
        for role in ("store_id", "till_id"):
            if role in lines:
                bad |= _several(codes, lines.ids(role)[rows]) & (span > pd.Timedelta(0))
    conflicting = np.zeros(len(keys), dtype=bool)
    conflicting[rows] = codes.map(bad).to_numpy(dtype=bool)
    return pd.Series(conflicting, index=keys.index)


def _several(codes: pd.Series, values: pd.Series) -> pd.Series:
    """Return by code whether it goes with several values; an empty cell is one."""
    pairs = pd.DataFrame({"code": codes, "value": values.fillna("").to_numpy()}).drop_duplicates()
    return pairs["code"].value_counts().sort_index() > 1


def _may_last(lines: Lines, conflicting: pd.Series) -> bool:
    """Return whether the conflicting orders have one customer each, so that ids do not restart."""
    if "customer_id" not in lines:
        return False
    rows = pd.DataFrame({"order": lines.ids("order_id"), "customer": lines.ids("customer_id")})[
        conflicting.to_numpy()
    ]
    return bool(
        rows["customer"].notna().all() and (rows.groupby("order")["customer"].nunique() == 1).all()
    )


def _example(lines: Lines, orders: pd.Series, row: Any, moments: pd.Series | None) -> str:
    """Return a sentence on an order id that several orders have."""
    same = (orders == orders[row]).fillna(False).to_numpy()
    where = ", ".join(str(each) for each in orders.index[same][:4])
    where += ", ..." if same.sum() > 4 else ""
    parts = []
    if "customer_id" in lines:
        names = lines.ids("customer_id")[same].fillna("a guest").unique()
        parts.append(f"{counted(len(names), 'customer')} ({', '.join(names[:3])})")
    if moments is not None:
        days = moments[same].dt.strftime("%Y-%m-%d").unique()
        parts.append(f"{counted(len(days), 'day')} ({', '.join(days[:3])})")
    return f"{orders[row]!r} in rows {where} has {' and '.join(parts)}"


def _ask_if_any(lines: Lines, conflicting: pd.Series, draft: Draft) -> None:
    if conflicting.any():
        orders = lines.ids("order_id")
        shown = _example(lines, orders, conflicting.idxmax(), None)
        draft.ask(
            "order_lines.order_id",
            f"{shown}, and no other column makes the ids unique ({int(conflicting.sum()):,} rows "
            f'are like this): name the columns that do, such as order_id: ["{DAY}", '
            f"{lines.roles['order_id']}], or orders_may_span_days: true",
        )


def _made_up(lines: Lines, moments: pd.Series | None, draft: Draft) -> pd.Series:
    """Make an order of a customer's lines of one day, or of one moment."""
    times = draft.values["order_lines.event_timestamp"]
    clock = moments is not None and bool((moments != moments.dt.normalize()).any())
    first = ([times] if isinstance(times, str) else list(times)) if clock else [DAY]
    roles = [role for role in ("store_id", "till_id", "customer_id") if role in lines]
    names = [*first, *(lines.roles[role] for role in roles)]
    draft.put("order_lines.order_id", names, "no column has a name of order ids")
    draft.ask(
        "order_lines.order_id",
        f"the file has no order id: do the lines with the same {', '.join(names)} make one order? "
        "Confirm, or name the column of the order's id",
    )
    day = moments.astype("string") if moments is not None else lines.cells("event_timestamp")
    return _joined([day, *(lines.ids(role) for role in roles)])
