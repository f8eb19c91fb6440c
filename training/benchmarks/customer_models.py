"""Compare the models of the family `customers` on one window, customer by customer.

Every model is fitted on what was known before the cut. A lead is the difference of two proper
scores; its interval draws the customers again, each with the scores of all models.
"""

from collections.abc import Sequence
from typing import Final, cast

import numpy as np
import pandas as pd

from configs.loader import Config
from features.workspace import Workspace
from training.benchmarks.finished import refuse_unfinished
from training.customers.best import BestCustomers
from training.customers.churn_labels import refuse_one_kind
from training.customers.lifetime.maximum_likelihood import NotConverged
from training.customers.orders import CustomerOrders
from training.customers.proper_scores import customer_scores
from training.errors import NotEnoughData
from training.evaluation.intervals import Comparison, Estimate, Sample, compare
from training.evaluation.job import prepare
from training.interfaces import CustomerModel
from training.models import MODELS, config_class, model_class
from training.reports.text_table import TextTable
from training.run import SILENT, Progress, Run

PROPER_SCORE: Final = "proper_score"
FIGURES: Final = (PROPER_SCORE, "churn_log_loss", "orders_deviance", "spend_deviance")


def measure(
    ws: Workspace,
    *,
    cut: pd.Timestamp,
    config: Config,
    seed: int = 0,
    progress: Progress = SILENT,
) -> Comparison:
    """Return the scores of every customer model in the window of `config` from `cut` (UTC) on.

    Figures are minus the shares of FIGURES, so that more is better: predicting the average for
    everyone scores -1 on each target and -3 in sum. Leads are those of `customers`, the model that
    a shop uses. A model that cannot be fitted is left out. Raises NotEnoughData if `customers`
    cannot be, if the window has not ended, or if all customers came back or stayed away.
    """
    horizon = config.horizon_days  # type: ignore[attr-defined]  # every customer model has one
    refuse_unfinished(ws, cut=cut, days=horizon)
    end = cut + pd.Timedelta(days=horizon)
    job = prepare(ws, BestCustomers.name, as_of=end, config=config, seed=seed, progress=progress)
    past, orders = job.full.before(cut), CustomerOrders(job.full)
    ids = orders.active(cut)
    outcomes, queries = orders.outcomes(cut, horizon_days=horizon), job.full.queries(cut, ids)
    refuse_one_kind(outcomes.churned, job.full, horizon_days=horizon)
    samples: dict[str, Sample] = {}
    names = _names()
    for done, name in enumerate(names, start=1):
        own = config_class(name).model_validate({"horizon_days": horizon})
        settings = config if name == BestCustomers.name else own
        try:
            fitted = model_class(name).fit(past, config=settings, seed=seed, run=Run(device="cpu"))
        except (NotEnoughData, NotConverged):
            if name == BestCustomers.name:
                raise
            continue
        scores = customer_scores(outcomes, cast(CustomerModel, fitted).predict(queries))
        scores[PROPER_SCORE] = np.sum([*scores.values()], axis=0)
        samples[name] = Sample(
            customer_ids=np.asarray(ids, dtype=object),
            figures={figure: -scores[figure] for figure in FIGURES},
            coverage=1.0,
        )
        progress.on_model(done, len(names))
    return compare([samples], seed=seed)


def grid(found: Comparison, *, title: str) -> TextTable:
    """Return a row per model: its figures, and the lead of `customers` with its 95% interval."""
    rows = []
    for name, means in found.means.items():
        leads = found.leads.get(name)
        lead = ("", "") if leads is None else _lead(leads[PROPER_SCORE])
        rows.append((name, *(f"{-means[figure].value:.4f}" for figure in FIGURES), *lead))
    return TextTable(
        title=title, columns=("model", *FIGURES, "lead", "95% interval"), rows=tuple(rows)
    )


def _lead(lead: Estimate) -> tuple[str, str]:
    return f"{lead.value:+.4f}", f"{lead.low:+.4f} .. {lead.high:+.4f}"


def _names() -> Sequence[str]:
    others = [n for n, entry in MODELS.items() if entry.registered == BestCustomers.name]
    return [BestCustomers.name, *(name for name in others if name != BestCustomers.name)]
