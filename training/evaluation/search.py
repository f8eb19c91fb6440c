"""The windows that a search of settings looks at, and the last one, which it does not see."""

import time
from contextlib import suppress
from dataclasses import dataclass
from math import inf

import pandas as pd

from configs.loader import Config
from training.errors import NotEnoughData
from training.evaluation.job import Job, prepare
from training.evaluation.last_window import Assessment, Judge, measure_last_window, window_days
from training.evaluation.leads import Lead, leads
from training.run import Progress, Run


@dataclass(frozen=True, kw_only=True)
class Search:
    """What a study of a job's settings looks at."""

    job: Job
    """Its last window is kept from the search."""
    searched: tuple[Job, ...]
    """Their last windows are searched, newest first; `job` itself in a shop that is too short."""
    deadline: float
    """No trial begins after it (by `time.monotonic`)."""

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() > self.deadline

    def lead_of(self, best: Config, *, run: Run) -> Lead | None:
        """Return the lead of the settings `best` over the job's own on the job's last window.

        None if both are the same, or if the search has seen that window.
        """
        job = self.job
        if self.searched == (job,) or best == job.config:
            return None
        judge = job.judge()
        found, given = (
            measured(job, judge, config=each, run=run).by_customer[job.model]
            for each in (best, job.config)
        )
        return leads(found, {"the given settings": given})[0]


def search_of(job: Job, *, windows: int, timeout_s: float | None, progress: Progress) -> Search:
    """Return the search over the `windows` windows before the last one of `job`.

    One window is the last one itself where the shop is too short for another, or where nobody can
    be measured in it; several raise NotEnoughData there.
    """
    days = pd.Timedelta(days=window_days(job.model, job.config))
    deadline = inf if timeout_s is None else time.monotonic() + timeout_s
    searched: list[Job] = []
    with suppress(NotEnoughData):
        for number in range(1, windows + 1):
            end = job.as_of - number * days
            if job.full.first_known >= end - 2 * days:  # as many days to learn from as to measure
                break
            earlier = prepare(
                job.ws, job.model, as_of=end, config=job.config, seed=job.seed, progress=progress
            )
            earlier.refuse_short()
            earlier.judge()
            searched.append(earlier)
    if len(searched) == windows:
        return Search(job=job, searched=tuple(searched), deadline=deadline)
    if windows > 1:
        raise NotEnoughData(
            f"windows = {windows}: {len(searched)} of them have data to learn from and customers "
            f"to measure; {job.full.extent}"
        )
    return Search(job=job, searched=(job,), deadline=deadline)


def measured(job: Job, judge: Judge, *, config: Config, run: Run) -> Assessment:
    """Return the figures of settings `config` on the last window of `job`, without baselines."""
    return measure_last_window(
        job.model, job.past, judge, config=config, seed=job.seed, run=run, baselines=False
    )
