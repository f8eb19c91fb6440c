"""What a version leads, customer by customer, in a window that none of the compared models saw.

The window is the last one before the version's data cut. There, `fit` measured the version's model
and its baselines, each trained before the window. The champion is measured in it as it stands if it
was trained before the window too; else a model of its settings is trained before the window.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal

import pandas as pd
import yaml

from configs.loader import Config
from training.bundle import load_bundle
from training.evaluation.job import Job
from training.evaluation.last_window import (
    measure_last_window,
    read_figures,
    window_days,
)
from training.evaluation.leads import Lead, leads
from training.evaluation.ranking_metrics import Figures
from training.models import config_class, spec
from training.registry.versions import Version
from training.run import Run

BY_CUSTOMER: Final = "by_customer.npz"
"""The artifact of a run that holds `Assessment.by_customer`."""
Measured = Literal["as it stands", "trained before the window", "the same settings"]
"""How a champion was measured in the window."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The figure of a version and its leads in the last window before its data cut."""

    start: str
    end: str
    figure: str
    """What is compared, in words: the family's `compared_by`; more is better."""
    customers: int
    mean: float
    """The version's mean figure."""
    baselines: tuple[Lead, ...]
    champion: Lead | None = None
    """The lead over the standing champion; None without one."""
    champion_measured: Measured | None = None

    @property
    def best_baseline(self) -> Lead | None:
        """The baseline with the highest mean; None without baselines."""
        return max(self.baselines, key=lambda lead: lead.mean, default=None)

    def as_json(self) -> dict[str, Any]:
        """Return all fields as JSON."""
        return {**asdict(self), "baselines": [asdict(lead) for lead in self.baselines]}


def stored_figures(version: Version) -> dict[str, Figures]:
    """Return the figures by customer that `fit` stored, by model; empty if it stored none."""
    file = version.artifacts / BY_CUSTOMER
    return read_figures(file) if file.exists() else {}


def evidence(version: Version, champion: Version | None, *, job: Job, run: Run) -> Evidence | None:
    """Return what speaks for `version`; None if nobody could be measured.

    `job` is the training that made `version`. Raises NotEnoughData if the champion cannot be
    trained before the window.
    """
    stored = stored_figures(version)
    own = version.manifest.model
    if own not in stored:
        return None
    days = window_days(own, job.config)
    others = {name: figures for name, figures in stored.items() if name != own}
    found = Evidence(
        start=(job.as_of - pd.Timedelta(days=days)).isoformat(),
        end=job.as_of.isoformat(),
        figure=spec(own).family.compared_by,
        customers=len(stored[own]),
        mean=float(stored[own].mean()),
        baselines=leads(stored[own], others),
    )
    if champion is None or champion.version == version.version or days != days_of(champion):
        return found
    measured, figures = _of_champion(champion, version, job=job, run=run)
    label = f"{champion.name}@{champion.version}"
    lead = leads(stored[own], {label: figures})[0]
    return replace(found, champion=lead, champion_measured=measured)


def days_of(version: Version) -> int:
    """Return the length of the window that `version` is measured on, in days."""
    return window_days(version.manifest.model, config_of(version))


def config_of(version: Version) -> Config:
    """Return the settings of `version`; their epochs are those that were chosen."""
    return config_class(version.manifest.model)(**version.manifest.config)


def requested_config(version: Version) -> Config:
    """Return the settings that the training of `version` was given, before epochs were chosen."""
    text = (version.artifacts / "config.yaml").read_text(encoding="utf-8")
    return config_class(version.manifest.model)(**yaml.safe_load(text))


def same_settings(version: Version, other: Version) -> bool:
    """Return whether two versions differ in data, code and the chosen epochs alone."""
    a, b = version.manifest, other.manifest
    return (a.model, a.config | {"epochs": 0}, a.seed) == (
        b.model,
        b.config | {"epochs": 0},
        b.seed,
    )


def _of_champion(
    champion: Version, version: Version, *, job: Job, run: Run
) -> tuple[Measured, Figures]:
    """Return how the champion was measured in the window of `job`, and its figures by customer."""
    judge = job.judge()
    if pd.Timestamp(champion.manifest.as_of) <= job.past.as_of:
        return "as it stands", judge.measure(load_bundle(champion.bundle).model).by_customer
    if same_settings(version, champion):
        return "the same settings", stored_figures(version)[version.manifest.model]
    stored = stored_figures(champion).get(champion.manifest.model)
    same_window = (champion.manifest.as_of, champion.manifest.data_digest) == (
        version.manifest.as_of,
        version.manifest.data_digest,
    )
    if stored is not None and same_window:
        return "trained before the window", stored
    model = champion.manifest.model
    assessed = measure_last_window(
        model,
        job.past,
        judge,
        config=config_of(champion),
        seed=champion.manifest.seed,
        run=run,
        baselines=False,
    )
    return "trained before the window", assessed.by_customer[model]
