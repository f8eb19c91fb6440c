"""The scored customers of a shop as the profit needs them, and the list of whom to contact."""

from pathlib import Path

import numpy as np
import pandas as pd

from features.files.cells import refuse, text
from features.files.numbers import NumberFormat, numbers
from features.files.tables import read_rows
from features.workspace import Workspace
from training.data.known_orders import days_before, known_orders
from training.value.profit import (
    BadScores,
    Numbers,
    ProfitConfig,
    ProfitPlan,
    Scored,
    value_if_saved,
)

COLUMNS = ("customer_id", "churn_probability", "expected_spend")
"""What is read of a file of `training score customers`."""


def read_scores(file: Path) -> pd.DataFrame:
    """Return COLUMNS of a file of scores, Parquet or delimited text, checked row by row.

    Raises BadInput, naming file, row, column, value and rule.
    """
    rows = read_rows(file, columns=COLUMNS)
    ids = text(rows["customer_id"])
    refuse(rows["customer_id"], ids.isna(), file=file, rule="a customer's id")
    refuse(rows["customer_id"], ids.duplicated(), file=file, rule="a customer comes once")
    found = {"customer_id": ids}
    for name, most in {"churn_probability": 1.0, "expected_spend": 1e12}.items():
        values = numbers(rows[name], file=file, spelling=NumberFormat())
        rule = "a number from 0 to 1" if most == 1 else "a number from 0, below 1e12"
        refuse(rows[name], ~values.between(0, most), file=file, rule=rule)
        found[name] = values
    return pd.DataFrame(found)


def scored(ws: Workspace, scores: pd.DataFrame, *, as_of: pd.Timestamp) -> Scored:
    """Return the customers of `scores` (COLUMNS), with days since and mean value of their orders.

    Only orders that happened and were recorded before `as_of` (UTC) are read. Raises BadScores for
    a customer without one: the scores are of a later day, or of another shop.
    """
    orders = known_orders(ws, as_of).groupby("customer_id")
    past = orders.agg(last=("event_timestamp", "max"), value=("value", "mean"))
    ids = scores["customer_id"].astype(object).to_numpy()
    past = past.reindex(ids)
    if past["last"].isna().any():
        first = ids[int(past["last"].isna().to_numpy().argmax())]
        raise BadScores(
            f"customer {first!r}: no order was known before {as_of.isoformat()}; give the --as-of "
            "of the scores, and the --home of their shop"
        )
    return Scored(
        customer_ids=ids,
        churn=scores["churn_probability"].to_numpy(np.float64),
        spend=scores["expected_spend"].to_numpy(np.float64),
        order_value=past["value"].to_numpy(np.float64),
        days=days_before(as_of, past["last"]).to_numpy(np.float64),
    )


def contacts(scored: Scored, found: ProfitPlan, config: ProfitConfig) -> pd.DataFrame:
    """Return whom to contact, the largest gain first, a row each.

    `gain` is the expected profit of the contact, `gain_low` and `gain_high` are its values at the
    ends of the save rate's interval; `break_even_save_rate` is the save rate at which it is 0.
    """
    places = found.order[: found.chosen.contacted]
    at_risk = found.margin_at_risk[places]
    low, rate, high = (share * at_risk - config.contact_cost for share in config.save_rates)
    columns: dict[str, Numbers | None] = {
        "gain": rate,
        "gain_low": low,
        "gain_high": high,
        "churn_probability": scored.churn[places],
        "expected_spend": scored.spend[places],
        "value_if_saved": value_if_saved(scored)[places],
        "break_even_save_rate": config.contact_cost / at_risk,
        "average_order_value": None if scored.order_value is None else scored.order_value[places],
        "days_since_last_order": None if scored.days is None else scored.days[places],
    }
    frame = pd.DataFrame({name: column for name, column in columns.items() if column is not None})
    frame.insert(0, "customer_id", scored.customer_ids[places])
    frame.insert(0, "rank", np.arange(1, len(frame) + 1))
    return frame
