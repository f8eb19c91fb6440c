"""What is shown to simulated customers, read and refused where it makes no sense."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.simulator.catalogue import Integers


def check_slates(slates: pd.DataFrame) -> None:
    """Refuse slates (customer_id, time, position, product_id) that cannot have been shown.

    Raises ValueError where a column is missing, a position is below 1, or a visit (a customer at a
    time) shows a position or a product twice.
    """
    columns = ("customer_id", "time", "position", "product_id")
    if missing := [column for column in columns if column not in slates]:
        raise ValueError(f"slates: no column {missing[0]!r}, only {', '.join(slates.columns)}")
    if len(slates) and slates["position"].min() < 1:
        raise ValueError(f"slates: position {slates['position'].min()}: the first one is 1")
    for column in ("position", "product_id"):
        again = slates.duplicated(["customer_id", "time", column]).to_numpy()
        if again.any():
            row = slates.iloc[int(again.argmax())]
            visit = f"customer {row['customer_id']} at {row['time']}"
            raise ValueError(f"slates: {column} {row[column]} twice for {visit}: once a visit")


def codes(known: npt.NDArray[np.object_], given: npt.ArrayLike, *, name: str) -> Integers:
    """Return the place of each of `given` in `known`; ValueError where one is not there."""
    wanted = np.asarray(given, dtype=object)
    found = pd.Index(known).get_indexer(pd.Index(wanted))
    if (found < 0).any():
        raise ValueError(f"{name} = {wanted[found < 0][0]!r}: not of this world")
    return found.astype(np.int64)
