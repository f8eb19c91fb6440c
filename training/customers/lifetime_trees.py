"""Pareto/NBD, corrected by trees: for shops whose history is short beside the horizon.

Pareto/NBD says how many orders come in any number of days. The trees learn by how much it errs,
from windows that begin at earlier times and all end now, each with the Pareto/NBD of its own time
as offset; so the horizon may be longer than any window that has ended.
"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple, Self

import numpy as np
import pandas as pd
import pydantic
from scipy.special import expit

from configs.json_files import read_json, write_json
from training.customers.boosting import BoostingConfig, boost
from training.customers.inputs import INPUTS, columns_of
from training.customers.lifetime.gamma_gamma import GammaGamma
from training.customers.lifetime.models import (
    expected_value,
    fit_values,
    histories,
    read_values,
    waiting_curve,
)
from training.customers.lifetime.pareto_nbd import ParetoNbd
from training.customers.next_order import interval
from training.customers.orders import CustomerOrders, Numbers
from training.customers.predictions import consistent
from training.customers.season import APART_DAYS, LEAST_DAYS
from training.data.inputs import FloatArray, Queries
from training.data.windows import spaced
from training.errors import BundleError, NotEnoughData
from training.interfaces import CustomerPredictions
from training.kernels.lightgbm_trees import add_up, read_forest
from training.run import Run

if TYPE_CHECKING:
    from training.data.training_data import TrainingData

SETTINGS: Final = "lifetime_trees.json"
_SURE: Final = 1e-6
TREES: Final = "orders.txt"


class LifetimeTreesConfig(BoostingConfig):
    """Size and training of the trees."""

    horizon_days: int = pydantic.Field(90, ge=1, description="days that are predicted")
    trees: int = pydantic.Field(150, ge=1, description="number of trees")
    learning_rate: float = pydantic.Field(0.05, gt=0, description="factor of a tree's output")
    leaf_customers: int = pydantic.Field(400, ge=1, description="minimum of examples in a leaf")
    penalty: float = pydantic.Field(
        0.1, ge=0, description="of the squared logs of Pareto/NBD's parameters"
    )


class _Examples(NamedTuple):
    activity: FloatArray  # (N, F)
    churned: Numbers  # (N,)
    orders: Numbers
    offset: Numbers  # (N,) logarithm of the expected orders by Pareto/NBD


class LifetimeTrees:
    """Pareto/NBD and Gamma-Gamma with a learned correction of the orders; churn follows them."""

    name: ClassVar[str] = "lifetime_trees"

    def __init__(
        self,
        model: ParetoNbd,
        values: GammaGamma | float,
        text: str,
        *,
        churn: tuple[float, float],
        horizon_days: int,
    ) -> None:
        self._model, self._values, self._text, self._churn = model, values, text, churn
        self._forest = read_forest(text)
        self.horizon_days = horizon_days

    @classmethod
    def fit(cls, data: "TrainingData", *, config: LifetimeTreesConfig, seed: int, run: Run) -> Self:
        """Fit on windows that end at `data.as_of`. Raises NotEnoughData, NotConverged."""
        seen = _examples(data, config=config)
        activity = data.activity_at({data.as_of: CustomerOrders(data).active(data.as_of)})
        now = activity[data.as_of]
        text = boost(
            columns_of(seen.activity, INPUTS).T,
            seen.orders,
            seen.offset,
            objective={"objective": "poisson"},
            config=config,
            seed=seed,
        )
        orders = seen.offset + add_up(read_forest(text), columns_of(seen.activity, INPUTS))
        return cls(
            ParetoNbd.fit(*histories(now), penalty=config.penalty),
            fit_values(now, penalty=config.penalty),
            text,
            churn=_churn_by_orders(orders, seen.churned),
            horizon_days=config.horizon_days,
        )

    def predict(self, queries: Queries) -> CustomerPredictions:
        """Return predictions (B,) about the `horizon_days` after `queries.at`."""
        rows, columns = histories(queries.activity), columns_of(queries.activity, INPUTS)
        orders = self._model.expected_orders(float(self.horizon_days), *rows)
        orders = np.maximum(orders * np.exp(add_up(self._forest, columns)), _SURE)
        edges, waiting = waiting_curve(self._model, rows, horizon_days=self.horizon_days)
        waiting = np.clip(waiting, _SURE, 1)
        last = np.minimum(waiting[-1], 1 - _SURE)
        constant, weight = self._churn
        churn = expit(constant + weight * np.log(orders))
        faster = np.log(np.clip(churn, _SURE, 1 - _SURE)) / np.log(last)
        return consistent(
            churn=churn,
            orders=orders,
            spend=np.maximum(orders, 1 - churn) * expected_value(self._values, queries.activity),
            next_order=interval(edges, waiting**faster),
        )

    def save(self, folder: Path) -> None:
        """Write parameters and trees into the existing, empty `folder`."""
        (folder / TREES).write_text(self._text, encoding="utf-8")
        values = self._values if isinstance(self._values, float) else asdict(self._values)
        content = {
            "inputs": [*INPUTS],
            "horizon_days": self.horizon_days,
            "orders": asdict(self._model),
            "values": values,
            "churn": self._churn,
        }
        write_json(folder / SETTINGS, content)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. BundleError if it was trained on other inputs than today's."""
        content = read_json(folder / SETTINGS)
        if tuple(content["inputs"]) != INPUTS:
            raise BundleError(f"{folder}: this model reads other customer inputs; fit it again")
        return cls(
            ParetoNbd(**content["orders"]),
            read_values(content["values"]),
            (folder / TREES).read_text(encoding="utf-8"),
            churn=(content["churn"][0], content["churn"][1]),
            horizon_days=content["horizon_days"],
        )


def _examples(data: "TrainingData", *, config: LifetimeTreesConfig) -> _Examples:
    orders, least = CustomerOrders(data), pd.Timedelta(days=LEAST_DAYS)
    first, last = orders.start + least, data.as_of - least
    times = spaced(data.times, days=APART_DAYS, first=first, last=last)
    customers = {at: ids for at in times if len(ids := orders.active(at)) > 1}
    if not customers:
        raise NotEnoughData(
            f"there is nothing to train on, {LEAST_DAYS} days of orders and then {LEAST_DAYS} more "
            f"are needed: {data.extent}"
        )
    activity = data.activity_at(customers)
    parts = []
    for at in customers:
        days = (data.as_of - at) / pd.Timedelta(days=1)
        seen, rows = orders.outcomes(at, horizon_days=days), histories(activity[at])
        model = ParetoNbd.fit(*rows, penalty=config.penalty)
        expected = np.maximum(model.expected_orders(days, *rows), _SURE)
        parts.append((activity[at], seen.churned, seen.orders, np.log(expected)))
    return _Examples(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _churn_by_orders(orders: Numbers, churned: Numbers) -> tuple[float, float]:
    """Return constant and weight of the logarithm of the expected `orders` (N,) in the log-odds of
    churn: it orders customers better than Pareto/NBD's own probability of no order."""
    from sklearn.linear_model import LogisticRegression

    solver = LogisticRegression(max_iter=1000).fit(orders[:, None], churned)
    return float(solver.intercept_[0]), float(solver.coef_[0, 0])
