"""The model that `mlflow.pyfunc.load_model` returns, stored as code beside its bundle.

`predict` takes customer feature rows: one row per customer, with the columns that
`features.offline.OfflineFeatures.customers` returns (`customer_id` and the stored features of
`customer_activity` and `customer_history`), as of the version's data cut.

- a `recommender` returns `customer_id`, `rank` (from 1), `product_id`, `score`: the `k` best
  products of the catalogue at the data cut (parameter `k`, default 10);
- a predictor returns the columns of its family: `churn` returns `customer_id`,
  `churn_probability`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.models import set_model

from training.bundle import Bundle, load_bundle
from training.data.inputs import encode_products, encode_queries
from training.families import FAMILIES, imported
from training.interfaces import Batch, Model


class BundleModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # untyped library
    """Computes results from a bundle and the catalogue at its data cut."""

    def load_context(self, context: Any) -> None:
        """Read the artifacts `bundle` (a folder) and `products` (Parquet, stored features)."""
        self._bundle: Bundle = load_bundle(Path(context.artifacts["bundle"]))
        self._at = pd.Timestamp(self._bundle.manifest.as_of)
        frame = pd.read_parquet(context.artifacts["products"])
        self._products = encode_products(frame, self._at)

    def predict(
        self, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Return the results of the version's family for the customers of `model_input`."""
        queries = encode_queries(model_input, self._products, self._at)
        answer: Callable[[Model, Batch], pd.DataFrame] = imported(FAMILIES[self._bundle.name].batch)
        k = int((params or {}).get("k", 10))
        return answer(self._bundle.model, Batch(queries=queries, products=self._products, k=k))


set_model(BundleModel())
