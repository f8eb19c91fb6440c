"""Make a registered version again from its data, settings and seed, and compare."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from features.workspace import Workspace
from training.bundle import write_bundle
from training.errors import DataChanged
from training.evaluation.job import Job
from training.models import model_class
from training.promotion.evidence import training_of
from training.promotion.smoke import answers
from training.registry import versions
from training.registry.versions import Version
from training.run import SILENT, Device, Progress, Run

MODEL: Final = "model"
CUSTOMERS: Final = 500
"""At most so many customers' answers are compared where files differ."""


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """How a version compares with the one that was made again."""

    version: Version
    differing: tuple[str, ...]
    """The files of the model that differ; empty if all are equal, bit by bit."""
    same_answers: float
    """The share of the compared answers that are equal (numbers: to 1e-4)."""

    @property
    def identical(self) -> bool:
        """Whether every file is equal, bit by bit."""
        return not self.differing


def reproduce(
    ws: Workspace,
    name: str,
    version: str | None = None,
    *,
    device: Device = "auto",
    progress: Progress = SILENT,
) -> Reproduction:
    """Train `name` again as the version was; nothing is registered, no stored part is used.

    On the same kind of CPU the files are equal bit by bit; elsewhere `same_answers` says how near
    they are. Raises DataChanged if the rows known before its data cut are others today, and
    RegistryError.
    """
    selected = versions.find(ws, name, version)
    manifest = selected.manifest
    job = training_of(ws, selected, progress=progress, requested=False)
    if job.data_digest != manifest.data_digest:
        raise DataChanged(
            f"{selected.name} version {selected.version} was trained on other rows known before "
            f"{manifest.as_of.isoformat()} than the tables hold today (late records or a "
            "correction): restore the tables of that time from a backup"
        )
    run = Run(on_epoch=lambda epoch, figures: progress.on_epoch("train", epoch, figures),
              device=device)  # fmt: skip
    made = model_class(job.model).fit(job.full, config=job.config, seed=job.seed, run=run)
    with tempfile.TemporaryDirectory() as scratch:
        bundle = Path(scratch) / "bundle"
        write_bundle(bundle, made, manifest)
        differing = _differing(selected.bundle / MODEL, bundle / MODEL)
        share = _same_answers(selected.bundle, bundle, job) if differing else 1.0
    return Reproduction(version=selected, differing=differing, same_answers=share)


def _differing(first: Path, second: Path) -> tuple[str, ...]:
    """Return the files of two folders that differ, or that only one has."""
    files = {
        str(path.relative_to(folder))
        for folder in (first, second)
        for path in folder.rglob("*")
        if path.is_file()
    }
    return tuple(
        sorted(name for name in files if _content(first / name) != _content(second / name))
    )


def _content(file: Path) -> bytes | None:
    return file.read_bytes() if file.exists() else None


def _same_answers(first: Path, second: Path, job: Job) -> float:
    rows = job.stored_rows(customers=CUSTOMERS)
    a, b = (answers(bundle, *rows) for bundle in (first, second))
    if len(a) != len(b):
        return 0.0
    same = [
        np.isclose(a[name], b[name], rtol=1e-4, atol=1e-4)
        if pd.api.types.is_numeric_dtype(a[name])
        else (a[name] == b[name]).to_numpy()
        for name in a
        if name != "score"
    ]
    return float(np.logical_and.reduce(same).mean())
