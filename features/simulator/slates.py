"""Slates shown to simulated customers, and their validation."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.simulator.catalogue import Integers


def check_slates(slates: pd.DataFrame) -> None:
    """Validate slates (customer_id, time, position, product_id).

    Raises ValueError if a column is missing, a position is below 1, or a visit (one customer at one
    time) has a position or a product twice.
    """
    columns = ("customer_id", "time", "position", "product_id")
    if missing := [column for column in columns if column not in slates]:
        raise ValueError(f"slates: no column {missing[0]!r}, only {', '.join(slates.columns)}")
    if len(slates) and slates["position"].min() < 1:
        raise ValueError(f"slates: position {slates['position'].min()}: the first one is 1")
    for column in ("position", "product_id"):
        repeated = slates.duplicated(["customer_id", "time", column]).to_numpy()
        if repeated.any():
            row = slates.iloc[int(repeated.argmax())]
            visit = f"customer {row['customer_id']} at {row['time']}"
            raise ValueError(f"slates: {column} {row[column]} twice for {visit}: once a visit")


def codes(known: npt.NDArray[np.object_], given: npt.ArrayLike, *, name: str) -> Integers:
    """Return the place of each of `given` in `known`. Raises ValueError for an unknown value."""
    values = np.asarray(given, dtype=object)
    places = pd.Index(known).get_indexer(pd.Index(values))
    if (places < 0).any():
        raise ValueError(f"{name} = {values[places < 0][0]!r}: not of this world")
    return places.astype(np.int64)
