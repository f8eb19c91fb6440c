"""Contracts of every recommender and every predictor: their tests inherit from them."""

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from tests.training.shop import Shop
from training.data.inputs import FloatArray, Products, Queries
from training.interfaces import Predictor, Recommender
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
