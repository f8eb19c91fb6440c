"""The reasons of a customer's prediction: what each feature adds to that of a typical customer.

The exact Shapley values (Shapley, 1953; Strumbelj & Kononenko, 2014) of the game whose players are
FEATURES: a coalition's features have the customer's values, all others those of a typical customer
(one reference point: the baseline Shapley of Sundararajan & Najmi, 2020). With seven players all
128 coalitions are evaluated, so that nothing is sampled, and any model can be explained.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import factorial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.customer_features import ACTIVITY_COUNTS, ACTIVITY_TIMES, CUSTOMER_FEATURES
from features.model_inputs import customer_inputs
from features.times import microseconds
from training.customers.orders import ACTIVE_DAYS
from training.data.inputs import FloatArray, Queries

if TYPE_CHECKING:
    from training.data.training_data import TrainingData

_LEADERS: Final = {
    "days_since_last_order": "last_order_timestamp",
    "days_since_first_order": "first_order_timestamp",
    "orders_365d": "orders_365d",
    "orders_90d_last_year": "orders_90d_last_year",
    "spend_365d": "spend_365d",
    "products_365d": "products_365d",
    "returns_365d": "returns_365d",
}
"""The shown names, and the stored feature whose value is shown: the leader of its group."""


def _features() -> dict[str, tuple[str, ...]]:
    """Return the shown names and the stored features that move with each, the leader first.

    A group of features without a leader above is shown under the name of its first feature.
    """
    groups: dict[str, list[str]] = {}
    for feature in CUSTOMER_FEATURES:
        groups.setdefault(feature.group, []).append(feature.name)
    by_leader = {
        next((name for name in names if name in _LEADERS.values()), names[0]): names
        for names in groups.values()
    }
    shown = _LEADERS | {name: name for name in by_leader if name not in _LEADERS.values()}
    return {
        name: (leader, *(other for other in by_leader[leader] if other != leader))
        for name, leader in shown.items()
    }


FEATURES: Final[Mapping[str, tuple[str, ...]]] = _features()
"""The shown names, and the stored features that move with each: the same in other windows. Inputs
derived from several features (days between orders, value of an order) follow them."""
SHOWN: Final = 5
"""The most reasons per customer."""


@dataclass(frozen=True, kw_only=True)
class Reason:
    """The effect of one feature on one prediction."""

    feature: str
    """A key of FEATURES."""
    value: float
    """The customer's value: a number, or days until the time of the prediction."""
    typical: float
    """The typical customer's value, in the same unit."""
    impact: float
    """What it adds to the prediction of a typical customer; below 0 it lowers it."""


def typical(rows: pd.DataFrame, at: pd.Timestamp) -> dict[str, float]:
    """Return the median of every stored feature of `rows` (B customers) at `at` (UTC).

    A time is given as the days until `at`. Empty without rows.

    >>> ages = pd.DataFrame({"last_order_timestamp": pd.to_datetime(["2024-01-01", "2024-01-03"])})
    >>> rows = ages.assign(first_order_timestamp=ages, **dict.fromkeys(ACTIVITY_COUNTS, 2))
    >>> found = typical(rows, pd.Timestamp("2024-01-05T00:00Z"))
    >>> found["last_order_timestamp"], found["orders_365d"]
    (3.0, 2.0)
    """
    if rows.empty:
        return {}
    return {name: float(np.nanmedian(_plain(rows, name, at))) for name in _STORED}


def typical_row(typical: Mapping[str, float], at: pd.Timestamp) -> dict[str, Any]:
    """Return the typical customer as an online row at `at` (UTC)."""
    times = (at - pd.Timedelta(days=typical[name]) for name in ACTIVITY_TIMES)
    return {**typical, **dict(zip(ACTIVITY_TIMES, map(microseconds, times), strict=True))}


def typical_customer(data: "TrainingData") -> dict[str, float]:
    """Return the typical customer at `data.as_of` among those that churn models predict for."""
    ids = data.customers(data.as_of, days=ACTIVE_DAYS)
    return typical(data.activity_rows(data.as_of, ids), data.as_of) if len(ids) else {}


