"""Measure a customer model through the seasons: fitted before each of many cuts, with one config.

The level of every window is compared with what came, and the probabilities with what happened by
tenth of the customers.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, cast

import numpy as np
import pandas as pd
from scipy.special import logit

from configs.durable import replacing
from configs.loader import Config
from features.workspace import Workspace
from training.benchmarks.finished import refuse_unfinished
from training.customers.orders import CustomerOrders, Numbers
from training.data.training_data import TrainingData
from training.data.windows import spaced
from training.errors import NotEnoughData
from training.evaluation.customers_metrics import customers_metrics
from training.evaluation.job import prepare
from training.interfaces import CustomerModel
from training.models import model_class, spec
from training.reports.text_table import TextTable
from training.run import SILENT, Progress, Run

APART_DAYS: Final = 14
TENTHS: Final = 10
FIGURES: Final = "seasons.csv"
RELIABILITY: Final = "reliability.csv"
SHOWN: Final = (
    "auc", "brier", "ece", "orders_deviance", "orders_total", "spend_gini", "spend_total",
    "next_order_coverage",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Seasons:
    """The figures of a model at many cuts, oldest first."""

    figures: pd.DataFrame
    """A row per cut: cut, job (the digest of model, config, seed, data and code), customers,
    churn_rate (what came), mean_prediction, level_error (their difference in log-odds), and
    SHOWN."""
    reliability: pd.DataFrame
    """A row per cut and tenth of the customers by probability: cut, tenth, predicted, actual,
    customers."""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what `write` wrote. Raises FileNotFoundError.

        Tenths of a cut without figures are left out: the process ended between the two files.
        """
        figures = pd.read_csv(folder / FIGURES, dtype={"cut": str, "job": str})
        tenths = pd.read_csv(folder / RELIABILITY, dtype={"cut": str})
        return cls(figures=figures, reliability=tenths[tenths["cut"].isin(figures["cut"])])

    def write(self, folder: Path) -> None:
        """Replace the files in `folder`; the figures last, which say which cuts are done."""
        for name, table in ((RELIABILITY, self.reliability), (FIGURES, self.figures)):
            with replacing(folder / name) as file:
                table.to_csv(file, index=False)

    def with_cut(self, figures: pd.DataFrame, reliability: pd.DataFrame) -> Self:
        """Return these figures and those of one more cut."""
        return type(self)(
            figures=pd.concat([self.figures, figures], ignore_index=True),
            reliability=pd.concat([self.reliability, reliability], ignore_index=True),
        )


def measure_seasons(
    ws: Workspace,
    model: str,
    *,
    first: pd.Timestamp,
    last: pd.Timestamp,
    config: Config,
    folder: Path,
    seed: int = 0,
    progress: Progress = SILENT,
) -> Seasons:
    """Measure `model` of the family `customers` at fortnightly cuts in [`first`, `last`] (UTC).

    The model sees what was known before each cut, and nothing of its window. Figures of a cut are
    written to `folder` as soon as they are known: the same call goes on after them, and one with
    another model, config, seed, data, code or `last` replaces them. Raises UnknownModel, and
    NotEnoughData if there is no cut, or if the last window has not ended.
    """
    spec(model, registered="customers")
    horizon = config.horizon_days  # type: ignore[attr-defined]  # every customer model has one
    refuse_unfinished(ws, cut=last, days=horizon)
    end = last + pd.Timedelta(days=horizon)
    job = prepare(ws, model, as_of=end, config=config, seed=seed, progress=progress)
    full = job.full
    cuts = spaced(full.times, days=APART_DAYS, first=first, last=last)
    if not cuts:
        raise NotEnoughData(f"no snapshot lies from {first.date()} to {last.date()}")
    folder.mkdir(parents=True, exist_ok=True)
    seasons = _done(folder, job.key)
    orders = CustomerOrders(full)
    for number, at in enumerate(cuts, start=1):
        if not (seasons.figures["cut"] == _name(at, ws)).any():
            past, run = full.before(at), Run(device="cpu")
            fitted = model_class(model).fit(past, config=config, seed=seed, run=run)
            figures, tenths = _measure(cast(CustomerModel, fitted), full, orders, at)
            cut = _name(at, ws)
            seasons = seasons.with_cut(figures.assign(cut=cut, job=job.key), tenths.assign(cut=cut))
            seasons.write(folder)
        progress.on_model(number, len(cuts))
    wanted = [_name(at, ws) for at in cuts]
    return Seasons(
        figures=_in_order(seasons.figures, wanted),
        reliability=_in_order(seasons.reliability, wanted),
    )


def grid(seasons: Seasons, *, title: str) -> TextTable:
    """Return the figures as a table, and their means in its last row."""
    names = ["churn_rate", "mean_prediction", "level_error", *SHOWN]
    rows = [
        (str(row["cut"]), *(f"{row[name]:.3f}" for name in names))
        for _, row in seasons.figures.iterrows()
    ]
    means = seasons.figures[names].mean()
    rows.append(("mean", *(f"{means[name]:.3f}" for name in names)))
    return TextTable(title=title, columns=("cut", *names), rows=tuple(rows))


def reliability_by_tenth(churned: Numbers, churn: Numbers) -> pd.DataFrame:
    """Return tenth, predicted, actual, customers: `churned` (B,) 0/1 by tenth of `churn` (B,).

    >>> tenths = reliability_by_tenth(np.tile([0.0, 1.0], 10), np.linspace(0, 0.95, 20))
    >>> tenths.iloc[0].round(3).to_dict()
    {'tenth': 1.0, 'predicted': 0.025, 'actual': 0.5, 'customers': 2.0}
    """
    order = np.argsort(churn, kind="stable")
    rows = [
        (place, churn[part].mean(), churned[part].mean(), len(part))
        for place, part in enumerate(np.array_split(order, TENTHS), start=1)
        if len(part)
    ]
    return pd.DataFrame(rows, columns=["tenth", "predicted", "actual", "customers"])


def _measure(
    fitted: CustomerModel,
    full: TrainingData,
    orders: CustomerOrders,
    at: pd.Timestamp,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    outcomes = orders.outcomes(at, horizon_days=fitted.horizon_days)
    made = fitted.predict(full.queries(at, orders.active(at)))
    found = customers_metrics(outcomes, made, horizon_days=fitted.horizon_days)
    rate, predicted = found["churn_rate"], found["mean_prediction"]
    row = {
        "customers": len(outcomes.orders),
        "churn_rate": rate,
        "mean_prediction": predicted,
        "level_error": float(logit(predicted) - logit(rate)),
        **{figure: found[figure] for figure in SHOWN},
    }
    tenths = reliability_by_tenth(outcomes.churned, made.churn)
    return pd.DataFrame([row]), tenths


def _done(folder: Path, job: str) -> Seasons:
    """Return what `folder` holds of `job`; nothing if it is of another one."""
    try:
        found = Seasons.read(folder)
    except FileNotFoundError:
        found = None
    if found is None or not found.figures.get("job", pd.Series(dtype=str)).eq(job).all():
        nothing = pd.DataFrame({"cut": pd.Series(dtype=str)})
        return Seasons(figures=nothing, reliability=nothing)
    return found


def _name(at: pd.Timestamp, ws: Workspace) -> str:
    return str(at.tz_convert(ws.timezone).date())


def _in_order(table: pd.DataFrame, cuts: list[str]) -> pd.DataFrame:
    return table[table["cut"].isin(cuts)].sort_values("cut", kind="stable", ignore_index=True)
