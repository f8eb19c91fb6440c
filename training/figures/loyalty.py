"""A loyalty index: weights of standardised parts, as its config says.

    index of a customer = sum over parts of weight * (value - mean) / std

where mean and standard deviation are those of the customers `reference_days` earlier. The shop's
index is the mean over customers: 0 as loyal as then, +1 one standard deviation more. So it can rise
and fall over time, which the mean of values that are standardised among themselves cannot. Every
part is of one year, so that it does not grow with the length of the files.
"""

from dataclasses import dataclass
from typing import Final, Literal, Self, get_args

import numpy as np
import pandas as pd
import pydantic

from configs.errors import UserError
from configs.loader import Config
from training.customers.orders import ACTIVE_DAYS
from training.data.known_orders import days_before
from training.evaluation.intervals import Estimate
from training.figures.rates import mean

Part = Literal["orders_365d", "spend_365d", "days_since_last_order", "span_365d"]
PARTS: Final[tuple[Part, ...]] = get_args(Part)


class NoReference(UserError, ValueError):
    """There are no customers to standardise by; the message says what to change."""


class LoyaltyConfig(Config):
    """The formula of the index."""

    parts: dict[Part, float] = pydantic.Field(min_length=1)
    """Part -> weight; negative where less is more loyal. Their absolute values add up to 1."""
    reference_days: int = pydantic.Field(365, ge=0)
    """How long before the cut the customers stood by which parts are standardised; 0: at it."""

    @pydantic.model_validator(mode="after")
    def _adds_up(self) -> Self:
        total = sum(map(abs, self.parts.values()))
        if not abs(total - 1) < 1e-9:
            raise ValueError(f"the absolute values of the weights add up to {total:g}, not to 1")
        return self


@dataclass(frozen=True, kw_only=True)
class Loyalty:
    """The index at one time."""

    index: Estimate
    """The mean over customers, with its bootstrap interval of 95%."""
    customers: pd.DataFrame
    """customer_id, the parts, and loyalty: the customer's index."""
    formula: str
    """The formula with the numbers in it."""


def parts_at(orders: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    """Return PARTS at `at` (UTC) of each customer with an order in the ACTIVE_DAYS before it.

    All of these days: the number of orders, their value in the shop's currency, the days from the
    first of them to the last one (`span_365d`), and the days from the last one to `at`.
    """
    times = orders["event_timestamp"]
    year = orders[(times >= at - pd.Timedelta(days=ACTIVE_DAYS)) & (times < at)]
    found = year.groupby("customer_id").agg(
        orders_365d=("order_id", "size"),
        spend_365d=("value", "sum"),
        first=("event_timestamp", "min"),
        last=("event_timestamp", "max"),
    )
    age, last = days_before(at, found.pop("first")), days_before(at, found.pop("last"))
    ages = {"days_since_last_order": last, "span_365d": age - last}
    return found.assign(**ages).astype(np.float64).reset_index()


def loyalty(
    orders: pd.DataFrame, config: LoyaltyConfig, *, as_of: pd.Timestamp, seed: int
) -> Loyalty:
    """Return the index at `as_of` (UTC) by `orders` known then.

    Raises NoReference where the ACTIVE_DAYS before an earlier reference time are not all in
    `orders` (its parts would be too low), or all customers then have the same value of a part.
    """
    then = as_of - pd.Timedelta(days=config.reference_days)
    first = orders["event_timestamp"].min()
    most = (as_of - first).days - ACTIVE_DAYS
    if config.reference_days and not config.reference_days <= most:
        raise NoReference(
            f"loyalty.reference_days = {config.reference_days}: the orders begin at "
            f"{first.isoformat()}, less than {ACTIVE_DAYS} days before {then.isoformat()}, so that "
            "the customers of that time cannot be compared with; take "
            + (f"at most {most}, or " if most > 0 else "")
            + "0, by which the shop's index is always 0"
        )
    reference, now = parts_at(orders, then), parts_at(orders, as_of)
    index, terms = np.zeros(len(now)), []
    for part, weight in config.parts.items():
        middle, spread = float(reference[part].mean()), float(reference[part].std(ddof=0))
        if not spread > 0:
            raise NoReference(
                f"loyalty.parts: all customers had {part} = {middle:g} at {then.isoformat()}; "
                "leave this part out"
            )
        index += weight * (now[part].to_numpy() - middle) / spread
        terms.append(f"{weight:+g} * ({part} - {middle:.4g}) / {spread:.4g}")
    return Loyalty(
        index=mean(index, seed=seed),
        customers=now.assign(loyalty=index),
        formula="loyalty = " + " ".join(terms).removeprefix("+"),
    )
