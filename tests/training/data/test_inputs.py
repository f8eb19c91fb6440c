"""Feature rows become queries and products."""

import numpy as np
import pandas as pd

from features.customer_features import ACTIVITY_COUNTS, ACTIVITY_TIMES
from features.model_inputs import CUSTOMER_INPUTS, PRODUCT_INPUTS
from features.product_features import SALES_COUNTS, SALES_TIMES
from training.data.inputs import encode_products, encode_queries

AT = pd.Timestamp("2011-03-01", tz="UTC").as_unit("us")
DAY = 86_400_000_000


def _products() -> pd.DataFrame:
    frame = pd.DataFrame(
        {"product_id": ["b", "a"], "title": ["Tea", None], "category": [None, "x"]}
    )
    for name in SALES_COUNTS:
        frame[name] = 1.0
    for name in SALES_TIMES:
        frame[name] = AT
    return frame


def _customers(histories: list[object], ages: list[object]) -> pd.DataFrame:
    frame = pd.DataFrame({"customer_id": [f"c{i}" for i in range(len(histories))]})
    for name in ACTIVITY_COUNTS:
        frame[name] = np.nan
    for name in ACTIVITY_TIMES:
        frame[name] = pd.NaT
    moment = AT.value // 1000
    frame["recent_products"] = pd.Series(histories, dtype=object)
    stamps = [a if a is None else [moment - int(d * DAY) for d in a] for a in ages]  # type: ignore[attr-defined]
    frame["recent_timestamps"] = pd.Series(stamps, dtype=object)
    paid = [a if a is None else [2.0 * d for d in a] for a in ages]  # type: ignore[attr-defined]
    frame["recent_values"] = pd.Series(paid, dtype=object)
    return frame


def test_products_are_sorted_by_id_with_texts_for_nulls() -> None:
    products = encode_products(_products(), AT)
    assert products.product_ids.tolist() == ["a", "b"]
    assert products.titles == ["", "Tea"]
    assert products.categories == ["x", ""]
    assert products.at == np.datetime64("2011-03-01T00:00:00.000000")
    assert products.features.shape == (2, len(PRODUCT_INPUTS))


def test_histories_index_the_products_newest_first() -> None:
    products = encode_products(_products(), AT)
    frame = _customers([["b", "gone", "a"], None, ["a"], []], [[1, 2.5, 3], None, [-1], []])
    queries = encode_queries(frame, products)
    assert queries.history.tolist() == [[1, -1, 0], [-1, -1, -1], [0, -1, -1], [-1, -1, -1]]
    assert queries.history_days.tolist() == [[1, 2.5, 3], [0, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert queries.history_values.tolist() == [[2, 5, 6], [0, 0, 0], [-2, 0, 0], [0, 0, 0]]
    assert queries.activity.shape == (4, len(CUSTOMER_INPUTS))
    assert queries.at.tolist() == [AT.to_pydatetime().replace(tzinfo=None)] * 4
    later = encode_queries(frame, products, AT + pd.Timedelta(days=2))
    assert later.history_days[0].tolist() == [3, 4.5, 5]


def test_nobody_has_an_empty_history() -> None:
    products = encode_products(_products(), AT)
    assert encode_queries(_customers([], []), products).history.shape == (0, 1)
    assert encode_queries(_customers([None], [None]), products).history.tolist() == [[-1]]


def test_rows_of_queries() -> None:
    frame = _customers([["a"], ["b"]], [[1], [2]])
    queries = encode_queries(frame, encode_products(_products(), AT))
    assert queries[1:].history.tolist() == [[1]]
    assert len(queries[np.array([1, 0])]) == 2
