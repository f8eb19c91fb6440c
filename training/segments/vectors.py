"""Vectors of customers, from what they bought; and who is most similar to a seed of customers.

A customer's vector is the projection of the purchases, one weight a product that halves with the
days since the last purchase of it, on the strongest directions of the shop (truncated SVD; Halko,
Martinsson, Tropp, 2011). A seed is a direction in that space: the ridge regression of being in the
seed (Hoerl and Kennard, 1970). A customer's score is the product of vector and direction.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pydantic
from scipy import sparse
from threadpoolctl import threadpool_limits

from configs.loader import Config
from features.times import DAY_US, microseconds
from training.segments.membership import SegmentError

Floats = npt.NDArray[np.float64]


class LookalikeConfig(Config):
    """Settings, chosen on Online Retail II at 2011-06-13 (`training benchmark lookalike`)."""

    dimensions: int = pydantic.Field(64, ge=1, description="directions of a vector, at most")
    half_life_days: float = pydantic.Field(
        365, gt=0, description="days in which the weight of a purchase halves"
    )
    shrinkage: float = pydantic.Field(
        1.0, gt=0, description="ridge penalty, as a share of the number of customers"
    )


@dataclass(frozen=True, kw_only=True)
class CustomerVectors:
    """The vectors of N customers who bought a product before a time."""

    customer_ids: npt.NDArray[np.object_]  # (N,), sorted
    vectors: Floats  # (N, D), of variance 1 over all numbers


VECTORS: Final = "customer_vectors"
"""The table of vectors in a state of the segments."""
NO_VECTORS: Final = CustomerVectors(
    customer_ids=np.empty(0, dtype=object), vectors=np.empty((0, 1))
)

_LAST: Final = f"""
SELECT customer_id, product_id, min($at - epoch_us(event_timestamp)) / {DAY_US} AS days
FROM order_lines
WHERE customer_id IS NOT NULL AND product_id IS NOT NULL
    AND line_type = 'sale' AND quantity * unit_price > 0
    AND epoch_us(event_timestamp) < $at AND epoch_us(recorded_timestamp) < $at
GROUP BY ALL ORDER BY ALL
"""


def customer_vectors(
    con: duckdb.DuckDBPyConnection, config: LookalikeConfig, *, at: pd.Timestamp
) -> CustomerVectors:
    """Return the vectors of all who bought a product before `at` (UTC), known then.

    `con` has the canonical `order_lines`. Without three such customers and products there are none.
    """
    from sklearn.decomposition import TruncatedSVD

    last = con.execute(_LAST, {"at": microseconds(at)}).df()
    rows, customers = pd.factorize(last["customer_id"])
    columns, products = pd.factorize(last["product_id"])
    most = min(len(customers), len(products)) - 1
    if most < 2:
        return NO_VECTORS
    weights = 0.5 ** (last["days"].to_numpy(np.float32) / config.half_life_days)
    bought = sparse.csr_matrix((weights, (rows, columns)), (len(customers), len(products)))
    found = TruncatedSVD(min(config.dimensions, most), random_state=0, n_iter=7)
    with threadpool_limits(limits=1):  # with more threads, the last bits change
        vectors: Floats = found.fit_transform(bought).astype(np.float64)
    return CustomerVectors(
        customer_ids=np.asarray(customers, dtype=object), vectors=vectors / vectors.std()
    )


def directions(vectors: Floats, members: Floats, *, shrinkage: float) -> Floats:
    """Return the scores (N, S) of all customers for S seeds, given `members` (N, S) of 0 and 1.

    >>> vectors = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
    >>> scores = directions(vectors, np.array([[1.0], [0.0], [0.0]]), shrinkage=1.0)
    >>> bool(scores[1, 0] > scores[2, 0])
    True
    """
    inputs = np.hstack([vectors, np.ones((len(vectors), 1))])
    penalty = shrinkage * len(vectors) * np.eye(inputs.shape[1])
    penalty[-1, -1] = 0  # not of the constant
    scores: Floats = inputs @ np.linalg.solve(inputs.T @ inputs + penalty, inputs.T @ members)
    return scores


def lookalike(found: CustomerVectors, seed: Collection[str], *, shrinkage: float) -> pd.DataFrame:
    """Return the customers outside `seed`, the most similar to it first.

    Columns: customer_id, score (larger is more similar; comparable within one answer only). Raises
    SegmentError if nobody in the seed has a vector, and ValueError for one text instead of ids.
    """
    if isinstance(seed, str):
        raise ValueError("seed: a collection of customer_ids, not one text")
    rows = pd.Index(found.customer_ids).get_indexer(pd.Index(sorted(set(seed)), dtype=object))
    rows = rows[rows >= 0]
    if not len(rows):
        raise SegmentError(
            "the seed: none of its customers has a vector; similarity needs three customers and "
            "three products that were bought"
        )
    members = np.zeros((len(found.customer_ids), 1))
    members[rows] = 1
    scores = directions(found.vectors, members, shrinkage=shrinkage)[:, 0]
    others = np.flatnonzero(members[:, 0] == 0)
    ranked = others[np.argsort(-scores[others], kind="stable")]
    return pd.DataFrame({"customer_id": found.customer_ids[ranked], "score": scores[ranked]})


def put_vectors(con: duckdb.DuckDBPyConnection, found: CustomerVectors) -> None:
    """Replace the table VECTORS of `con`: customer_id, vector."""
    numbers = pa.array(found.vectors.astype(np.float32).ravel())
    columns = {
        "customer_id": pa.array(found.customer_ids, pa.string()),
        "vector": pa.FixedSizeListArray.from_arrays(numbers, found.vectors.shape[1]),
    }
    con.register("rows", pa.table(columns))
    con.execute(f"CREATE OR REPLACE TABLE {VECTORS} AS FROM rows")
    con.unregister("rows")


def stored_vectors(con: duckdb.DuckDBPyConnection) -> CustomerVectors:
    """Return the vectors that `put_vectors` wrote."""
    rows = con.sql(f"FROM {VECTORS} ORDER BY customer_id").to_arrow_table().combine_chunks()
    vectors = rows["vector"].combine_chunks()
    shape = (len(rows), rows.schema.field("vector").type.list_size)
    return CustomerVectors(
        customer_ids=rows["customer_id"].to_numpy().astype(object),
        vectors=vectors.flatten().to_numpy().astype(np.float64).reshape(shape),
    )
