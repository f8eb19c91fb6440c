"""Predict churn, orders, spend and the next order of customers: gradient-boosted trees (LightGBM).

The trees learn how customers differ, from many windows, each with its own level; the level of the
coming window is that of the season (`season_levels`). Churn is the mean, in log-odds, of trees and
a logistic regression. Spend only rises with what a customer ordered before, and falls with the time
since: a customer is never worth less for one more order.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import numpy as np
import pydantic
from scipy.special import expit

from configs.json_files import read_json, write_json
from training.customers.boosting import BoostingConfig, boost, logistic_weights
from training.customers.inputs import INPUTS, columns_of
from training.customers.next_order import NextOrder
from training.customers.orders import Numbers
from training.customers.predictions import consistent
from training.customers.season import TARGETS, Target, season_levels, shift
from training.customers.window_examples import WindowExamples, window_examples
from training.data.inputs import FloatArray, Queries
from training.errors import BundleError
from training.interfaces import CustomerPredictions
from training.kernels.lightgbm_trees import Forest, add_up, read_forest
from training.run import Run

if TYPE_CHECKING:
    from training.data.training_data import TrainingData

SETTINGS: Final = "customers.json"
MONOTONE: Final = (
    "log_orders_30d", "log_orders_90d", "log_orders_365d", "log_orders_total", "log_spend_30d",
    "log_spend_90d", "log_spend_365d", "log_spend_total", "log_recency_days", "log_tenure_days",
)  # fmt: skip
"""The inputs of orders and spend: one more order between the first and now raises each of them, but
for the recency, which falls, and the tenure, which stays."""
_SIGNS: Final = {"log_recency_days": -1, "log_tenure_days": 0}
_OBJECTIVES: Final[dict[Target, dict[str, Any]]] = {
    "churned": {"objective": "binary"},
    "orders": {"objective": "poisson"},
    "spend": {"objective": "tweedie", "tweedie_variance_power": 1.2},
}


class CustomerTreesConfig(BoostingConfig):
    """Size and training of the trees, and of the logistic regression."""

    horizon_days: int = pydantic.Field(90, ge=1, description="days that are predicted")
    penalty: float = pydantic.Field(10.0, gt=0, description="of the logistic regression's weights")


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """The parts of a fitted model."""

    texts: dict[Target, str]
    """Trees in LightGBM's format."""
    weights: Numbers
    """(INPUTS + 1,) of the logistic regression: inputs, and the squared log of the recency."""
    levels: dict[Target, float]
    """What is added to the log-odds of churn, and to the logarithms of orders and spend."""
    next_order: NextOrder


class CustomerTrees:
    """Churn, orders, spend and next order within `horizon_days`, from the customers' features."""

    name: ClassVar[str] = "customer_trees"

    def __init__(self, fitted: Fitted) -> None:
        self._fitted = fitted
        self._scores = _Scores.of(fitted.texts, fitted.weights)
        self.horizon_days = fitted.next_order.horizon_days

    @classmethod
    def fit(cls, data: "TrainingData", *, config: CustomerTreesConfig, seed: int, run: Run) -> Self:
        """Fit on all customers of many windows that end by `data.as_of`. Raises NotEnoughData."""
        seen = window_examples(data, horizon_days=config.horizon_days)
        texts = {target: _trees(seen, target, config=config, seed=seed) for target in TARGETS}
        linear = _linear_inputs(columns_of(seen.activity, INPUTS))
        scores = _Scores.of(texts, logistic_weights(linear, seen, penalty=config.penalty))
        churn = expit(seen.shifted(scores.raw(seen.activity, "churned"), "churned"))
        days, horizon = seen.outcomes.days, config.horizon_days
        return cls(
            Fitted(
                texts=texts,
                weights=scores.weights,
                levels=_coming_levels(data, seen, scores),
                next_order=NextOrder.fit(churn, days, horizon_days=horizon),
            )
        )

    def predict(self, queries: Queries) -> CustomerPredictions:
        """Return predictions (B,) about the `horizon_days` after `queries.at`."""
        raw = {
            target: self._scores.raw(queries.activity, target) + level
            for target, level in self._fitted.levels.items()
        }
        churn = expit(raw["churned"])
        return consistent(
            churn=churn,
            orders=np.exp(raw["orders"]),
            spend=np.exp(raw["spend"]),
            next_order=self._fitted.next_order.days(churn),
        )

    def save(self, folder: Path) -> None:
        """Write trees and settings into the existing, empty `folder`."""
        for target, text in self._fitted.texts.items():
            (folder / f"{target}.txt").write_text(text, encoding="utf-8")
        shape = self._fitted.next_order
        content = {
            "inputs": [*INPUTS],
            "horizon_days": self.horizon_days,
            "weights": self._fitted.weights.tolist(),
            "levels": self._fitted.levels,
            "shape": shape.shape.tolist(),
            "tail": shape.tail,
        }
        write_json(folder / SETTINGS, content)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. BundleError if it was trained on other inputs than today's."""
        content = read_json(folder / SETTINGS)
        if tuple(content["inputs"]) != INPUTS:
            raise BundleError(f"{folder}: this model reads other customer inputs; fit it again")
        shape = NextOrder(
            horizon_days=content["horizon_days"],
            shape=np.array(content["shape"]),
            tail=content["tail"],
        )
        texts: dict[Target, str] = {
            target: (folder / f"{target}.txt").read_text(encoding="utf-8") for target in TARGETS
        }
        weights = np.array(content["weights"])
        return cls(Fitted(texts=texts, weights=weights, levels=content["levels"], next_order=shape))


@dataclass(frozen=True, kw_only=True)
class _Scores:
    """What the trees and the logistic regression say, without a level."""

    forests: dict[Target, Forest]
    weights: Numbers

    @classmethod
    def of(cls, texts: dict[Target, str], weights: Numbers) -> Self:
        forests = {target: read_forest(text) for target, text in texts.items()}
        return cls(forests=forests, weights=weights)

    def raw(self, activity: FloatArray, target: Target) -> Numbers:
        """Return log-odds of churn, or the logarithm of the expectation (B,)."""
        if target != "churned":
            return add_up(self.forests[target], columns_of(activity, MONOTONE))
        columns = columns_of(activity, INPUTS)
        return (add_up(self.forests[target], columns) + _linear_inputs(columns) @ self.weights) / 2


def _linear_inputs(columns: FloatArray) -> Numbers:
    """Return the inputs (B, INPUTS + 1) of the logistic regression from `columns` (INPUTS, B)."""
    recency = columns[INPUTS.index("log_recency_days")]
    return np.vstack([columns, recency**2]).T.astype(np.float64)


def _trees(seen: WindowExamples, target: Target, *, config: CustomerTreesConfig, seed: int) -> str:
    names = INPUTS if target == "churned" else MONOTONE
    return boost(
        columns_of(seen.activity, names).T,
        getattr(seen.outcomes, target),
        seen.levels(target)[seen.window],
        objective=_OBJECTIVES[target],
        config=config,
        seed=seed,
        signs=None if target == "churned" else [_SIGNS.get(name, 1) for name in MONOTONE],
    )


def _coming_levels(
    data: "TrainingData", seen: WindowExamples, scores: _Scores
) -> dict[Target, float]:
    """Return what to add to the scores in the window that begins at `data.as_of`."""
    orders, at = seen.orders, data.as_of
    activity = data.activity_at({at: orders.active(at)})[at]
    found = season_levels(orders, at, horizon_days=seen.horizon_days)
    return {
        target: shift(scores.raw(activity, target)[found.customers], total, target)
        for target, total in found.totals.items()
    }
