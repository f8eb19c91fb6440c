"""The outcomes of exposed customers: one row a unit, from exposures and order lines."""

from dataclasses import dataclass
from typing import Final

import pandas as pd

from experiments.definition import Experiment
from features.tables import known_before

METRICS: Final = ("conversion", "revenue")
COVARIATE: Final = "spend_before"
_COUNTED: Final = ("sale", "fee", "return")


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """The units of one experiment at one time."""

    units: pd.DataFrame
    """A row for each unit whose window is over, in order of exposure: `unit_id`, `variant`,
    `first_exposure`, `conversion` (1 with an order in the window, else 0), `revenue` (in the
    window, net of returns) and `spend_before` (in the covariate's days before the exposure)."""
    exposed: dict[str, int]
    """Units by their first variant, including waiting and crossed units."""
    waiting: int
    """Units left out because their window is not over."""
    crossed: int
    """Units left out because they were exposed to two variants; there should be none."""


def outcomes(
    experiment: Experiment,
    exposures: pd.DataFrame,
    order_lines: pd.DataFrame,
    *,
    as_of: pd.Timestamp,
) -> Outcomes:
    """Join `exposures` (see `exposures.read`) to canonical `order_lines`, as known at `as_of`.

    Only lines that happened and were recorded before `as_of` (UTC) are read. A unit's window
    begins with its first exposure and lasts `window_days`; a unit counts when its window is over,
    with or without an order, so that early buyers do not weigh more than late ones.
    """
    seen = exposures.loc[
        (exposures["experiment"] == experiment.key)
        & exposures["unit_id"].notna()
        & (exposures["exposed_timestamp"] < as_of)
    ].sort_values("exposed_timestamp", kind="stable")
    first = seen.drop_duplicates("unit_id").set_index("unit_id")
    first = first[["variant", "exposed_timestamp"]].rename(
        columns={"exposed_timestamp": "first_exposure"}
    )
    counts = first["variant"].value_counts()
    crossed = seen.groupby("unit_id")["variant"].nunique().reindex(first.index) > 1
    over = first["first_exposure"] + pd.Timedelta(days=experiment.window_days) <= as_of
    units = first[over & ~crossed]
    return Outcomes(
        units=_with_metrics(experiment, units, known_before(order_lines, as_of)).reset_index(),
        exposed={name: int(counts.get(name, 0)) for name in sorted(experiment.variants)},
        waiting=int((~over & ~crossed).sum()),
        crossed=int(crossed.sum()),
    )


def _with_metrics(
    experiment: Experiment, units: pd.DataFrame, order_lines: pd.DataFrame
) -> pd.DataFrame:
    """Add the metrics and the covariate to `units` (index `unit_id`)."""
    lines = order_lines[
        order_lines["line_type"].isin(_COUNTED) & order_lines["customer_id"].isin(units.index)
    ]
    customer = lines["customer_id"].astype(object)
    value = (lines["quantity"] * lines["unit_price"]).astype("float64")
    since = lines["event_timestamp"] - customer.map(units["first_exposure"])
    zero = pd.Timedelta(0)
    inside = (since >= zero) & (since < pd.Timedelta(days=experiment.window_days))
    before = (since < zero) & (since >= -pd.Timedelta(days=experiment.covariate_days))

    def total(rows: pd.Series) -> pd.Series:
        return value[rows].groupby(customer[rows]).sum().reindex(units.index, fill_value=0.0)

    bought = customer[inside & (value > 0)]
    return units.assign(
        conversion=units.index.isin(bought).astype("float64"),
        revenue=total(inside),
        spend_before=total(before),
    )
