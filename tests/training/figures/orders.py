"""Orders as `training.data.known_orders` returns them, in a few lines."""

from collections.abc import Sequence

import pandas as pd

from tests.features.shop import time


def orders(rows: Sequence[tuple[str, str, float]], *, channel: str | None = None) -> pd.DataFrame:
    """Return orders of (customer_id, UTC time, value), oldest first."""
    frame = pd.DataFrame(rows, columns=["customer_id", "at", "value"])
    return pd.DataFrame(
        {
            "customer_id": frame["customer_id"].astype(object),
            "order_id": [f"o{place}" for place in range(len(frame))],
            "event_timestamp": pd.Series([time(at) for at in frame["at"]], dtype="object").astype(
                "datetime64[us, UTC]"
            ),
            "value": frame["value"].astype("float64"),
            "channel": pd.Series([channel] * len(frame), dtype="string[pyarrow]"),
        }
    ).sort_values("event_timestamp", kind="stable", ignore_index=True)
