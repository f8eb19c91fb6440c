"""How well a customer model's level holds against a simulated shop's truth, group by group.

The truth (`features.simulator.truth`) is used to judge only: the model is fitted on what the shop
recorded before the cut. A probability of churn is compared with the true probability of no order,
which knows the customer's rhythm and whether the customer has left.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd

from configs.loader import Config
from features.simulator import World
from features.simulator.truth import OrdersAhead, orders_ahead
from features.workspace import Workspace
from training.benchmarks.finished import refuse_unfinished
from training.benchmarks.seasons import reliability_by_tenth
from training.customers.churn_labels import refuse_one_kind
from training.customers.orders import CustomerOrders, Numbers
from training.errors import NotEnoughData
from training.evaluation.job import prepare
from training.interfaces import CustomerModel, CustomerPredictions
from training.models import model_class, spec
from training.reports.text_table import TextTable
from training.run import SILENT, Progress, Run


@dataclass(frozen=True, kw_only=True)
class CustomerTruth:
    """A model's predictions at a cut beside the truth."""

    tenths: pd.DataFrame
    """A row per tenth of the customers by predicted probability of churn: tenth, predicted, actual
    (the mean true probability), customers."""
    orders_ratio: float
    """The expected orders of all customers, predicted over true."""
    spend_ratio: float
    """The spend of all customers in the horizon, predicted over what they spent in this world."""


def measure(
    ws: Workspace,
    model: str,
    *,
    cut: pd.Timestamp,
    config: Config,
    seed: int = 0,
    progress: Progress = SILENT,
) -> CustomerTruth:
    """Fit `model` of the family `customers` before `cut` (UTC); compare it with the truth there.

    Nothing is registered. `seed` fits the model and draws the true futures. Raises WorkspaceError
    if the shop is not simulated, UnknownModel for a model of another family, and NotEnoughData if
    the model cannot be fitted, the horizon has not ended, all or no customers came back, or the
    shop is not that of its world.
    """
    spec(model, registered="customers")
    world, horizon = World.open(ws), int(config.horizon_days)  # type: ignore[attr-defined]
    refuse_unfinished(ws, cut=cut, days=horizon)
    end = cut + pd.Timedelta(days=horizon)
    job = prepare(ws, model, as_of=end, config=config, seed=seed, progress=progress)
    fitted = model_class(model).fit(
        job.full.before(cut), config=config, seed=seed, run=Run(device="cpu")
    )
    orders = CustomerOrders(job.full)
    ids, outcomes = orders.active(cut), orders.outcomes(cut, horizon_days=horizon)
    predicted = cast(CustomerModel, fitted).predict(job.full.queries(cut, ids))
    refuse_one_kind(outcomes.churned, job.full, horizon_days=horizon)
    try:
        true = orders_ahead(world, ids, cut, days=horizon, seed=seed)
    except ValueError as error:  # the shop has other days or customers than its world
        raise NotEnoughData(f"the truth is not known there: {error}") from error
    return beside_truth(predicted, true, spent=outcomes.spend)


def beside_truth(
    predicted: CustomerPredictions, true: OrdersAhead, *, spent: Numbers
) -> CustomerTruth:
    """Return what is `predicted` for N customers beside the truth, and what they `spent` (N,)."""
    return CustomerTruth(
        tenths=reliability_by_tenth(true.silent, predicted.churn),
        orders_ratio=float(np.sum(predicted.orders) / true.orders.sum()),
        spend_ratio=float(np.sum(predicted.spend) / spent.sum()),
    )


def grid(found: CustomerTruth, *, title: str) -> TextTable:
    """Return a row per tenth: predicted and true churn, and their difference; then the totals."""
    rows = [
        (f"{row['tenth']:.0f}", f"{row['predicted']:.3f}", f"{row['actual']:.3f}",
         f"{row['predicted'] - row['actual']:+.3f}", f"{row['customers']:,.0f}")
        for _, row in found.tenths.iterrows()
    ]  # fmt: skip
    for name, ratio in (("orders", found.orders_ratio), ("spend", found.spend_ratio)):
        rows.append((name, "", "", f"x{ratio:.3f}", ""))
    columns = ("tenth by churn", "predicted", "true", "difference", "customers")
    return TextTable(title=title, columns=columns, rows=tuple(rows))
