"""Random customers' orders on a DuckDB connection: ties, late records, guests, cents."""

from collections.abc import Sequence

import duckdb
import numpy as np
import pandas as pd

T = pd.Timestamp("2024-03-31T22:00:00Z")  # a month end in Berlin, after a change of clocks
DAY = pd.Timedelta(days=1)


def random_orders(customers: int, *, seed: int) -> pd.DataFrame:
    """Return the orders of about so many customers, within 900 days before T, some after it.

    Times are whole hours and values few amounts, so that many are equal; a tenth of the orders is
    recorded up to 60 days late, and some have no customer.
    """
    rng = np.random.default_rng(seed)
    number = rng.geometric(0.4, customers)
    ids = np.repeat([f"c{at:06d}" for at in range(customers)], number)
    size = len(ids)
    happened = T - pd.to_timedelta(rng.integers(-20 * 24, 900 * 24, size), unit="h")
    late = np.where(rng.random(size) < 0.1, rng.integers(0, 60 * 24, size), 0)
    frame = pd.DataFrame(
        {
            "customer_id": pd.Series(ids, dtype="object").mask(rng.random(size) < 0.02),
            "order_id": [f"o{at}" for at in range(size)],
            "event_timestamp": happened,
            "recorded_timestamp": happened + pd.to_timedelta(late, unit="h"),
            "value": rng.choice([0.1, 0.2, 0.3, 9.99, 20.0, 45.5, 120.25], size),
        }
    )
    return frame.sample(frac=1, random_state=seed, ignore_index=True)


def orders_of(rows: Sequence[tuple[str | None, pd.Timestamp, float]]) -> pd.DataFrame:
    """Return orders of (customer_id, time, value), recorded when they happened."""
    times = pd.to_datetime([time for _, time, _ in rows], utc=True).as_unit("us")
    return pd.DataFrame(
        {
            "customer_id": pd.Series([customer for customer, _, _ in rows], dtype="object"),
            "order_id": pd.Series([f"o{at}" for at in range(len(rows))], dtype="object"),
            "event_timestamp": times,
            "recorded_timestamp": times,
            "value": pd.Series([value for _, _, value in rows], dtype="float64"),
        }
    )


def connected(orders: pd.DataFrame, *, timezone: str = "UTC") -> duckdb.DuckDBPyConnection:
    """Return a connection with the table `orders`, of a session in `timezone`."""
    con = duckdb.connect()
    con.execute("SET threads = 2")
    con.execute(f"SET TimeZone = '{timezone}'")
    con.register("frame", orders)
    con.execute(
        """
        CREATE TABLE orders AS SELECT customer_id::VARCHAR AS customer_id, order_id::VARCHAR AS
        order_id, event_timestamp::TIMESTAMPTZ AS event_timestamp,
        recorded_timestamp::TIMESTAMPTZ AS recorded_timestamp, value::DOUBLE AS value FROM frame
        """
    )
    con.unregister("frame")
    return con
