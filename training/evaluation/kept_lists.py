"""A recommender's answers in a window, kept so that no training is made twice for them.

They lie in the workspace's checkpoints under the key of the work (model, data, config, seed) and
the digest of the code: other code answers anew. A training that was cut off goes on.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from configs.code import code_digest
from configs.durable import replacing
from features.workspace import write_json
from training.evaluation.job import Job
from training.evaluation.last_window import Assessment, Metrics, measure_last_window
from training.evaluation.recommender_judge import Lists
from training.evaluation.segments import Window
from training.interfaces import Recommender
from training.run import Device, Run

_LISTS: Final = "lists.npz"
_FOUND: Final = "assessment.json"


def kept_lists(
    job: Job, window: Window, *, device: Device, on_epoch: Callable[[str, int, Metrics], None]
) -> tuple[Lists, Assessment]:
    """Return the lists of the job's model in `window`, as it was after its best epoch.

    The model learns from `job.past`; `on_epoch` is told the model and window, epoch and metrics.
    """
    folder = job.ws.checkpoints / "evaluate" / f"{job.key}-{code_digest()}"
    training = folder / "training"
    if not (folder / _LISTS).exists():
        keeper = _KeepingJudge(window, training)

        def told(epoch: int, metrics: Metrics) -> None:
            keeper.keep(epoch)
            on_epoch(f"{job.model} {job.past.as_of.date()}", epoch, metrics)

        run = Run(
            on_epoch=told,
            on_part=on_epoch,
            checkpoints=training,
            parts=job.ws.parts,
            device=device,
        )
        found = measure_last_window(
            job.model,
            job.past,
            keeper,
            config=job.config,
            seed=job.seed,
            run=run,
            baselines=False,
        )
        write_json(folder / _FOUND, asdict(found))
        keeper.file(found.epochs if found.history else None).replace(folder / _LISTS)
        shutil.rmtree(training)
    saved = json.loads((folder / _FOUND).read_text())
    saved["history"] = {int(epoch): metrics for epoch, metrics in saved["history"].items()}
    with np.load(folder / _LISTS) as lists:
        return dict(lists), Assessment(**saved)


@dataclass(frozen=True)
class _KeepingJudge:
    """A judge that leaves the lists of each epoch in `folder`."""

    window: Window
    folder: Path

    def __call__(self, model: Recommender) -> Metrics:
        lists = self.window.lists(model)
        with replacing(self.file(None)) as file:
            np.savez_compressed(file, **lists)  # type: ignore[arg-type]
        return self.window.judge.means(lists)

    def keep(self, epoch: int) -> None:
        """Name what was judged last by its epoch."""
        self.file(None).replace(self.file(epoch))

    def file(self, epoch: int | None) -> Path:
        """Return where the lists of `epoch` lie, or those judged last."""
        return self.folder / f"lists-{'last' if epoch is None else epoch}.npz"
