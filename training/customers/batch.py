"""The batch results of the families of customer models, as tables."""

import pandas as pd

from training.customers.predictions import as_table
from training.interfaces import Batch, CustomerModel, Predictor


def churn_probabilities(model: Predictor, batch: Batch) -> pd.DataFrame:
    """Return the table customer_id, churn_probability, a row per customer of `batch`."""
    return pd.DataFrame(
        {
            "customer_id": batch.queries.customer_ids,
            "churn_probability": model.predict(batch.queries),
        }
    )


def all_predictions(model: CustomerModel, batch: Batch) -> pd.DataFrame:
    """Return the predictions of the family `customers`, a row per customer of `batch`."""
    return as_table(batch.queries.customer_ids, model.predict(batch.queries))
