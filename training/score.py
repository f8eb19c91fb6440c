"""Batch scores as Parquet files, from data before a cut: customers' lists, and predictions.

Each function takes a fitted model and the data it was fitted on; the command line fits the model
first, or takes the existing version.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from configs.durable import replacing
from configs.loader import ConfigError
from configs.privacy import output_mode
from training.data.pairs import pairs
from training.data.training_data import TrainingData
from training.evaluation.recommender_judge import LISTS
from training.families import FAMILIES, imported
from training.interfaces import Batch, CustomerModel, Predictor, Recommender
from training.lists.ranking import rank


def known_lists(text: str) -> list[str]:
    """Return the lists named in `text`, separated by commas. ConfigError for an unknown one.

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
    """Return the `k` best products of every customer before `data.as_of`, from rank 1.

    Columns list, customer_id, product_id, rank. The list "all" may hold any product, "new" only
    products that the customer never bought.
    """
    products = data.products(data.as_of)
    customers = data.customers(data.as_of)
    queries = data.queries(data.as_of, customers)
    owned = pairs(data.purchases(data.start, data.as_of), customers, products.product_ids)
    exclusions = {name: owned if name == "new" else None for name in lists}
    ranked = rank(model.scorer(products), queries, k, width=len(products), lists=exclusions)
    frames = []
    for name, best in ranked.items():
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


def predictions(
    model: Predictor | CustomerModel, data: TrainingData, *, family: str
) -> pd.DataFrame:
    """Return the predictions of `model` of the registered name `family` at `data.as_of`.

    The customers are those with an order in the family's `active_days` before the cut. Raises
    ValueError for a family without scores.
    """
    entry = FAMILIES[family]
    if entry.scores is None:
        raise ValueError(f"family = {family!r}: its models make no predictions for customers")
    customers = data.customers(data.as_of, days=entry.scores.active_days)
    queries, products = data.queries(data.as_of, customers), data.products(data.as_of)
    answer: Callable[[Predictor | CustomerModel, Batch], pd.DataFrame] = imported(entry.batch)
    return answer(model, Batch(queries=queries, products=products))


def write_scores(frame: pd.DataFrame, output: Path) -> None:
    """Replace `output` by `frame` as Parquet in one step; the user's umask says who may read it."""
    with replacing(output, mode=output_mode()) as file:
        frame.to_parquet(file, index=False)


def write_csv(frame: pd.DataFrame, output: Path) -> None:
    """Replace `output` by `frame` as CSV (UTF-8, a header) in one step; see `write_scores`."""
    with replacing(output, mode=output_mode()) as file:
        frame.to_csv(file, index=False, encoding="utf-8")
