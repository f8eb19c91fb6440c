"""What a model of the family `customers` predicts for each customer, all at once."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.customers.orders import Numbers
from training.interfaces import CustomerPredictions


def consistent(
    *, churn: Numbers, orders: Numbers, spend: Numbers, next_order: tuple[Numbers, Numbers, Numbers]
) -> CustomerPredictions:
    """Return predictions that agree with each other.

    ValueError if one is not a number, or out of its range.

    >>> some = np.array([0.25])
    >>> consistent(churn=some, orders=some, spend=some, next_order=(some, some, some)).orders
    array([0.75])
    """
    median, low, high = next_order
    for name, values in {"churn": churn, "orders": orders, "spend": spend}.items():
        if not (np.isfinite(values) & (values >= 0)).all():
            raise ValueError(f"{name}: some predictions are negative or no numbers")
    if not ((churn <= 1).all() and (low <= high).all()):
        raise ValueError("churn above 1, or an interval whose ends are exchanged")
    return CustomerPredictions(
        churn=churn,
        orders=np.maximum(orders, 1 - churn),
        spend=spend,
        next_order=np.maximum(median, low),
        next_order_low=low,
        next_order_high=high,
    )


def as_table(customer_ids: npt.NDArray[np.object_], made: CustomerPredictions) -> pd.DataFrame:
    """Return a row per customer, with the names that files of scores have."""
    return pd.DataFrame(
        {
            "customer_id": customer_ids,
            "churn_probability": made.churn,
            "expected_orders": made.orders,
            "expected_spend": made.spend,
            "next_order_days": made.next_order,
            "next_order_low": made.next_order_low,
            "next_order_high": made.next_order_high,
        }
    )
