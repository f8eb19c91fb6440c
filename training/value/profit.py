"""Whom to contact so that they do not leave, and the expected profit of that.

For one customer, with p the probability of no order in the horizon:

    gain = save_rate * p * value_if_saved * margin - contact_cost
    value_if_saved = expected_spend / (1 - p)
                     and at most ORDERS_BOUND * order_value * -ln(p) / (1 - p)

The contact changes something only for a customer who would not order otherwise (probability p), and
works in a share `save_rate` of these cases. A saved customer is taken to spend as that customer
does in a horizon with at least one order: who does not order spends 0, so that
expected_spend = (1 - p) * E[spend | an order]. That is the horizon's spend alone: what a saved
customer spends afterwards is not counted, nor is a voucher that customers redeem who would have
ordered anyway.

The bound is for p near 1, where the formula divides two small predictions with errors of their own.
Orders at a constant rate, none of them with probability p, number -ln(p) / (1 - p) where there is
one at all; `order_value` is the mean value of the customer's past orders. On a simulated shop of
2,000 customers those above p = 0.9 who did order spent 57 on average: without the bound the formula
gave 182 on average and up to 1,185.

Gains add up, so the set of all customers with a positive gain has the highest expected profit of
all sets; it depends on the expected save rate alone, not on its uncertainty.

Source: Neslin, Gupta, Kamakura, Lu, Mason (2006), "Defection Detection: Measuring and Understanding
the Predictive Accuracy of Customer Churn Models", without an incentive.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pydantic

from configs.errors import UserError
from configs.loader import Config

Numbers = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]
ORDERS_BOUND: Final = 1.5
"""Most orders of a saved customer, in those at a constant rate: orders come in clusters. On the
simulated shop there were 1.3 to 1.7 times as many, where p is below 0.9."""


class BadScores(UserError, ValueError):
    """Scores from which no profit can be computed; the message names the customer and the rule."""


class ProfitConfig(Config):
    """What a contact costs and earns. Money is in the shop's currency."""

    margin: float = pydantic.Field(gt=0, le=1)
    """Share of the spend that remains as gross margin."""
    contact_cost: float = pydantic.Field(ge=0, lt=1e12)
    """Cost of one contact, paid for every customer who is contacted."""
    save_rate: float = pydantic.Field(ge=0, le=1)
    """Expected share of the would-be churners who order because of the contact."""
    save_rate_low: float | None = pydantic.Field(None, ge=0, le=1)
    save_rate_high: float | None = pydantic.Field(None, ge=0, le=1)
    """The ends of the save rate's interval; by default it has none."""

    @pydantic.model_validator(mode="after")
    def _in_order(self) -> Self:
        low, rate, high = self.save_rates
        if (self.save_rate_low is None) != (self.save_rate_high is None):
            raise ValueError("save_rate_low and save_rate_high: give both, or neither")
        if not low <= rate <= high:
            raise ValueError("save_rate lies between save_rate_low and save_rate_high")
        return self

    @property
    def save_rates(self) -> tuple[float, float, float]:
        """The low end, the expected save rate, and the high end."""
        low = self.save_rate if self.save_rate_low is None else self.save_rate_low
        high = self.save_rate if self.save_rate_high is None else self.save_rate_high
        return low, self.save_rate, high


@dataclass(frozen=True, kw_only=True)
class Scored:
    """The predictions for B customers at one time, about the horizon after it."""

    customer_ids: npt.NDArray[np.object_]  # (B,)
    churn: Numbers  # (B,) probability of no order
    spend: Numbers  # (B,) expected spend
    order_value: Numbers | None = None  # (B,) mean value of the past orders; None: no bound
    days: Numbers | None = None  # (B,) since the last order; None: there is no order by recency

    def __post_init__(self) -> None:
        """Raise BadScores if a number is missing or impossible, or a customer comes twice."""
        ids = self.customer_ids
        money = "a number from 0, below 1e12"
        rules = {
            "churn_probability": ("a number from 0 to 1", self.churn, 1.0),
            "expected_spend": (money, self.spend, 1e12),
            "average_order_value": (money, self.order_value, 1e12),
            "days_since_last_order": ("a number from 0", self.days, 1e12),
        }
        for name, (rule, values, most) in rules.items():
            if values is None:
                continue
            if len(values) != len(ids):
                raise ValueError(f"{name}: {len(values)} values for {len(ids)} customers")
            bad = ~((values >= 0) & (values <= most))  # NaN is neither
            if bad.any():
                at = int(bad.argmax())
                raise BadScores(f"customer {ids[at]!r}, {name} = {values[at]:g}: {rule}")
        certain = (self.churn == 1) & (self.spend > 0)
        if certain.any():
            at = int(certain.argmax())
            raise BadScores(
                f"customer {ids[at]!r}, expected_spend = {self.spend[at]:g}: it is 0 where "
                "churn_probability is 1"
            )
        _, first = np.unique(ids.astype(str), return_index=True)
        if len(first) < len(ids):
            at = int(np.setdiff1d(np.arange(len(ids)), first)[0])
            raise BadScores(f"customer {ids[at]!r}: a customer comes once")


