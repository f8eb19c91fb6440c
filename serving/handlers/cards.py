"""The card of one customer: past purchases, from its features, and the models' predictions."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import pandas as pd

from features.logs.events import EventLog
from features.times import DAY_US
from serving.answers.predictions import CustomerToPredict, answering_model, predict, read
from serving.models.watcher import ModelWatcher
from serving.schemas.predictions import CardRequest, CustomerCard
from serving.state.customers import Customer
from serving.state.served import Served
from training.data.inputs import Queries

TARGETS: Final = ("expected_orders", "expected_spend", "next_order")
"""The card's predictions next to churn."""


class Cards:
    """Answers for single customers from the served models, the stores and the clock."""

    def __init__(
        self, models: ModelWatcher, events: EventLog | None, *, clock: Callable[[], pd.Timestamp]
    ) -> None:
        self._models, self._events, self._clock = models, events, clock

    async def answer(self, request: CardRequest, *, request_id: str) -> CustomerCard:
        """Return the customer's card; for an unknown customer, with figures of all customers."""
        now, served = self._clock(), self._models.served
        found = read(served, self._events, request.customer_id, now=now)
        return card(served, found, now=now, request_id=request_id)


def card(
    served: Served, found: CustomerToPredict, *, now: pd.Timestamp, request_id: str
) -> CustomerCard:
    """Return the card of the customer that was `found` at `now`."""
    made: dict[int, tuple[Queries, Any]] = {}
    churn = predict(served, "churn", [found], now=now, made=made)[0]
    orders, spend, days = (
        predict(served, target, [found], now=now, made=made)[0].value
        if served.answers(target)
        else None
        for target in TARGETS
    )
    model, horizon = answering_model(served, "churn")
    return CustomerCard(
        request_id=request_id,
        model=model,
        experiments=[],
        feature_age_s=churn.feature_age_s,
        fallback_reason=churn.fallback_reason,
        customer_id=found.customer_id,
        churn_probability=churn.value,
        horizon_days=horizon,
        predicted_number_of_orders=orders,
        predicted_clv=spend,
        expected_date_of_next_order=_date(served.time(now), days),
        **historic(found.customer),
    )


def historic(customer: Customer | None) -> dict[str, Any]:
    """Return the card's fields about past purchases; None for what is unknown or undefined.

    A row without stored features (a customer without any order) counts as 0 orders.
    """
    known = customer is not None
    row = customer.row if customer is not None else {}
    orders, spend = (_number(row.get(name)) for name in ("orders_total", "spend_total"))
    days = None
    if orders > 1:
        days = (row["last_order_timestamp"] - row["first_order_timestamp"]) / DAY_US / (orders - 1)
    return {
        "historic_clv": spend if known else None,
        "historic_number_of_orders": int(orders) if known else None,
        "average_days_between_orders": days,
        "average_order_value": spend / orders if orders > 0 else None,
    }


def _date(now: pd.Timestamp, days: float | None) -> datetime | None:
    return None if days is None else (now + pd.Timedelta(days=days)).round("s").to_pydatetime()


def _number(value: Any) -> float:
    return 0.0 if value is None else float(value)
