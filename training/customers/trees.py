"""Predict churn, orders, spend and the next order of customers: gradient-boosted trees (LightGBM),
blended with Pareto/NBD, which orders the extreme customers better than the steps of trees.

The models learn how customers differ, from many windows, each with its own level; the level of the
coming window is that of the season (`season_levels`). Churn is a blend, in log-odds, of trees, a
logistic regression and Pareto/NBD; orders, in logarithms, of trees and Pareto/NBD. Spend is orders
times the expected value of an order (Gamma-Gamma), copied by trees that only rise with what a
customer ordered before, and fall with the time since: a customer is never worth less for one more
order, as it may be by Pareto/NBD.
"""

import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import numpy as np
import pandas as pd
import pydantic
from scipy.special import expit, logit

from configs.json_files import read_json, write_json
from training.customers.boosting import BoostingConfig, boost, logistic_weights, monotone_copy
from training.customers.inputs import INPUTS, columns_of
from training.customers.lifetime.maximum_likelihood import NotConverged
from training.customers.lifetime.models import (
    LifetimeConfig,
    expected_value,
    fit_values,
    histories,
)
from training.customers.lifetime.pareto_nbd import ParetoNbd
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

logger: Final = logging.getLogger(__name__)
SETTINGS: Final = "customers.json"
MONOTONE: Final = (
    "log_orders_30d", "log_orders_90d", "log_orders_365d", "log_orders_total", "log_spend_30d",
    "log_spend_90d", "log_spend_365d", "log_spend_total", "log_recency_days", "log_tenure_days",
)  # fmt: skip
"""The inputs of orders and spend: one more order between the first and now raises each of them, but
for the recency, which falls, and the tenure, which stays."""
SIGNS: Final = tuple(
    {"log_recency_days": -1, "log_tenure_days": 0}.get(name, 1) for name in MONOTONE
)
"""1 where orders and spend may only rise with the input, -1 where they may only fall, 0: free."""
_SURE: Final = 1e-6
CLASSICAL: Final = 0.3
"""The share of Pareto/NBD in the log-odds of churn and the logarithm of orders. On Online Retail II
at 2011-02-01 and 2011-03-01, of 0, 0.15, 0.3, 0.5, 0.7 and 1 it has the best log loss of churn (AUC
.780 and .785; without it .777 and .782) and nearly the best deviance of orders. At 2011-04-01 and
04-26 too."""
_OBJECTIVES: Final[dict[Target, dict[str, Any]]] = {
    "churned": {"objective": "binary"},
    "orders": {"objective": "poisson"},
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
    classical: ParetoNbd | None
    """None where it did not converge: then the others are blended without it."""
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
        self.horizon_days = fitted.next_order.horizon_days
        self._scores = _Scores(
            forests={target: read_forest(text) for target, text in fitted.texts.items()},
            classical=fitted.classical,
            weights=fitted.weights,
            horizon_days=self.horizon_days,
        )

    @classmethod
    def fit(cls, data: "TrainingData", *, config: CustomerTreesConfig, seed: int, run: Run) -> Self:
        """Fit on all customers of many windows that end by `data.as_of`. Raises NotEnoughData."""
        seen = window_examples(data, horizon_days=config.horizon_days)
        texts = {target: _trees(seen, target, config=config, seed=seed) for target in _OBJECTIVES}
        linear = _linear_inputs(columns_of(seen.activity, INPUTS))
        columns = columns_of(seen.activity, MONOTONE).T
        now = data.activity_at({data.as_of: seen.orders.active(data.as_of)})[data.as_of]
        scores = _Scores(
            forests={target: read_forest(text) for target, text in texts.items()},
            classical=_classical(now),
            weights=logistic_weights(linear, seen, penalty=config.penalty),
            horizon_days=config.horizon_days,
        )
        spend = scores.raw(seen.activity, "orders") + _log_value(now, of=seen.activity)
        texts["spend"] = monotone_copy(columns, spend, SIGNS, seed=seed)
        scores = replace(scores, forests={**scores.forests, "spend": read_forest(texts["spend"])})
        churn = expit(seen.shifted(scores.raw(seen.activity, "churned"), "churned"))
        days, horizon = seen.outcomes.days, config.horizon_days
        return cls(
            Fitted(
                texts=texts,
                classical=scores.classical,
                weights=scores.weights,
                levels=_coming_levels(now, seen, scores, at=data.as_of),
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
            "classical": None if self._fitted.classical is None else asdict(self._fitted.classical),
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
        classical = content["classical"]
        return cls(
            Fitted(
                texts=texts,
                classical=None if classical is None else ParetoNbd(**classical),
                weights=np.array(content["weights"]),
                levels=content["levels"],
                next_order=shape,
            )
        )


@dataclass(frozen=True, kw_only=True)
class _Scores:
    """What the models say, blended, without a level."""

    forests: dict[Target, Forest]
    classical: ParetoNbd | None
    weights: Numbers
    horizon_days: int

    def raw(self, activity: FloatArray, target: Target) -> Numbers:
        """Return log-odds of churn, or the logarithm of the expectation (B,)."""
        if target == "churned":
            columns = columns_of(activity, INPUTS)
            linear = _linear_inputs(columns) @ self.weights
            learned = (add_up(self.forests[target], columns) + linear) / 2
        else:
            learned = add_up(self.forests[target], columns_of(activity, MONOTONE))
        if self.classical is None or target == "spend":  # spend copies what holds it already
            return learned
        rows, days = histories(activity), float(self.horizon_days)
        if target == "orders":
            classical = np.log(np.maximum(self.classical.expected_orders(days, *rows), _SURE))
        else:
            classical = logit(np.clip(self.classical.no_order(days, *rows), _SURE, 1 - _SURE))
        return (1 - CLASSICAL) * learned + CLASSICAL * classical


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
        signs=None if target == "churned" else SIGNS,
    )


def _classical(activity: FloatArray) -> ParetoNbd | None:
    """Return Pareto/NBD of the customers (B, F) of the coming window; None if not converged."""
    try:
        return ParetoNbd.fit(*histories(activity), penalty=LifetimeConfig().penalty)
    except NotConverged as error:
        logger.info("the blend goes without Pareto/NBD: %s", error)
        return None


def _log_value(activity: FloatArray, *, of: FloatArray) -> Numbers:
    """Return the logarithm of the expected value of an order of each customer in `of` (N, F).

    By Gamma-Gamma of the customers `activity` (B, F); if it does not converge, all are the same.
    """
    try:
        values = fit_values(activity, penalty=LifetimeConfig().penalty)
    except NotConverged as error:
        logger.info("an order of every customer has the same expected value: %s", error)
        return np.zeros(len(of))
    return np.log(np.maximum(expected_value(values, of), _SURE))


def _coming_levels(
    activity: FloatArray, seen: WindowExamples, scores: _Scores, *, at: pd.Timestamp
) -> dict[Target, float]:
    """Return what to add to the scores of the customers (B, F) of the window from `at` on."""
    found = season_levels(seen.orders, at, horizon_days=seen.horizon_days)
    return {
        target: shift(scores.raw(activity, target)[found.customers], total, target)
        for target, total in found.totals.items()
    }
