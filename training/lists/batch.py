"""The batch answers of recommenders, as a table."""

import numpy as np
import pandas as pd

from training.interfaces import Batch, Recommender
from training.kernels.top_k import top_k


def best_products(model: Recommender, batch: Batch) -> pd.DataFrame:
    """Return the table customer_id, rank (from 1), product_id, score: `batch.k` rows a customer.

    They are the best products of the catalogue, or the whole catalogue where it is smaller.
    """
    queries, products = batch.queries, batch.products
    k = min(batch.k, len(products))
    scores = model.scorer(products)(queries)
    best = top_k(scores, k).ravel()
    rows = np.repeat(np.arange(len(queries)), k)
    return pd.DataFrame(
        {
            "customer_id": queries.customer_ids[rows],
            "rank": np.tile(np.arange(1, k + 1), len(queries)),
            "product_id": products.product_ids[best],
            "score": scores[rows, best],
        }
    )