def explain(
    predict: Callable[[Queries], FloatArray],
    rows: pd.DataFrame,
    queries: Queries,
    *,
    at: pd.Timestamp,
    typical: Mapping[str, float],
) -> list[list[Reason]]:
    """Return the reasons for each of B customers, those of the largest impact first.

    `predict` returns a model's predictions (B,), as `Predictor.predict` does.
    `rows` are the stored features from which `queries` were made at `at` (UTC), every customer
    with an order; `typical` is the result of `typical()`. At most SHOWN, none without impact; the
    impacts of all FEATURES add up to the prediction minus that of the typical customer.
    """
    contributions = impacts(predict, rows, queries, at=at, typical=typical)
    values = np.stack([_plain(rows, stored[0], at) for stored in FEATURES.values()], axis=1)
    names = list(FEATURES)
    return [
        [
            Reason(
                feature=names[i],
                value=round(float(plain[i]), 2),
                typical=round(typical[FEATURES[names[i]][0]], 2),
                impact=float(impact[i]),
            )
            for i in np.argsort(-np.abs(impact), kind="stable")[:SHOWN]
            if impact[i] != 0
        ]
        for plain, impact in zip(values, contributions, strict=True)
    ]


def impacts(
    predict: Callable[[Queries], FloatArray],
    rows: pd.DataFrame,
    queries: Queries,
    *,
    at: pd.Timestamp,
    typical: Mapping[str, float],
) -> npt.NDArray[np.float64]:
    """Return what each of FEATURES adds to the prediction of each customer (B, players)."""
    predictions = np.array(
        _predict_coalitions(predict, rows, queries, at, typical), dtype=np.float64
    )
    contributions: npt.NDArray[np.float64] = (_WEIGHTS @ predictions).T
    return np.where(np.abs(contributions) < _NOISE, 0.0, contributions)


def _predict_coalitions(
    predict: Callable[[Queries], FloatArray],
    rows: pd.DataFrame,
    queries: Queries,
    at: pd.Timestamp,
    typical: Mapping[str, float],
) -> list[FloatArray]:
    """Return the predictions (B,) of every coalition."""
    columns = {}
    for player, stored in enumerate(FEATURES.values()):
        member = _COALITIONS[:, player, None]  # (coalitions, 1)
        for name in stored:
            value = np.where(member, _plain(rows, name, at), typical[name]).ravel()
            columns[name] = at - pd.to_timedelta(value, unit="D") if name in _TIMES else value
    activity = customer_inputs(pd.DataFrame(columns), at)
    parts = activity.reshape(len(_COALITIONS), len(rows), activity.shape[1])
    return [predict(replace(queries, activity=part)) for part in parts]


def _plain(rows: pd.DataFrame, name: str, at: pd.Timestamp) -> npt.NDArray[np.float64]:
    """Return feature `name` (B,) as a number; a time as the days until `at`."""
    if name in _TIMES:
        ages = at - pd.to_datetime(rows[name], utc=True)
        return ages.dt.total_seconds().to_numpy(np.float64) / 86_400
    return pd.to_numeric(rows[name]).to_numpy(np.float64, na_value=0.0)


def shapley_weights(coalitions: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return weights (M, 2^M) that turn the worth of all `coalitions` (2^M, M) into Shapley values.

    Player i's value is the sum over coalitions S without it of
    |S|! (M - |S| - 1)! / M! times the worth that it adds to S.

    >>> shapley_weights(np.array([[False, False], [True, False], [False, True], [True, True]]))
    array([[-0.5,  0.5, -0.5,  0.5],
           [-0.5, -0.5,  0.5,  0.5]])
    """
    players = coalitions.shape[1]
    others = coalitions.sum(1)[None] - coalitions.T  # (M, 2^M): |S| without the player
    share = [factorial(s) * factorial(players - s - 1) / factorial(players) for s in range(players)]
    weights: npt.NDArray[np.float64] = np.where(coalitions.T, 1.0, -1.0) * np.array(share)[others]
    return weights


_TIMES: Final = frozenset(ACTIVITY_TIMES)
_STORED: Final = (*ACTIVITY_COUNTS, *ACTIVITY_TIMES)
_NOISE: Final = 1e-6  # predictions are float32
_COALITIONS: Final = (np.arange(2 ** len(FEATURES))[:, None] >> np.arange(len(FEATURES))) % 2 == 1
_WEIGHTS: Final = shapley_weights(_COALITIONS)
