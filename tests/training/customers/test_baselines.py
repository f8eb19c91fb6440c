"""Recency and logistic regression keep the contract, and are the formulas that they name."""

import json
from pathlib import Path

import numpy as np
import pytest

from configs.json_files import write_json
from tests.contracts import RUN, PredictorContract
from tests.training.shop import Shop
from training.customers.baselines import (
    RECENCY,
    LogisticRegression,
    LogisticRegressionConfig,
    Recency,
    RecencyConfig,
)
from training.customers.churn_labels import select
from training.customers.inputs import INPUTS
from training.customers.orders import CustomerOrders
from training.data.inputs import Queries
from training.errors import BundleError
from training.evaluation.churn_judge import predictor_judge
from training.evaluation.churn_metrics import auc


@pytest.fixture(scope="module")
def queries(shop: Shop) -> Queries:
    return shop.past.queries(shop.past.as_of, CustomerOrders(shop.past).active(shop.past.as_of))


class TestRecency(PredictorContract):
    @classmethod
    def fit(cls, shop: Shop) -> Recency:
        return Recency.fit(shop.past, config=RecencyConfig(horizon_days=28), seed=0, run=RUN)


class TestLogisticRegression(PredictorContract):
    @classmethod
    def fit(cls, shop: Shop) -> LogisticRegression:
        config = LogisticRegressionConfig(horizon_days=28)
        return LogisticRegression.fit(shop.past, config=config, seed=0, run=RUN)


@pytest.fixture(scope="module")
def recency(shop: Shop) -> Recency:
    return TestRecency.fit(shop)


@pytest.fixture(scope="module")
def logistic(shop: Shop) -> LogisticRegression:
    return TestLogisticRegression.fit(shop)


def test_recency_keeps_the_order_of_recency(shop: Shop, recency: Recency, queries: Queries) -> None:
    labels = CustomerOrders(shop.full).churned(shop.past.as_of, horizon_days=28)
    days = select(queries.activity)[:, INPUTS.index(RECENCY)]
    assert auc(labels, recency.predict(queries)) == pytest.approx(auc(labels, days))


def test_the_logistic_formula_by_hand(queries: Queries) -> None:
    coefficients = np.zeros(len(INPUTS) + 1)
    coefficients[INPUTS.index("log_orders_365d")] = 2.0
    coefficients[-1] = -1.0
    model = LogisticRegression(coefficients, horizon_days=28)
    x = select(queries.activity)[:, INPUTS.index("log_orders_365d")].astype(float)
    np.testing.assert_allclose(model.predict(queries), 1 / (1 + np.exp(1 - 2 * x)), rtol=1e-6)


def test_logistic_regression_beats_chance(shop: Shop, logistic: LogisticRegression) -> None:
    judge = predictor_judge(shop.full, at=shop.past.as_of, days=28)
    figures = judge.measure(logistic).metrics
    assert figures["auc"] > 0.65
    assert figures["brier"] < 0.25


def test_a_larger_penalty_shrinks_the_coefficients(
    shop: Shop, logistic: LogisticRegression, queries: Queries
) -> None:
    config = LogisticRegressionConfig(horizon_days=28, penalty=1e6)
    shrunk = LogisticRegression.fit(shop.past, config=config, seed=0, run=RUN)
    assert np.ptp(shrunk.predict(queries)) < 0.01 < np.ptp(logistic.predict(queries))


@pytest.mark.parametrize("name", ["recency", "logistic"])
def test_saved_as_json_coefficients(
    name: str, queries: Queries, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    model: LogisticRegression = request.getfixturevalue(name)
    model.save(tmp_path)
    (file,) = tmp_path.iterdir()
    assert tuple(json.loads(file.read_text())["coefficients"].keys()) == tuple(sorted(model.inputs))
    loaded = type(model).load(tmp_path)
    assert loaded.horizon_days == 28
    np.testing.assert_array_equal(loaded.predict(queries), model.predict(queries))
    write_json(file, json.loads(file.read_text().replace(RECENCY, "other")))
    with pytest.raises(BundleError, match="reads other customer inputs"):
        type(model).load(tmp_path)