@dataclass(frozen=True, kw_only=True)
class Profit:
    """The expected profit of contacting a set of customers."""

    contacted: int
    value: float
    low: float
    high: float
    """At the ends of the save rate's interval. It bounds the expectation: the outcome of one
    campaign varies more, and the predictions have errors of their own."""


@dataclass(frozen=True, kw_only=True)
class ProfitPlan:
    """Whom to contact, and the profit beside other choices. B customers are scored."""

    margin_at_risk: Numbers  # (B,) margin lost by leaving, times its probability
    gains: Numbers  # (B,) expected profit of a contact
    order: Places  # (B,) places of the customers, the largest gain first
    chosen: Profit
    """Everyone with a positive gain: the first of `order`."""
    everyone: Profit
    nobody: Profit
    by_recency: Profit | None
    """As many as chosen, those with the longest time since their last order; None without days."""
    best_by_recency: Profit | None
    """The best number in that order."""


def value_if_saved(scored: Scored) -> Numbers:
    """Return what each customer spends if saved (B,), by the module's formula and its bound.

    0 where churn is 1: nothing is known of what such a customer would spend.

    >>> two = Scored(customer_ids=np.array(["a", "b"], dtype=object),
    ...              churn=np.array([0.5, 1.0]), spend=np.array([40.0, 0.0]))
    >>> value_if_saved(two).tolist()
    [80.0, 0.0]
    >>> bounded = Scored(customer_ids=np.array(["a"], dtype=object), churn=np.array([0.5]),
    ...                  spend=np.array([40.0]), order_value=np.array([10.0]))
    >>> value_if_saved(bounded).round(2).tolist()  # 1.5 * 10 * ln(2) / 0.5, less than 80
    [20.79]
    """
    spend = scored.spend
    if scored.order_value is not None:
        rate = -np.log(np.maximum(scored.churn, np.finfo(np.float64).tiny))
        spend = np.minimum(spend, ORDERS_BOUND * scored.order_value * rate)
    stays = 1 - scored.churn
    return np.divide(spend, stays, out=np.zeros_like(spend), where=stays > 0)


def plan(scored: Scored, config: ProfitConfig) -> ProfitPlan:
    """Return whom to contact and the profits, computed as the module says.

    By hand: "a" is lost with probability 0.5 and spends 40 / 0.5 = 80 if saved. A contact gains
    0.1 * 0.5 * 80 * 0.5 - 1 = 1. For "b" it loses: 0.1 * 0.2 * 50 * 0.5 - 1 = -0.5.

    >>> two = Scored(customer_ids=np.array(["a", "b"], dtype=object),
    ...              churn=np.array([0.5, 0.2]), spend=np.array([40.0, 40.0]))
    >>> found = plan(two, ProfitConfig(margin=0.5, contact_cost=1, save_rate=0.1,
    ...                                save_rate_low=0.05, save_rate_high=0.2))
    >>> found.gains.round(9).tolist(), found.order.tolist()
    ([1.0, -0.5], [0, 1])
    >>> found.chosen
    Profit(contacted=1, value=1.0, low=0.0, high=3.0)
    >>> round(found.everyone.value, 9), found.nobody.value
    (0.5, 0.0)
    """
    at_risk = scored.churn * value_if_saved(scored) * config.margin
    gains = config.save_rate * at_risk - config.contact_cost
    order = np.lexsort([scored.customer_ids.astype(str), -at_risk])
    worth = int((gains > 0).sum())
    by_gain = curve(at_risk[order], config)
    by_recency = best = None
    if scored.days is not None:
        recency = curve(at_risk[recency_order(scored)], config)
        by_recency, best = at(recency, worth), at(recency, int(recency[1].argmax()))
    return ProfitPlan(
        margin_at_risk=at_risk,
        gains=gains,
        order=order,
        chosen=at(by_gain, worth),
        everyone=at(by_gain, len(gains)),
        nobody=at(by_gain, 0),
        by_recency=by_recency,
        best_by_recency=best,
    )


def recency_order(scored: Scored) -> Places:
    """Return the places (B,) of the customers, the longest time since the last order first."""
    if scored.days is None:
        raise ValueError("days = None: there is no order by recency")
    return np.lexsort([scored.customer_ids.astype(str), -scored.days])


def curve(at_risk: Numbers, config: ProfitConfig) -> Numbers:
    """Return the profit (3, B + 1) of the first n customers, for the three `save_rates`.

    `at_risk` (B,) is the margin at risk of the customers, in the order in which they are contacted.

    >>> curve(np.array([20.0, 5.0]), ProfitConfig(margin=1, contact_cost=1, save_rate=0.1)).tolist()
    [[0.0, 1.0, 0.5], [0.0, 1.0, 0.5], [0.0, 1.0, 0.5]]
    """
    sums = np.concatenate([[0.0], np.cumsum(at_risk)])
    costs = config.contact_cost * np.arange(len(sums))
    profits: Numbers = np.outer(config.save_rates, sums) - costs
    return profits


def at(profits: Numbers, contacted: int) -> Profit:
    """Return the profit of the first `contacted` customers of a `curve`."""
    low, value, high = profits[:, contacted].tolist()
    return Profit(contacted=contacted, value=value, low=low, high=high)
