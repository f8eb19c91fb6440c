"""Orders as a sparse matrix of baskets, in the order in which each customer placed them."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_array

from features.baskets.counting import IntArray, later_orders

_DAY_US: Final = 86_400_000_000


@dataclass(frozen=True, kw_only=True)
class Orders:
    """O orders of P products, sorted by customer, then time; guests come first."""

    product_ids: npt.NDArray[np.object_]  # (P,) sorted
    matrix: csr_array  # (O, P) int64, 1 where the order contains the product
    customers: IntArray  # (O,) a number for each customer, -1 for a guest
    times: IntArray  # (O,) microseconds since 1970

    @classmethod
    def of(cls, order_lines: pd.DataFrame) -> Self:
        """Return the orders in canonical `order_lines`: their sale lines of positive value.

        The time of an order is that of its first such line. Quantities do not count.
        """
        value = order_lines["quantity"] * order_lines["unit_price"]
        sale = (order_lines["line_type"] == "sale") & order_lines["product_id"].notna()
        lines = order_lines[sale & (value > 0)]
        numbers, order_ids = pd.factorize(lines["order_id"], sort=True)
        columns, product_ids = pd.factorize(lines["product_id"], sort=True)
        customers = pd.factorize(lines["customer_id"], sort=True)[0]
        times = lines["event_timestamp"].to_numpy("datetime64[us]").astype(np.int64)
        of_order = pd.DataFrame({"customer": customers, "time": times}).groupby(numbers)
        heads = of_order.agg({"customer": "max", "time": "min"})
        order = np.lexsort((heads.index, heads["time"], heads["customer"]))
        shape = (len(order_ids), len(product_ids))
        ones = np.ones(len(lines), dtype=np.int64)
        matrix = csr_array((ones, (numbers.astype(np.int64), columns.astype(np.int64))), shape)
        matrix.sum_duplicates()
        matrix.data[:] = 1
        return cls(
            product_ids=np.asarray(product_ids, dtype=object),
            matrix=matrix[order],
            customers=heads["customer"].to_numpy(np.int64)[order],
            times=heads["time"].to_numpy(np.int64)[order],
        )

    def __len__(self) -> int:
        return len(self.times)

    def later(self, *, window_days: float) -> tuple[IntArray, IntArray]:
        """Return where the later orders of each order's customer start and stop, (O,) each.

        They are placed after the order, by at most `window_days`; orders of one moment are not
        after each other, and a guest's order has none.
        """
        starts, stops = np.zeros(len(self), np.int64), np.zeros(len(self), np.int64)
        later_orders(self.customers, self.times, round(window_days * _DAY_US), starts, stops)
        return starts, stops
