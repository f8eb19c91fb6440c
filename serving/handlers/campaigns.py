"""POST /v1/campaigns:profit: computed from the request alone; no model and no store is read."""

import asyncio
from collections.abc import Sequence

import numpy as np

from serving.problems import refused
from serving.schemas.campaigns import (
    CampaignProfitAnswer,
    CampaignProfitRequest,
    Contact,
    ExpectedProfit,
    ScoredCustomer,
)
from training.value.profit import (
    BadScores,
    Numbers,
    Profit,
    ProfitConfig,
    Scored,
    plan,
    value_if_saved,
)


async def campaign_profit(
    request: CampaignProfitRequest, *, request_id: str
) -> CampaignProfitAnswer:
    """Return whom to contact, and the profits. Raises Problem where the numbers do not agree."""
    return await asyncio.to_thread(_answer, request, request_id)


def _answer(request: CampaignProfitRequest, request_id: str) -> CampaignProfitAnswer:
    config, scored = _config(request), _scored(request.customers)
    found = plan(scored, config)
    places = found.order[: found.chosen.contacted]
    low, gain, high = (
        (rate * found.margin_at_risk[places] - config.contact_cost).tolist()
        for rate in config.save_rates
    )
    values = value_if_saved(scored)[places].tolist()
    ids = scored.customer_ids[places].tolist()
    return CampaignProfitAnswer(
        request_id=request_id,
        chosen=_profit(found.chosen),
        everyone=_profit(found.everyone),
        nobody=_profit(found.nobody),
        by_recency=None if found.by_recency is None else _profit(found.by_recency),
        best_by_recency=None if found.best_by_recency is None else _profit(found.best_by_recency),
        contacts=[
            Contact(customer_id=i, gain=g, gain_low=lo, gain_high=hi, value_if_saved=v)
            for i, g, lo, hi, v in zip(ids, gain, low, high, values, strict=True)
        ],
    )


def _profit(profit: Profit) -> ExpectedProfit:
    return ExpectedProfit(
        contacted=profit.contacted, profit=profit.value, low=profit.low, high=profit.high
    )


def _config(request: CampaignProfitRequest) -> ProfitConfig:
    low, rate, high = request.save_rate_low, request.save_rate, request.save_rate_high
    if (low is None) != (high is None):
        raise refused(
            "/save_rate_low" if low is None else "/save_rate_high", "give both, or neither"
        )
    if not (rate if low is None else low) <= rate <= (rate if high is None else high):
        raise refused("/save_rate", "it lies between save_rate_low and save_rate_high")
    return ProfitConfig(
        margin=request.margin,
        contact_cost=request.contact_cost,
        save_rate=rate,
        save_rate_low=low,
        save_rate_high=high,
    )


def _scored(customers: Sequence[ScoredCustomer]) -> Scored:
    try:
        return Scored(
            customer_ids=np.array([c.customer_id for c in customers], dtype=object),
            churn=np.array([c.churn_probability for c in customers], dtype=np.float64),
            spend=np.array([c.expected_spend for c in customers], dtype=np.float64),
            order_value=_all_or_none(customers, "average_order_value"),
            days=_all_or_none(customers, "days_since_last_order"),
        )
    except BadScores as error:
        raise refused("/customers", str(error)) from error


def _all_or_none(customers: Sequence[ScoredCustomer], name: str) -> Numbers | None:
    values = [getattr(customer, name) for customer in customers]
    missing = [place for place, value in enumerate(values) if value is None]
    if len(missing) == len(values):
        return None
    if missing:
        raise refused(f"/customers/{missing[0]}/{name}", "give it for every customer, or for none")
    return np.array(values, dtype=np.float64)
