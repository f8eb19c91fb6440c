"""The last purchases and returns of a customer, as lists; no aggregation can express them.

Offline: an Ibis expression over all cuts. Online: the update of one stored row by fresh purchases.
"""

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import ibis
import numpy as np
from ibis import _
from ibis.expr.types import Table

from features.customer_features import HISTORY_LENGTH, RETURN_DAYS
from features.point_in_time import knowable, latest, seen, sold, stamped
from features.times import DAY_US

Purchase = tuple[int, str, float]
"""A product in an order: the time (microseconds since 1970), the product, its last line's value."""


def customer_history(order_lines: Table, cuts: Table) -> Table:
    """Return the last HISTORY_LENGTH purchases of every customer who bought before a cut.

    A purchase is a (customer, order, product) with a positive sale line, at the time and the value
    of its last line. `recent_products`, `recent_timestamps` (microseconds since 1970) and
    `recent_values` (in the shop's currency) are newest first, ties by product id. So are
    `returned_products` and `returned_timestamps`: the last return of each product in RETURN_DAYS.
    """
    key = ["customer_id", "cut"]
    order = [_.event_timestamp.desc(), _.product_id, _.order_id]
    bought = sold(order_lines).filter(_.customer_id.notnull())
    bought = latest(bought, ["customer_id", "order_id", "product_id"])
    newest = ibis.window(group_by="customer_id", order_by=order)
    newer = ibis.window(group_by="customer_id", order_by=order, rows=(-HISTORY_LENGTH, -1))
    purchase = {
        "position": ibis.row_number().over(newest),
        "product_id": _.product_id,
        "micros": _.happened,
        "value": _.value.cast("float64"),
    }
    bought = bought.mutate(
        purchase=ibis.struct(purchase),
        full=_.replaced.isnull().cast("int64").sum().over(newer) == HISTORY_LENGTH,
        newer_known=_.known.max().over(newer),
    )
    # Only for speed: a line leaves the list once HISTORY_LENGTH newer purchases are known.
    bought = bought.mutate(replaced=ibis.coalesce(_.replaced, _.full.ifelse(_.newer_known, None)))
    lists = seen(bought, cuts).group_by(key)
    lists = lists.agg(purchases=_.purchase.collect().sort()[:HISTORY_LENGTH])
    returned = knowable(order_lines).filter(
        _.line_type == "return", _.customer_id.notnull(), _.product_id.notnull()
    )
    returned = seen(latest(returned, ["customer_id", "product_id"]), cuts, days=RETURN_DAYS)
    returned = returned.mutate(
        line=ibis.struct({"age": -_.happened, "product_id": _.product_id}),
    )
    lists = lists.left_join(returned.group_by(key).agg(returns=_.line.collect().sort()), key)
    return stamped(
        lists.select(
            *key,
            recent_products=_.purchases.map(lambda purchase: purchase.product_id),
            recent_timestamps=_.purchases.map(lambda purchase: purchase.micros),
            recent_values=_.purchases.map(lambda purchase: purchase.value),
            returned_products=_.returns.map(lambda line: line.product_id),
            returned_timestamps=_.returns.map(lambda line: -line.age),
        )
    )


def purchases(row: Mapping[str, Any]) -> list[Purchase]:
    """Return the purchases of a stored `row`, newest first."""
    if row.get("recent_products") is None:
        return []
    times, values = (
        np.asarray(row[name]).tolist() for name in ("recent_timestamps", "recent_values")
    )
    return list(zip(times, row["recent_products"], values, strict=True))


def updated_history(
    row: Mapping[str, Any],
    stored: Sequence[Purchase],
    fresh: Sequence[Purchase],
    returned: Iterable[tuple[int, str]],
    *,
    now: int,
) -> dict[str, Any]:
    """Return HISTORY_FEATURES of `row` at `now` (microseconds since 1970).

    `stored` are the `purchases` of `row`, `fresh` those missing from it, `returned` the times and
    products of fresh returns. Two differences to a snapshot: it holds returns only of customers
    who bought, and it separates orders of one product at the same time.
    """
    history = sorted([*stored, *fresh], key=itemgetter(1)) if fresh else [*stored]
    history = sorted(history, key=itemgetter(0), reverse=True)[:HISTORY_LENGTH]
    last: dict[str, int] = {}
    if row.get("returned_products") is not None:
        last = dict(zip(row["returned_products"], row["returned_timestamps"], strict=True))
    for time, product in returned:
        last[product] = max(time, last.get(product, time))
    oldest = now - RETURN_DAYS * DAY_US
    returns = sorted((-time, product) for product, time in last.items() if time >= oldest)
    return {
        "recent_products": [product for _, product, _ in history],
        "recent_timestamps": [time for time, _, _ in history],
        "recent_values": [value for _, _, value in history],
        "returned_products": [product for _, product in returns],
        "returned_timestamps": [-time for time, _ in returns],
    }
