"""Contracts of recommenders, predictors and customer models: their tests inherit from them."""

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import ClassVar, Final

import numpy as np
import pandas as pd
import pytest

from features.customer_features import ACTIVITY_COUNTS
from features.model_inputs import customer_inputs
from tests.training.shop import Shop
from training.data.inputs import FloatArray, Products, Queries
from training.interfaces import CustomerModel, CustomerPredictions, Predictor, Recommender
from training.run import Run

RUN = Run(device="cpu")
PLAIN = {".json", ".safetensors", ".txt"}


def suffixes(folder: Path) -> set[str]:
    """Return the suffixes of all files in `folder`."""
    return {path.suffix for path in folder.rglob("*") if path.is_file()}


class RecommenderContract:
    """Subclasses implement `fit`, and may add tests."""

    @classmethod
    def fit(cls, shop: Shop) -> Recommender:
        """Fit the model on `shop.past` with a fixed seed."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def fitted(cls, shop: Shop) -> Recommender:
        return cls.fit(shop)

    @pytest.fixture
    def products(self, shop: Shop) -> Products:
        return shop.past.products(shop.past.as_of)

    @pytest.fixture
    def queries(self, shop: Shop) -> Queries:
        return shop.past.queries(shop.past.as_of, shop.past.customers(shop.past.as_of)[:20])

    def test_scores_are_finite_numbers_of_every_pair(
        self, fitted: Recommender, products: Products, queries: Queries
    ) -> None:
        scores = fitted.scorer(products)(queries)
        assert scores.shape == (20, len(products))
        assert scores.dtype == np.float32
        assert np.isfinite(scores).all()

    def test_no_query_no_scores(
        self, fitted: Recommender, products: Products, queries: Queries
    ) -> None:
        assert fitted.scorer(products)(queries[:0]).shape == (0, len(products))

    def test_same_seed_same_bits(
        self, fitted: Recommender, shop: Shop, products: Products, queries: Queries
    ) -> None:
        again = self.fit(shop)
        np.testing.assert_array_equal(
            fitted.scorer(products)(queries), again.scorer(products)(queries)
        )

    def test_scores_depend_on_the_own_query_alone(
        self, fitted: Recommender, products: Products, queries: Queries
    ) -> None:
        scorer = fitted.scorer(products)
        one_by_one = np.concatenate([scorer(queries[i : i + 1]) for i in range(len(queries))])
        np.testing.assert_allclose(scorer(queries), one_by_one, rtol=0, atol=1e-5)

    def test_padding_changes_nothing(
        self, fitted: Recommender, products: Products, queries: Queries
    ) -> None:
        padded = replace(
            queries,
            history=np.pad(queries.history, ((0, 0), (0, 7)), constant_values=-1),
            history_days=np.pad(queries.history_days, ((0, 0), (0, 7))),
            history_values=np.pad(queries.history_values, ((0, 0), (0, 7))),
        )
        scorer = fitted.scorer(products)
        np.testing.assert_allclose(scorer(queries), scorer(padded), rtol=0, atol=1e-5)

    def test_save_and_load_keep_every_bit_without_pickle(
        self, fitted: Recommender, products: Products, queries: Queries, tmp_path: Path
    ) -> None:
        fitted.save(tmp_path)
        assert suffixes(tmp_path) <= PLAIN
        loaded = type(fitted).load(tmp_path)
        assert loaded.name == fitted.name
        np.testing.assert_array_equal(
            fitted.scorer(products)(queries), loaded.scorer(products)(queries)
        )

    def test_an_unknown_customer_is_answered(
        self, fitted: Recommender, shop: Shop, products: Products
    ) -> None:
        stranger = shop.past.queries(shop.past.as_of, ["nobody ever saw this one"])
        scores = fitted.scorer(products)(stranger)
        assert np.isfinite(scores).all()
        assert len(np.unique(scores)) > 1

    def test_an_unknown_product_is_ranked_by_what_is_known_of_it(
        self, fitted: Recommender, products: Products, queries: Queries
    ) -> None:
        ids = products.product_ids.copy()
        ids[3] = "a product of tomorrow"
        renamed = replace(products, product_ids=ids)
        assert np.isfinite(fitted.scorer(renamed)(queries)).all()


class PredictorContract:
    """Subclasses implement `fit`, set the range of the predictions, and may add tests."""

    lowest: ClassVar[float] = 0
    highest: ClassVar[float] = 1

    @classmethod
    def fit(cls, shop: Shop) -> Predictor:
        """Fit the model on `shop.past` with a fixed seed."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def fitted(cls, shop: Shop) -> Predictor:
        return cls.fit(shop)

    @pytest.fixture
    def queries(self, shop: Shop) -> Queries:
        return shop.past.queries(shop.past.as_of, shop.past.customers(shop.past.as_of)[:20])

    def check(self, predicted: FloatArray, count: int) -> None:
        """Check that `predicted` holds `count` finite numbers in the range."""
        assert predicted.shape == (count,)
        assert predicted.dtype == np.float32
        assert np.isfinite(predicted).all()
        assert ((predicted >= self.lowest) & (predicted <= self.highest)).all()

    def test_predictions_are_finite_numbers_in_the_range(
        self, fitted: Predictor, queries: Queries
    ) -> None:
        self.check(fitted.predict(queries), 20)

    def test_no_query_no_prediction(self, fitted: Predictor, queries: Queries) -> None:
        self.check(fitted.predict(queries[:0]), 0)

    def test_same_seed_same_bits(self, fitted: Predictor, shop: Shop, queries: Queries) -> None:
        again = self.fit(shop)
        np.testing.assert_array_equal(fitted.predict(queries), again.predict(queries))

    def test_predictions_depend_on_the_own_query_alone(
        self, fitted: Predictor, queries: Queries
    ) -> None:
        together = fitted.predict(queries)
        one_by_one = np.concatenate([fitted.predict(queries[i : i + 1]) for i in range(20)])
        np.testing.assert_allclose(together, one_by_one, rtol=1e-5, atol=1e-6)
        order = np.random.default_rng(0).permutation(20)
        np.testing.assert_allclose(
            together[order], fitted.predict(queries[order]), rtol=1e-5, atol=1e-6
        )

    def test_save_and_load_keep_every_bit_without_pickle(
        self, fitted: Predictor, queries: Queries, tmp_path: Path
    ) -> None:
        fitted.save(tmp_path)
        assert suffixes(tmp_path) <= PLAIN
        loaded = type(fitted).load(tmp_path)
        assert (loaded.name, loaded.horizon_days) == (fitted.name, fitted.horizon_days)
        np.testing.assert_array_equal(fitted.predict(queries), loaded.predict(queries))

    def test_an_unknown_customer_is_answered(self, fitted: Predictor, shop: Shop) -> None:
        stranger = shop.past.queries(shop.past.as_of, ["nobody ever saw this one"])
        self.check(fitted.predict(stranger), 1)


