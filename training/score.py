"""Batch scores as Parquet files, from data before a cut: customers' lists, and predictions.

Each function takes a fitted model and the data it was fitted on; the command line fits it first,
or takes the version that stands.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from configs.durable import replacing
from configs.loader import ConfigError
from training.data.pairs import pairs
from training.data.training_data import TrainingData
from training.evaluation.recommender_judge import LISTS
from training.families import FAMILIES, imported
from training.interfaces import Batch, Predictor, Recommender
from training.lists.ranking import rank


def known_lists(text: str) -> list[str]:
    """Return the lists named in `text`, parted by commas. ConfigError for one that nobody knows.

    >>> known_lists("all,new")
    ['all', 'new']
    """
    names = list(dict.fromkeys(text.split(",")))
    if not set(names) <= set(LISTS):
        raise ConfigError(f"lists = {text!r}: known are {', '.join(LISTS)}")
    return names


def recommendations(
    model: Recommender, data: TrainingData, *, k: int = 10, lists: Sequence[str] = LISTS
) -> pd.DataFrame:
    """Return for every customer before `data.as_of` the `k` best products, from rank 1.

    Columns list, customer_id, product_id, rank. The list "all" may name anything, "new" only what
    the customer never bought.
    """
    products = data.products(data.as_of)
    customers = data.customers(data.as_of)
    queries = data.queries(data.as_of, customers)
    owned = pairs(data.purchases(data.start, data.as_of), customers, products.product_ids)
    asked = {name: owned if name == "new" else None for name in lists}
    found = rank(model.scorer(products), queries, k, width=len(products), lists=asked)
    frames = []
    for name, best in found.items():
        rows, places = np.nonzero(best >= 0)
        frames.append(
            pd.DataFrame(
                {
                    "list": name,
                    "customer_id": customers[rows],
                    "product_id": products.product_ids[best[rows, places]],
                    "rank": places + 1,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def predictions(model: Predictor, data: TrainingData, *, family: str) -> pd.DataFrame:
    """Return what `model` of the registered name `family` predicts at `data.as_of`.

    The customers are those with an order in the days before the cut that the family names. Raises
    ValueError for a family that predicts nothing.
    """
    found = FAMILIES[family]
    if found.prediction is None:
        raise ValueError(f"family = {family!r}: its models predict nothing of a customer")
    customers = data.customers(data.as_of, days=found.prediction.active_days)
    queries, products = data.queries(data.as_of, customers), data.products(data.as_of)
    answer: Callable[[Predictor, Batch], pd.DataFrame] = imported(found.batch)
    return answer(model, Batch(queries=queries, products=products))


def write_scores(frame: pd.DataFrame, output: Path) -> None:
    """Replace `output` by `frame` as Parquet in one step."""
    with replacing(output) as file:
        frame.to_parquet(file, index=False)
