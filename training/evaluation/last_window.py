"""How good a model would have been: trained before the last window, measured on it.

The window of a recommender is 28 days, that of a predictor its horizon. The number of epochs is
chosen on the window too, so a model's figures are optimistic by that one choice.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol, Self

import numpy as np
import pandas as pd
import pyarrow as pa

from configs.json_files import read_json, write_json
from configs.loader import Config
from configs.parquet_files import read_parquet, write_parquet
from training.data.training_data import TrainingData
from training.errors import TooManyProducts
from training.evaluation.ranking_metrics import Figures
from training.families import imported
from training.models import config_class, model_class, spec
from training.run import Run
from training.search_spaces import setting

PATIENCE: Final = 2
"""Epochs without a better score after which a training stops."""
BY_CUSTOMER: Final = "by_customer.parquet"
"""The artifact of a run that holds `Assessment.by_customer`."""
Metrics = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The figures of a model on a window."""

    metrics: Metrics
    by_customer: Figures
    """What each customer of the window adds to the figure that versions are compared by (the
    family's `compared_by`), (N,): the more, the better."""


class Judge(Protocol):
    """A window and the truth in it; it measures models of the family whose judge it is."""

    def measure(self, model: Any) -> Measured:
        """Return the figures of `model`, which was not trained on the window."""


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """The figures of a configuration on the last window before `as_of`."""

    epochs: int
    """The best number of passes; 1 for a model without epochs."""
    metrics: Metrics
    history: dict[int, Metrics]
    """Metrics by epoch, including the training loss."""
    baselines: dict[str, Metrics]
    unmeasured: str | None = None
    """Why there are no metrics; None where there are."""
    by_customer: dict[str, Figures] = field(default_factory=dict)
    """`Measured.by_customer` by the name of the model, and of each baseline."""

    def report(self) -> dict[str, Any]:
        """Return all but the figures by customer, as JSON."""
        return {name: value for name, value in asdict(self).items() if name != "by_customer"}

    def save(self, file: Path) -> None:
        """Store the figures by customer beside `file`, and then the rest in it (JSON)."""
        write_figures(file.with_suffix(".parquet"), self.by_customer)
        write_json(file, self.report())

    @classmethod
    def load(cls, file: Path) -> Self:
        """Return what `save` stored in `file`."""
        saved = read_json(file)
        figures = read_figures(file.with_suffix(".parquet"))
        return cls(**{**saved, "history": _by_epoch(saved["history"]), "by_customer": figures})


def write_figures(file: Path, figures: Mapping[str, Figures]) -> None:
    """Store figures by customer, by model, in `file` (Parquet), sealed, in one step."""
    write_parquet(file, pa.table(dict(figures)))


def read_figures(file: Path) -> dict[str, Figures]:
    """Return the figures by customer in `file`, by model. Raises DamagedFile."""
    rows = read_parquet(file, otherwise="restore it from a backup")
    return {name: rows[name].to_numpy() for name in rows.column_names}


def read_history(file: Path) -> dict[int, Metrics]:
    """Return the metrics by epoch in `file` (JSON); empty if there is no file."""
    return _by_epoch(read_json(file)) if file.exists() else {}


def _by_epoch(saved: dict[str, Metrics]) -> dict[int, Metrics]:
    """Return `saved` with its epochs as numbers, which JSON stores as text."""
    return {int(epoch): metrics for epoch, metrics in saved.items()}


class _EarlyStop(Exception):
    """The objective did not improve for `PATIENCE` epochs."""


