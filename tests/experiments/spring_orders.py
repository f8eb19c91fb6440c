"""Orders of customers around the exposures of an experiment."""

import pandas as pd

from experiments.definition import Experiment
from features.schema import empty

START = pd.Timestamp("2011-11-01T00:00:00Z").as_unit("us")


AS_OF = START + pd.Timedelta(days=30)


SPRING = Experiment.model_validate(
    {
        "key": "spring",
        "variants": {"old": {"model": "champion"}, "new": {"model": "recommender@2"}},
        "control": "old",
        "window_days": 7,
        "covariate_days": 30,
    }
)


def lines(*rows: tuple[str | None, float, str, float, float]) -> pd.DataFrame:
    """Rows of (customer, days after the start, line type, quantity, unit price)."""
    frame = empty("order_lines")
    if not rows:
        return frame
    times = pd.Series([START + pd.Timedelta(days=row[1]) for row in rows]).astype(
        frame["event_timestamp"].dtype
    )
    return pd.DataFrame(
        {
            "order_id": [f"o{number}" for number in range(len(rows))],
            "line_number": 0,
            "customer_id": pd.Series([row[0] for row in rows], dtype="string[pyarrow]"),
            "line_type": pd.Series([row[2] for row in rows], dtype="string[pyarrow]"),
            "quantity": [row[3] for row in rows],
            "unit_price": [row[4] for row in rows],
            "event_timestamp": times,
            "recorded_timestamp": times,
        }
    )