class CustomerModelContract:
    """Subclasses implement `fit`, and may add tests."""

    @classmethod
    def fit(cls, shop: Shop) -> CustomerModel:
        """Fit the model on `shop.past` with a fixed seed."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def fitted(cls, shop: Shop) -> CustomerModel:
        return cls.fit(shop)

    @pytest.fixture
    def queries(self, shop: Shop) -> Queries:
        return shop.past.queries(shop.past.as_of, shop.past.customers(shop.past.as_of)[:50])

    def test_predictions_are_numbers_that_agree(
        self, fitted: CustomerModel, queries: Queries
    ) -> None:
        check_predictions(fitted.predict(queries), len(queries))
        check_predictions(fitted.predict(queries[:0]), 0)

    def test_same_seed_same_bits(self, fitted: CustomerModel, shop: Shop, queries: Queries) -> None:
        check_equal(self.fit(shop).predict(queries), fitted.predict(queries))

    def test_a_prediction_depends_on_the_own_query_alone(
        self, fitted: CustomerModel, queries: Queries
    ) -> None:
        together = fitted.predict(queries)
        for place in (0, 7, 49):
            alone = fitted.predict(queries[place : place + 1])
            for field in fields(CustomerPredictions):
                expected = getattr(together, field.name)[place : place + 1]
                np.testing.assert_allclose(getattr(alone, field.name), expected, rtol=1e-9)

    def test_save_and_load_keep_every_bit_without_pickle(
        self, fitted: CustomerModel, queries: Queries, tmp_path: Path
    ) -> None:
        fitted.save(tmp_path)
        assert suffixes(tmp_path) <= PLAIN
        loaded = type(fitted).load(tmp_path)
        assert (loaded.name, loaded.horizon_days) == (fitted.name, fitted.horizon_days)
        check_equal(loaded.predict(queries), fitted.predict(queries))

    def test_odd_customers_get_sane_numbers(self, fitted: CustomerModel, shop: Shop) -> None:
        check_predictions(fitted.predict(odd_customers(shop)), len(ODD))


def check_predictions(made: CustomerPredictions, count: int) -> None:
    """Check that `made` holds `count` customers' predictions, in their ranges, that agree."""
    for field in fields(CustomerPredictions):
        values = getattr(made, field.name)
        assert values.shape == (count,)
        assert (values >= 0).all(), field.name  # NaN is not
    for values in (made.churn, made.orders, made.spend, made.next_order_low):
        assert np.isfinite(values).all()
    assert (made.churn <= 1).all()
    assert (made.orders >= 1 - made.churn - 1e-12).all()
    assert (made.next_order_low <= made.next_order).all()
    assert (made.next_order_low <= made.next_order_high).all()
    assert ((made.spend > 0) | (made.orders == 0)).all()