@dataclass
class _EpochWatch:
    """Follows a training: measures and passes on each epoch, stores it in `file`, stops early."""

    objective: str
    judge: Judge
    on_epoch: Callable[[int, Metrics], None]
    file: Path | None
    history: dict[int, Metrics]
    last: Figures
    """The figures by customer of the epoch that was measured last."""
    by_customer: Figures
    """Those of the best epoch."""

    def validate(self, model: Any) -> Metrics:
        """Return the metrics of `model` after an epoch."""
        measured = self.judge.measure(model)
        self.last = measured.by_customer
        return measured.metrics

    def __call__(self, epoch: int, metrics: Metrics) -> None:
        """Add the epoch that was measured last."""
        self.history[epoch] = metrics
        if self.best == epoch:
            self.by_customer = self.last
            if self.file is not None:
                write_figures(self.file.with_suffix(".parquet"), {"best": self.by_customer})
        if self.file is not None:
            write_json(self.file, self.history)
        self.on_epoch(epoch, metrics)
        if epoch - self.best >= PATIENCE:
            raise _EarlyStop

    @property
    def best(self) -> int:
        """The first epoch with the best objective."""
        return max(self.history, key=lambda e: (self.history[e][self.objective], -e))


def window_days(model: str, config: Config) -> int:
    """Return the length of the window that `model` of `config` is measured on, in days."""
    fixed = spec(model).family.window_days
    days: int = setting(config, "horizon_days") if fixed is None else fixed
    return days


def make_judge(model: str, data: TrainingData, *, at: pd.Timestamp, days: int) -> Judge:
    """Return the judge of `model`'s family in [at, at + days), with the truth from `data`."""
    judge: Judge = imported(spec(model).family.judge)(data, at=at, days=days)
    return judge


def measure_last_window(
    model: str,
    past: TrainingData,
    judge: Judge,
    *,
    config: Config,
    seed: int,
    run: Run,
    baselines: bool = True,
) -> Assessment:
    """Train `model` on `past`; let `judge` measure it and, with `baselines`, its baselines.

    Resumes from `run.checkpoints`. An exception in `run.on_epoch` ends the training.
    """
    stored = None if run.checkpoints is None else run.checkpoints / "assessment.json"
    if stored is not None and stored.exists():
        return Assessment.load(stored)
    assessment = _train(model, past, judge, config=config, seed=seed, run=run)
    if baselines:
        compared = {}
        for name in spec(model).baselines:
            settings = _baseline_config(name, config)
            fit = model_class(name).fit
            try:
                fitted = fit(past, config=settings, seed=seed, run=Run(device="cpu"))
            except TooManyProducts:  # it cannot be fitted on this catalogue
                continue
            compared[name] = judge.measure(fitted)
        assessment = replace(
            assessment,
            baselines={name: measured.metrics for name, measured in compared.items()},
            by_customer={name: measured.by_customer for name, measured in compared.items()}
            | assessment.by_customer,
        )
    if stored is not None:
        assessment.save(stored)
    return assessment


def _train(
    model: str, past: TrainingData, judge: Judge, *, config: Config, seed: int, run: Run
) -> Assessment:
    file = None if run.checkpoints is None else run.checkpoints / "epochs.json"
    history = {} if file is None else read_history(file)
    best = np.zeros(0)
    if file is not None and history:
        best = read_figures(file.with_suffix(".parquet"))["best"]
    watch = _EpochWatch(
        objective=spec(model).family.objective,
        judge=judge,
        on_epoch=run.on_epoch,
        file=file,
        history=history,
        last=best,
        by_customer=best,
    )
    try:
        fitted = model_class(model).fit(
            past,
            config=config,
            seed=seed,
            run=replace(run, on_epoch=watch, validate=watch.validate),
        )
        if not watch.history:
            measured = judge.measure(fitted)
            return Assessment(
                epochs=1,
                metrics=measured.metrics,
                history={},
                baselines={},
                by_customer={model: measured.by_customer},
            )
    except _EarlyStop:
        pass
    return Assessment(
        epochs=watch.best,
        metrics={name: v for name, v in watch.history[watch.best].items() if name != "loss"},
        history=watch.history,
        baselines={},
        by_customer={model: watch.by_customer},
    )


def _baseline_config(name: str, config: Config) -> Config:
    """Return the default config of baseline `name`, with the same horizon as `config`."""
    cls = config_class(name)
    shared = {"horizon_days"} & cls.model_fields.keys() & type(config).model_fields.keys()
    return cls(**{field: getattr(config, field) for field in shared})
