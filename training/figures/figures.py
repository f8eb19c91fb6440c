"""All figures of a shop at one time, as `python -m training figures` shows them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd
import pydantic

from configs.loader import Config, ConfigError
from features.workspace import Workspace
from training.data.known_orders import known_orders
from training.errors import NotEnoughData
from training.figures.acquisition import acquisition
from training.figures.churn import churn_rates
from training.figures.cohorts import cohorts
from training.figures.given_tables import read_costs, read_survey
from training.figures.loyalty import Loyalty, LoyaltyConfig, NoReference, loyalty
from training.figures.surveys import satisfaction

CONFIG: Final = Path(__file__).with_name("figures.yaml")
"""The default settings."""


class FiguresConfig(Config):
    """What the figures count. CONFIG holds the defaults, with the loyalty index's formula."""

    churn_days: int = pydantic.Field(ge=1, le=3_650)
    """A customer churned who places no order in so many days."""
    new_after_days: int = pydantic.Field(ge=0, le=36_500)
    """A first order is a new customer's where the files reach back so many days before its month;
    else it may be the next order of an older customer, and the month has no CAC."""
    clv_days: int = pydantic.Field(ge=1, le=36_500)
    """A customer's value counts so many days from the first order on."""
    margin: float | None = pydantic.Field(None, gt=0, le=1)
    """Gross margin, a share of the spend; needed with costs."""
    survey_days: int = pydantic.Field(ge=1, le=36_500)
    """Answers of so many days before the cut count."""
    loyalty: LoyaltyConfig


@dataclass(frozen=True, kw_only=True)
class ShopFigures:
    """The figures at `as_of`; each table's columns are those of the function of its name."""

    as_of: pd.Timestamp
    timezone: str
    currency: str
    cohorts: pd.DataFrame
    churn_rates: pd.DataFrame
    loyalty: Loyalty | None
    """None: `no_loyalty` says why."""
    no_loyalty: str | None
    acquisition: pd.DataFrame | None
    """None without costs."""
    satisfaction: pd.DataFrame | None
    """None without a survey."""


def shop_figures(
    ws: Workspace,
    config: FiguresConfig,
    *,
    as_of: pd.Timestamp,
    costs: Path | None = None,
    survey: Path | None = None,
    seed: int = 0,
) -> ShopFigures:
    """Return the figures of what was known before `as_of` (UTC); `seed` fixes bootstrap draws.

    Raises BadInput for a bad row of `costs` or `survey`, ConfigError for costs without a margin,
    NotEnoughData without an order of a known customer.
    """
    if costs is not None and config.margin is None:
        raise ConfigError("margin = None: CLV needs the gross margin; give margin=0.4, say")
    spent = None if costs is None else read_costs(costs)
    answers = None if survey is None else read_survey(survey, timezone=ws.timezone)
    orders = known_orders(ws, as_of)
    if orders.empty:
        raise NotEnoughData(
            f"no order of a known customer before {as_of.isoformat()}: name a later day (--as-of), "
            "or ingest orders with customers"
        )
    index, reason = None, None
    try:
        index = loyalty(orders, config.loyalty, as_of=as_of, seed=seed)
    except NoReference as error:
        reason = str(error)
    return ShopFigures(
        as_of=as_of,
        timezone=ws.timezone,
        currency=ws.currency,
        cohorts=cohorts(orders, as_of=as_of, timezone=ws.timezone),
        churn_rates=churn_rates(orders, as_of=as_of, days=config.churn_days),
        loyalty=index,
        no_loyalty=reason,
        acquisition=None
        if spent is None or config.margin is None
        else acquisition(
            orders,
            spent,
            as_of=as_of,
            timezone=ws.timezone,
            margin=config.margin,
            days=config.clv_days,
            new_after_days=config.new_after_days,
            seed=seed,
        ),
        satisfaction=None
        if answers is None
        else satisfaction(answers, as_of=as_of, days=config.survey_days),
    )
