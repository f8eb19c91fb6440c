"""A recommender's lists in a window, stored so that no model is trained twice for them.

They lie in the workspace's checkpoints under the key of the job (model, data, config, seed, code):
other code computes them again. An interrupted training resumes.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from configs.archives import keep_whole
from configs.durable import replacing
from training.evaluation.job import Job
from training.evaluation.last_window import Assessment, Measured, Metrics, measure_last_window
from training.evaluation.recommender_judge import Lists
from training.evaluation.segments import Window
from training.interfaces import Recommender
from training.run import Device, Run

_LISTS: Final = "lists.npz"
_ASSESSMENT: Final = "assessment.json"


def stored_lists(
    job: Job, window: Window, *, device: Device, on_epoch: Callable[[str, int, Metrics], None]
) -> tuple[Lists, Assessment]:
    """Return the lists of the job's model in `window` after its best epoch.

    The model is trained on `job.past`; `on_epoch` receives model and window, epoch and metrics.
    """
    folder = job.ws.checkpoints / "evaluate" / job.key
    training = folder / "training"
    if not keep_whole(folder / _LISTS):
        storing = _StoringJudge(window, training)

        def store_epoch(epoch: int, metrics: Metrics) -> None:
            storing.set_epoch(epoch)
            on_epoch(f"{job.model} {job.past.as_of.date()}", epoch, metrics)

        run = Run(
            on_epoch=store_epoch,
            on_part=on_epoch,
            checkpoints=training,
            parts=job.ws.parts,
            device=device,
        )
        assessment = measure_last_window(
            job.model,
            job.past,
            storing,
            config=job.config,
            seed=job.seed,
            run=run,
            baselines=False,
        )
        assessment.save(folder / _ASSESSMENT)
        storing.file(assessment.epochs if assessment.history else None).replace(folder / _LISTS)
        shutil.rmtree(training)
    return read_lists(folder / _LISTS), Assessment.load(folder / _ASSESSMENT)


def write_lists(file: Path, lists: Lists) -> None:
    """Store `lists` in `file` (.npz), in one step."""
    with replacing(file) as out:
        np.savez_compressed(out, **lists)  # type: ignore[arg-type]


def read_lists(file: Path) -> Lists:
    """Return the lists that `write_lists` stored in `file`."""
    with np.load(file) as lists:
        return dict(lists)


@dataclass(frozen=True)
class _StoringJudge:
    """A judge that stores the lists of each epoch in `folder`."""

    window: Window
    folder: Path

    def measure(self, model: Recommender) -> Measured:
        lists = self.window.lists(model)
        write_lists(self.file(None), lists)
        return self.window.judge.measured(lists)

    def set_epoch(self, epoch: int) -> None:
        """Rename the file of the last judged lists by their epoch."""
        self.file(None).replace(self.file(epoch))

    def file(self, epoch: int | None) -> Path:
        """Return the file of the lists of `epoch`; None: those judged last."""
        return self.folder / f"lists-{'last' if epoch is None else epoch}.npz"
