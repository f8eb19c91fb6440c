"""What a version leads, customer by customer, in a window that no compared model was trained on.

The window is the last one before the version's data cut. There, `fit` measured the version's model
and its baselines, each trained before the window. The champion is measured in it as it stands if it
was trained before the window too; else its settings are trained before the window by today's code.

One choice was made on the window: the number of epochs of a model that counts them. It favours such
a model over baselines and over a champion that is measured as it stands.
"""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import pandas as pd

from configs.errors import UserError
from configs.loader import Config, checked
from features.workspace import Workspace
from training.bundle import load_bundle
from training.errors import NotEnoughData
from training.evaluation.job import Job, prepare
from training.evaluation.last_window import (
    BY_CUSTOMER,
    measure_last_window,
    read_figures,
    window_days,
)
from training.evaluation.leads import Lead, leads
from training.evaluation.ranking_metrics import Figures
from training.models import config_class, spec
from training.registry.versions import Version
from training.run import Progress, Run

MeasuredHow = Literal["as it stands", "trained before the window", "the same training"]
"""How a champion was measured in the window. `the same training`: of the same settings, seed and
commit, so that its model before the window is that of the version."""


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
    champion_measured: MeasuredHow | None = None
    champion_unmeasured: str | None = None
    """Why there is no lead over the champion, where there is one."""

    @property
    def best_baseline(self) -> Lead | None:
        """The baseline with the highest mean; None without baselines."""
        return max(self.baselines, key=lambda lead: lead.mean, default=None)

    def as_json(self) -> dict[str, Any]:
        """Return all fields as JSON; null for what is no number."""
        fields = {**asdict(self), "baselines": [asdict(lead) for lead in self.baselines]}
        whole: dict[str, Any] = json.loads(json.dumps(fields), parse_constant=lambda _: None)
        return whole


def stored_figures(version: Version) -> dict[str, Figures]:
    """Return the figures by customer that `fit` stored, by model; empty if it stored none."""
    file = version.artifacts / BY_CUSTOMER
    return read_figures(file) if file.exists() else {}


def gather(version: Version, champion: Version | None, *, job: Job, run: Run) -> Evidence | None:
    """Return what speaks for `version`; None if nobody could be measured.

    `job` is the training that made `version`, on today's tables. `champion` may be any other
    version of the name. Where it cannot be measured, `champion_unmeasured` says why.
    """
    stored, own = stored_figures(version), version.manifest.model
    if own not in stored:
        return None
    evidence = Evidence(
        start=job.past.as_of.isoformat(),
        end=job.as_of.isoformat(),
        figure=spec(own).family.compared_by,
        customers=len(stored[own]),
        mean=float(stored[own].mean()),
        baselines=leads(stored[own], {n: f for n, f in stored.items() if n != own}),
    )
    if champion is None or champion.version == version.version:
        return evidence
    try:
        measured, figures = _of_champion(champion, version, job=job, run=run)
    except UserError as error:
        return replace(evidence, champion_unmeasured=" ".join(str(error).split()))
    if len(figures) != len(stored[own]):
        why = f"it has {len(figures)} customers in the window, and this version {len(stored[own])}"
        return replace(evidence, champion_unmeasured=why)
    [lead] = leads(stored[own], {f"{champion.name}@{champion.version}": figures})
    return replace(evidence, champion=lead, champion_measured=measured)


def training_of(
    ws: Workspace, version: Version, *, progress: Progress, requested: bool = True
) -> Job:
    """Return the training that made `version`, on today's tables.

    Its number of epochs is the `requested` one, or the one that was chosen. Raises ConfigError for
    settings that today's code does not know.
    """
    manifest = version.manifest
    return prepare(
        ws,
        manifest.model,
        as_of=pd.Timestamp(manifest.as_of),
        config=config_of(version, requested=requested),
        seed=manifest.seed,
        progress=progress,
    )


def config_of(version: Version, *, requested: bool) -> Config:
    """Return the settings of `version`; see `training_of`."""
    label = f"{version.name} version {version.version}"
    values = _settings(version) if requested else version.manifest.config
    return checked(config_class(version.manifest.model), values, source=label)


def same_settings(version: Version, other: Version) -> bool:
    """Return whether two versions differ in their data and code alone."""
    a, b = ((v.manifest.model, v.manifest.seed, _settings(v)) for v in (version, other))
    return a == b


def _settings(version: Version) -> dict[str, Any]:
    manifest = version.manifest
    if manifest.requested_epochs is None:
        return manifest.config
    return {**manifest.config, "epochs": manifest.requested_epochs}


def _same_code(version: Version, other: Version) -> bool:
    commits = {version.manifest.git_commit, other.manifest.git_commit}
    return len(commits) == 1 and not commits.pop().endswith(("-dirty", "unknown"))


def _of_champion(
    champion: Version, version: Version, *, job: Job, run: Run
) -> tuple[MeasuredHow, Figures]:
    """Return how the champion was measured in the window of `job`, and its figures by customer.

    Raises UserError if it cannot be.
    """
    if job.data_digest != version.manifest.data_digest:
        raise NotEnoughData("the rows known before the data cut have changed since the training")
    manifest, config = champion.manifest, config_of(champion, requested=True)
    days, own = (window_days(m, c) for m, c in ((manifest.model, config), (job.model, job.config)))
    if days != own:
        raise NotEnoughData(f"it is measured on {days} days, and this version on {own}")
    judge = job.judge()
    if pd.Timestamp(manifest.as_of) <= job.past.as_of:
        return "as it stands", judge.measure(load_bundle(champion.bundle).model).by_customer
    stored = stored_figures(champion).get(manifest.model)
    same_window = (manifest.as_of, manifest.data_digest) == (
        version.manifest.as_of,
        version.manifest.data_digest,
    )
    if stored is not None and same_window:
        return "trained before the window", stored
    if same_settings(version, champion) and _same_code(version, champion):
        return "the same training", stored_figures(version)[job.model]
    with job.ws.lock("training"):
        assessed = measure_last_window(
            manifest.model,
            job.past,
            judge,
            config=config,
            seed=manifest.seed,
            run=run,
            baselines=False,
        )
    return "trained before the window", assessed.by_customer[manifest.model]
