"""The classical models of a customer base as models of the platform: orders, churn and spend."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import numpy as np
import pydantic

from configs.json_files import read_json, write_json
from configs.loader import Config
from features.model_inputs import CUSTOMER_INPUTS
from training.customers.lifetime.bg_nbd import BgNbd
from training.customers.lifetime.gamma_gamma import GammaGamma
from training.customers.lifetime.order_model import OrderModel
from training.customers.lifetime.pareto_nbd import ParetoNbd
from training.customers.next_order import interval
from training.customers.orders import Numbers, active_customers
from training.customers.predictions import consistent
from training.data.inputs import FloatArray, Queries
from training.interfaces import CustomerPredictions
from training.run import Run

if TYPE_CHECKING:
    from training.data.training_data import TrainingData

SETTINGS: Final = "lifetime.json"
_STEPS: Final = 25
_DAYS: Final = 1 / 24  # the shortest time since the first order


class LifetimeConfig(Config):
    """How a classical model is fitted."""

    horizon_days: int = pydantic.Field(90, ge=1, description="days that are predicted")
    penalty: float = pydantic.Field(
        0.1, ge=0, description="of the squared logs of the parameters, so that small shops converge"
    )


class ParetoNbdModel:
    """Pareto/NBD for the orders, Gamma-Gamma for their value."""

    name: ClassVar[str] = "pareto_nbd"
    counts: ClassVar[type[OrderModel]] = ParetoNbd

    def __init__(
        self, orders: OrderModel, values: GammaGamma | float, *, horizon_days: int
    ) -> None:
        self._orders, self._values, self.horizon_days = orders, values, horizon_days

    @classmethod
    def fit(cls, data: "TrainingData", *, config: LifetimeConfig, seed: int, run: Run) -> Self:
        """Fit on the customers of the last year. Raises NotEnoughData, NotConverged."""
        customers = active_customers(data)
        activity = data.activity_at({data.as_of: customers})[data.as_of]
        return cls(
            cls.counts.fit(*histories(activity), penalty=config.penalty),
            fit_values(activity, penalty=config.penalty),
            horizon_days=config.horizon_days,
        )

    def predict(self, queries: Queries) -> CustomerPredictions:
        """Return predictions (B,) about the `horizon_days` after `queries.at`."""
        rows = histories(queries.activity)
        orders = self._orders.expected_orders(float(self.horizon_days), *rows)
        edges, waiting = waiting_curve(self._orders, rows, horizon_days=self.horizon_days)
        return consistent(
            churn=waiting[-1],
            orders=orders,
            spend=orders * expected_value(self._values, queries.activity),
            next_order=interval(edges, waiting),
        )

    def save(self, folder: Path) -> None:
        """Write the parameters into the existing, empty `folder`."""
        values = self._values if isinstance(self._values, float) else asdict(self._values)
        content = {
            "horizon_days": self.horizon_days, "orders": asdict(self._orders), "values": values,
        }  # fmt: skip
        write_json(folder / SETTINGS, content)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        content = read_json(folder / SETTINGS)
        return cls(
            cls.counts(**content["orders"]),
            read_values(content["values"]),
            horizon_days=content["horizon_days"],
        )


class BgNbdModel(ParetoNbdModel):
    """BG/NBD for the orders, Gamma-Gamma for their value."""

    name: ClassVar[str] = "bg_nbd"
    counts: ClassVar[type[OrderModel]] = BgNbd


def histories(activity: FloatArray) -> tuple[Numbers, Numbers, Numbers]:
    """Return repeat orders, days from first to last order, and days since the first one (B,) each.

    A customer without orders has ordered once, `NEVER_DAYS` ago.
    """
    orders, recency, tenure = (
        np.expm1(activity[:, CUSTOMER_INPUTS.index(name)].astype(np.float64))
        for name in ("log_orders_total", "log_recency_days", "log_tenure_days")
    )
    repeats = np.maximum(np.rint(orders) - 1, 0)
    age = np.maximum(np.maximum(tenure, recency), _DAYS)
    last = np.where(repeats > 0, np.clip(age - recency, 0, age), 0.0)
    return repeats, last, age


def waiting_curve(
    model: OrderModel, rows: tuple[Numbers, Numbers, Numbers], *, horizon_days: int
) -> tuple[Numbers, Numbers]:
    """Return days (S,) up to the horizon, and the probability of no order before each (S, B)."""
    edges = horizon_days * np.linspace(0, 1, _STEPS) ** 2
    later = [model.no_order(float(edge), *rows) for edge in edges[1:]]
    return edges, np.minimum.accumulate(np.stack([np.ones(len(rows[0])), *later]))


def fit_values(activity: FloatArray, *, penalty: float) -> GammaGamma | float:
    """Return Gamma-Gamma, or the mean value of an order if no customer ordered twice."""
    orders, mean = _values(activity)
    repeated = (orders > 1) & (mean > 0)
    if repeated.sum() < 2:
        return float(mean[mean > 0].mean()) if (mean > 0).any() else 0.0
    return GammaGamma.fit(orders[repeated], mean[repeated], penalty=penalty)


def read_values(stored: Any) -> GammaGamma | float:
    """Return what `fit_values` returned, from JSON."""
    return GammaGamma(**stored) if isinstance(stored, dict) else stored


def expected_value(values: GammaGamma | float, activity: FloatArray) -> Numbers:
    """Return the expected value of an order of each customer (B,)."""
    orders, mean = _values(activity)
    if isinstance(values, float):
        return np.full(len(orders), values)
    return values.expected_value(orders, mean)


def _values(activity: FloatArray) -> tuple[Numbers, Numbers]:
    """Return each customer's number of orders and their mean value (B,)."""
    orders, spend = (
        np.expm1(activity[:, CUSTOMER_INPUTS.index(name)].astype(np.float64))
        for name in ("log_orders_total", "log_spend_total")
    )
    return np.rint(orders), spend / np.maximum(orders, 1)
