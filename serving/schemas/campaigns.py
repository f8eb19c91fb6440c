"""Requests for the profit of a campaign against churn, and the answer."""

from typing import Annotated

from msgspec import Meta, Struct

from serving.schemas.base import Id, NotNegative, Request

Share = Annotated[float, Meta(ge=0, le=1)]


class ScoredCustomer(Request, frozen=True, kw_only=True):
    """The predictions for one customer, about the same horizon for all of them."""

    customer_id: Id
    churn_probability: Share
    """Probability of no order in the horizon."""
    expected_spend: NotNegative
    """Expected spend in the horizon."""
    average_order_value: NotNegative | None = None
    """Of the past orders. It bounds what a saved customer spends, where `churn_probability` is near
    1; give it for every customer, or for none."""
    days_since_last_order: NotNegative | None = None
    """For the comparison with a choice by recency; give it for every customer, or for none."""


class CampaignProfitRequest(Request, frozen=True, kw_only=True):
    """Requests whom to contact so that they do not leave, and the expected profit.

    Amounts are in one currency. Profits add up: more customers can go into several requests.
    """

    customers: Annotated[list[ScoredCustomer], Meta(min_length=1, max_length=10_000)]
    margin: Annotated[float, Meta(gt=0, le=1)]
    """Gross margin, a share of the spend."""
    contact_cost: NotNegative
    """Cost of one contact."""
    save_rate: Share
    """Expected share of would-be churners who order because of the contact."""
    save_rate_low: Share | None = None
    save_rate_high: Share | None = None
    """The ends of its interval; give both, or neither."""


class ExpectedProfit(Struct, frozen=True, kw_only=True):
    """The expected profit of contacting a set of customers."""

    contacted: int
    profit: float
    low: float
    high: float
    """At the ends of the save rate's interval; equal to `profit` without one."""


class Contact(Struct, frozen=True, kw_only=True):
    """A customer whom to contact."""

    customer_id: str
    gain: float
    """save_rate x churn_probability x value_if_saved x margin - contact_cost, above 0."""
    gain_low: float
    gain_high: float
    value_if_saved: float
    """What the customer spends if saved: expected_spend / (1 - churn_probability), bounded."""


class CampaignProfitAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whom to contact, the largest gain first, beside simpler choices."""

    request_id: str
    chosen: ExpectedProfit
    """Of `contacts`: no other set has a higher expected profit."""
    everyone: ExpectedProfit
    nobody: ExpectedProfit
    contacts: list[Contact]
    by_recency: ExpectedProfit | None = None
    """As many as chosen, those with the longest time since their last order."""
    best_by_recency: ExpectedProfit | None = None
    """The best number in that order."""
