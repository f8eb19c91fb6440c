"""A ranker's inputs for a pair of customer and product, at the time of the query.

They are computed from the query's history (at most HISTORY_LENGTH purchases) and the catalogue.
"""

from collections.abc import Callable

import numpy as np

from training.data.content import content_vectors
from training.data.inputs import FloatArray, Products, Queries
from training.data.pairs import Pairs
from training.kernels.pair_inputs import Contents, write_pair_inputs

PairReader = Callable[[Queries, Pairs, FloatArray], None]
"""Takes B queries and N pairs of a query and a product; writes (F, N), rows as PAIR_INPUTS."""


def pair_reader(products: Products) -> PairReader:
    """Precompute what depends only on `products`; return the function of queries and pairs.

    A product that was never bought has NEVER_DAYS since its purchase; one that was bought once has
    SINGLE_GAP_DAYS between purchases. The similarity of products compares title and category.
    """
    price = products.input("log_price").astype(np.float64)
    vectors = content_vectors(products)
    contents = Contents(
        price=price,
        mean_price=float(price.mean()) if len(price) else 0.0,
        starts=vectors.indptr,
        tokens=vectors.indices,
        vectors=vectors.data,
        dim=vectors.shape[1],
    )

    def read(queries: Queries, pairs: Pairs, out: FloatArray) -> None:
        bought = (queries.history, queries.history_days, queries.history_values)
        write_pair_inputs(bought, (pairs.rows, pairs.columns), tuple(contents), out)

    return read