def check_equal(one: CustomerPredictions, other: CustomerPredictions) -> None:
    """Check that two predictions are equal, bit for bit."""
    for field in fields(CustomerPredictions):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))


Orders = Sequence[tuple[float, float]]
"""A customer's orders: how many days ago, and their value."""


def _evenly(count: int, first: float, last: float, *, value: float) -> Orders:
    return [(float(days), value) for days in np.linspace(first, last, count)]


ODD: Final[dict[str, Orders]] = {
    "nobody": [],
    "one order now": [(0, 10)],
    "one order, ten years ago": [(3650, 10)],
    "many orders, then ten years of silence": _evenly(900, 7000, 3650, value=1e4),
    "all orders at once": _evenly(40, 2, 2, value=0.01),
    "an order an hour": _evenly(9000, 375, 0, value=1e5),
}


def odd_customers(shop: Shop) -> Queries:
    """Return a query for each of ODD at the end of `shop.past`."""
    return queries_of(shop, list(ODD.values()))


def queries_of(shop: Shop, customers: Sequence[Orders]) -> Queries:
    """Return customers with these orders of one unit, at the end of `shop.past`."""
    at = shop.past.as_of
    queries = shop.past.queries(at, [f"customer {n}" for n in range(len(customers))])
    frame = pd.DataFrame([_row(orders) for orders in customers])
    for name, days in (("first_order_timestamp", "first"), ("last_order_timestamp", "last")):
        frame[name] = at - pd.to_timedelta(frame[days].astype(float), unit="D")
    return replace(queries, activity=customer_inputs(frame, at))


def _row(orders: Orders) -> dict[str, float]:
    """Return the stored features of a customer with `orders`."""
    row: dict[str, float] = {**dict.fromkeys(ACTIVITY_COUNTS, 0.0), "first": np.nan, "last": np.nan}
    if not orders:
        return row
    days, values = np.array(orders, dtype=np.float64).T
    for window in (30, 90, 365):
        row[f"orders_{window}d"] = float((days <= window).sum())
        row[f"spend_{window}d"] = float(values[days <= window].sum())
    row |= {"orders_total": float(len(days)), "spend_total": float(values.sum())}
    row["orders_90d_last_year"] = float(((days <= 365) & (days > 275)).sum())
    row |= {"units_365d": row["orders_365d"], "products_365d": 1.0}
    return row | {"first": float(days.max()), "last": float(days.min())}
