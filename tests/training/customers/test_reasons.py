"""Why a prediction is what it is: known answers, by hand, and what is promised of every model."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import pandas as pd
import pytest

from configs.loader import Config
from features.customer_features import ACTIVITY_COUNTS, ACTIVITY_TIMES
from features.customer_row import activity_frame
from features.model_inputs import CUSTOMER_INPUTS, customer_inputs
from tests.contracts import RUN
from tests.training.shop import Shop
from training.customers.baselines import Recency, RecencyConfig
from training.customers.churn import Churn, ChurnConfig
from training.customers.orders import ACTIVE_DAYS
from training.customers.reasons import (
    FEATURES,
    SHOWN,
    explain,
    impacts,
    typical,
    typical_customer,
    typical_row,
)
from training.data.inputs import FloatArray, Queries
from training.data.training_data import TrainingData
from training.interfaces import Predictor
from training.run import Run

AT = pd.Timestamp("2024-03-01T00:00:00Z").as_unit("us")
PLAYERS = list(FEATURES)


@dataclass
class Known:
    """A model whose answer is plain: returns + 10 orders of last year's season, or their product.

    It reads what `customer_inputs` made of them, as every model does.
    """

    product: bool
    name: ClassVar[str] = "known"
    horizon_days: int = 90

    @classmethod
    def fit(cls, data: TrainingData, *, config: Config, seed: int, run: Run) -> Self:
        raise NotImplementedError

    def predict(self, queries: Queries) -> FloatArray:
        returns, season = (
            np.expm1(queries.activity[:, CUSTOMER_INPUTS.index(f"log_{name}")])
            for name in ("returns_365d", "orders_90d_last_year")
        )
        both: FloatArray = returns * season if self.product else returns + 10 * season
        return both

    def save(self, folder: Path) -> None:
        raise NotImplementedError

    @classmethod
    def load(cls, folder: Path) -> Self:
        raise NotImplementedError


def customers(**columns: list[float]) -> pd.DataFrame:
    """Return customers with two orders 30 and 10 days ago, but for `columns`."""
    size = len(next(iter(columns.values())))
    rows = pd.DataFrame({name: [2.0] * size for name in ACTIVITY_COUNTS} | columns)
    for name, days in zip(ACTIVITY_TIMES, (30, 10), strict=True):
        rows[name] = AT - pd.Timedelta(days=days)
    return rows


def queries_of(rows: pd.DataFrame, at: pd.Timestamp = AT) -> Queries:
    nothing = np.zeros((len(rows), 1), dtype=np.float32)
    return Queries(
        customer_ids=np.array([f"c{n}" for n in range(len(rows))], dtype=object),
        at=np.full(len(rows), at.tz_localize(None).to_datetime64()),
        activity=customer_inputs(rows, at),
        history=np.full((len(rows), 1), -1, dtype=np.int64),
        history_days=nothing,
        history_values=nothing,
    )


REFERENCE = typical(customers(returns_365d=[1], orders_90d_last_year=[1]), AT)
ROWS = customers(returns_365d=[4, 1, 0], orders_90d_last_year=[3, 1, 2])


def test_what_adds_up_is_told_as_it_is() -> None:
    found = impacts(Known(product=False).predict, ROWS, queries_of(ROWS), at=AT, typical=REFERENCE)
    expected = np.zeros((3, len(PLAYERS)))
    expected[:, PLAYERS.index("returns_365d")] = [4 - 1, 0, 0 - 1]
    expected[:, PLAYERS.index("orders_90d_last_year")] = [10 * (3 - 1), 0, 10 * (2 - 1)]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_what_features_do_together_is_shared_by_halves() -> None:
    found = impacts(Known(product=True).predict, ROWS, queries_of(ROWS), at=AT, typical=REFERENCE)
    # x y against 1: x gets (x - 1) (y + 1) / 2, y gets (y - 1) (x + 1) / 2.
    returns = [(4 - 1) * (3 + 1) / 2, 0, (0 - 1) * (2 + 1) / 2]
    season = [(3 - 1) * (4 + 1) / 2, 0, (2 - 1) * (0 + 1) / 2]
    np.testing.assert_allclose(found[:, PLAYERS.index("returns_365d")], returns, atol=1e-4)
    np.testing.assert_allclose(found[:, PLAYERS.index("orders_90d_last_year")], season, atol=1e-4)
    np.testing.assert_allclose(found.sum(1), [4 * 3 - 1, 1 - 1, 0 * 2 - 1], atol=1e-4)


def test_reasons_come_largest_first_with_the_customers_own_values() -> None:
    told = explain(Known(product=False).predict, ROWS, queries_of(ROWS), at=AT, typical=REFERENCE)
    assert [[(r.feature, r.value, round(r.impact, 3)) for r in one] for one in told] == [
        [("orders_90d_last_year", 3.0, 20.0), ("returns_365d", 4.0, 3.0)],
        [],  # the typical customer
        [("orders_90d_last_year", 2.0, 10.0), ("returns_365d", 0.0, -1.0)],
    ]


def test_every_stored_feature_moves_with_one_player() -> None:
    moved = [name for stored in FEATURES.values() for name in stored]
    assert sorted(moved) == sorted((*ACTIVITY_COUNTS, *ACTIVITY_TIMES))
    counts = {player: stored[0] for player, stored in FEATURES.items() if "days_" not in player}
    assert all(player == first for player, first in counts.items())


@pytest.fixture(scope="module")
def fitted(shop: Shop) -> Churn:
    config = ChurnConfig(horizon_days=28, epochs=3, hidden=(8,), batch_size=64, learning_rate=0.01)
    return Churn.fit(shop.past, config=config, seed=1, run=RUN)


@pytest.fixture(scope="module")
def active(shop: Shop) -> pd.DataFrame:
    ids = shop.past.customers(shop.past.as_of, days=ACTIVE_DAYS)
    return shop.past.activity_rows(shop.past.as_of, ids)


def test_impacts_add_up_to_the_difference_from_the_typical_customer(
    shop: Shop, fitted: Churn, active: pd.DataFrame
) -> None:
    at, middle = shop.past.as_of, typical_customer(shop.past)
    assert middle == typical(active, at)
    own = queries_of(active, at)
    (base,) = fitted.predict(queries_of(activity_frame([typical_row(middle, at)]), at))
    found = impacts(fitted.predict, active, own, at=at, typical=middle)
    np.testing.assert_allclose(found.sum(1), fitted.predict(own) - base, atol=1e-5)
    assert (np.abs(found).max(0) > 1e-4).sum() >= 5  # nearly everything counts for somebody


def test_a_model_of_recency_has_one_reason(shop: Shop, active: pd.DataFrame) -> None:
    model: Predictor = Recency.fit(
        shop.past, config=RecencyConfig(horizon_days=28), seed=0, run=RUN
    )
    at, middle = shop.past.as_of, typical_customer(shop.past)
    told = explain(model.predict, active, queries_of(active, at), at=at, typical=middle)
    assert {reason.feature for one in told for reason in one} == {"days_since_last_order"}
    for one in told:
        for reason in one:
            longer = reason.value > middle["last_order_timestamp"]
            assert (reason.impact > 0) == longer  # a longer silence, a higher probability


def test_few_reasons_are_told(shop: Shop, fitted: Churn, active: pd.DataFrame) -> None:
    at, middle = shop.past.as_of, typical_customer(shop.past)
    told = explain(fitted.predict, active, queries_of(active, at), at=at, typical=middle)
    assert max(map(len, told)) == SHOWN
    assert typical(active[:0], at) == {}
