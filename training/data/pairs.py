"""Pairs of B customers and C products, row by row."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.data.inputs import IntArray


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Distinct places in a matrix of customers by products, in order of row, then column."""

    rows: IntArray  # (N,)
    columns: IntArray  # (N,)

    def mask(self, start: int, stop: int, width: int) -> npt.NDArray[np.bool_]:
        """Return the rows [start, stop) as a matrix (stop - start, width), True at the pairs."""
        low, high = np.searchsorted(self.rows, [start, stop])
        marked = np.zeros((stop - start, width), dtype=np.bool_)
        marked[self.rows[low:high] - start, self.columns[low:high]] = True
        return marked

    def without(self, other: "Pairs", width: int) -> "Pairs":
        """Return the pairs that are not in `other`, a matrix of the same `width`."""
        remaining = ~np.isin(self.rows * width + self.columns, other.rows * width + other.columns)
        return Pairs(rows=self.rows[remaining], columns=self.columns[remaining])


def pairs(
    frame: pd.DataFrame,
    customer_ids: npt.NDArray[np.object_],
    product_ids: npt.NDArray[np.object_],
) -> Pairs:
    """Return the (customer_id, product_id) of `frame` as places; other ids are left out."""
    rows = pd.Index(customer_ids).get_indexer(pd.Index(frame["customer_id"].astype(object)))
    columns = pd.Index(product_ids).get_indexer(pd.Index(frame["product_id"].astype(object)))
    known = (rows >= 0) & (columns >= 0)
    width = max(len(product_ids), 1)
    places = np.unique(rows[known].astype(np.int64) * width + columns[known])
    return Pairs(rows=places // width, columns=places % width)
