"""The lifecycle of a customer: in exactly one state at each time.

All windows are of 24-hour days before T. A customer is lapsed at T when the last order happened
before T - lapsed_days; the order that ends such a time wins the customer back.
"""

from typing import Final, Literal, Self, get_args

import duckdb
import pandas as pd
import pydantic

from configs.loader import Config
from features.schema import TEXT, TIME
from features.times import DAY_US, microseconds
from training.segments.names import quoted

State = Literal["new", "active", "at_risk", "lapsed", "won_back", "none"]
STATES: Final[tuple[State, ...]] = get_args(State)


class LifecycleConfig(Config):
    """The thresholds of the states, in days of 24 hours before T."""

    new_days: int = pydantic.Field(30, ge=1)
    """A customer is new when the first order is no older."""
    won_back_days: int = pydantic.Field(90, ge=1)
    """A customer is won back when the order that ended a lapse is no older."""
    at_risk_days: int = pydantic.Field(180, ge=1)
    """A customer is at risk when the last order is older."""
    lapsed_days: int = pydantic.Field(365, ge=1)
    """A customer is lapsed when the last order is older."""

    @pydantic.model_validator(mode="after")
    def _states_exclude_each_other(self) -> Self:
        most = self.at_risk_days
        if max(self.new_days, self.won_back_days) > most or most >= self.lapsed_days:
            raise ValueError(
                "new_days and won_back_days are at most at_risk_days, and that less than "
                "lapsed_days: else a customer would be in two states"
            )
        return self

    def rule(self) -> str:
        """Return the rule of the states in words, a line each.

        >>> print(LifecycleConfig().rule())
        none: no order yet
        new: the first order was in the last 30 days
        won_back: an order in the last 90 days came more than 365 days after the one before
        active: the last order was in the last 180 days, and neither new nor won_back holds
        at_risk: the last order was more than 180 days ago, and not more than 365
        lapsed: the last order was more than 365 days ago
        """
        return "\n".join(
            [
                "none: no order yet",
                f"new: the first order was in the last {self.new_days} days",
                f"won_back: an order in the last {self.won_back_days} days came more than "
                f"{self.lapsed_days} days after the one before",
                f"active: the last order was in the last {self.at_risk_days} days, and neither new "
                "nor won_back holds",
                f"at_risk: the last order was more than {self.at_risk_days} days ago, and not more "
                f"than {self.lapsed_days}",
                f"lapsed: the last order was more than {self.lapsed_days} days ago",
            ]
        )


_STATES: Final = """
WITH known AS (
    SELECT customer_id, epoch_us(event_timestamp) AS happened FROM {orders}
    WHERE customer_id IS NOT NULL
        AND epoch_us(event_timestamp) < $at AND epoch_us(recorded_timestamp) < $at
),
steps AS (
    SELECT customer_id, happened,
        happened - lag(happened) OVER (PARTITION BY customer_id ORDER BY happened) AS gap
    FROM known
),
dated AS (
    SELECT customer_id, min(happened) AS first, max(happened) AS last,
        max(happened) FILTER (gap > $lapsed) AS returned
    FROM steps GROUP BY customer_id
),
everyone AS ({customers})
SELECT customer_id,
    CASE
        WHEN last IS NULL THEN 'none'
        WHEN last < $at - $lapsed THEN 'lapsed'
        WHEN last < $at - $at_risk THEN 'at_risk'
        WHEN first >= $at - $new THEN 'new'
        WHEN returned >= $at - $won_back THEN 'won_back'
        ELSE 'active'
    END AS lifecycle,
    make_timestamp(first) AS first_order_timestamp, make_timestamp(last) AS last_order_timestamp
FROM everyone LEFT JOIN dated USING (customer_id)
ORDER BY customer_id
"""


def lifecycle(
    con: duckdb.DuckDBPyConnection,
    config: LifecycleConfig,
    *,
    at: pd.Timestamp,
    orders: str = "orders",
    customers: str | None = None,
) -> pd.DataFrame:
    """Return the state of every customer at `at` (UTC), by customer_id.

    `orders` is a table or view of `con` as in `training.segments.rfm`; only orders that happened
    and were recorded before `at` are read. Without `customers` the answer holds the customers with
    such an order; else also those of that table's `customer_id`, who are `none` without an order.
    Columns: customer_id, lifecycle (one of STATES), first_order_timestamp and last_order_timestamp
    (UTC; null without an order).
    """
    everyone = "SELECT customer_id FROM dated"
    if customers is not None:
        everyone += (
            f" UNION SELECT customer_id FROM {quoted(customers)} WHERE customer_id IS NOT NULL"
        )
    thresholds = {
        "new": config.new_days,
        "won_back": config.won_back_days,
        "at_risk": config.at_risk_days,
        "lapsed": config.lapsed_days,
    }
    frame = con.execute(
        _STATES.format(orders=quoted(orders), customers=everyone),
        {"at": microseconds(at)} | {name: days * DAY_US for name, days in thresholds.items()},
    ).df()
    times = ["first_order_timestamp", "last_order_timestamp"]
    utc = {name: frame[name].dt.tz_localize("UTC").astype(TIME) for name in times}
    return frame.assign(**utc).astype({"customer_id": TEXT, "lifecycle": TEXT})
