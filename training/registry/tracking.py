"""The workspace's MLflow runs, through the client alone: no global state is set or active."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from configs.paths import plain_name
from features.workspace import Workspace
from training.registry.client import open_client
from training.registry.database import NAME
from training.registry.outage import StoreOutage

KEY: Final = "regulars.key"
FAILURE: Final = "regulars.failure"
MODEL_PATH: Final = "model"
BUNDLE_PATH: Final = f"{MODEL_PATH}/artifacts/bundle"
Status = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]


class TrackedRun(NamedTuple):
    """A running run and its writer."""

    tracking: "Tracking"
    run_id: str


@contextmanager
def hold_tracking(ws: Workspace, *, keep: str | None = None) -> Iterator["Tracking"]:
    """Hold the workspace's lock `training`; mark the runs of dead processes, except `keep`'s."""
    with ws.lock("training"):
        tracking = Tracking(ws)
        tracking.fail_stale(keep=keep)
        yield tracking


@contextmanager
def tracked(
    ws: Workspace, *, key: str | None, name: str, tags: Mapping[str, str]
) -> Iterator[TrackedRun]:
    """Run the block as a run called `name`, alone in the workspace; end it by the block's outcome.

    An interrupted run of `key` resumes; without a key the run is always new.
    """
    with (
        hold_tracking(ws, keep=key) as tracking,
        tracking.run(key=key, name=name, tags=tags) as run_id,
    ):
        yield TrackedRun(tracking, run_id)


class Tracking:
    """Writes runs. Only the holder of the workspace's lock `training` may make one.

    Therefore a run with status RUNNING when the lock is taken belongs to a dead process.
    """

    def __init__(self, ws: Workspace) -> None:
        self.ws = ws
        self.client: Any = open_client(ws)
        mlflow_experiment = self.client.get_experiment_by_name(NAME)
        self.experiment_id: str = (
            self.client.create_experiment(NAME, artifact_location=ws.artifacts.as_uri())
            if mlflow_experiment is None
            else mlflow_experiment.experiment_id
        )

    def start(
        self, *, key: str | None, name: str, tags: Mapping[str, str], parent: str | None = None
    ) -> str:
        """Return the id of the run of `key`: the interrupted one, resumed, or a new one.

        Without a key the run is always new.
        """
        for run_id, status in ({} if key is None else self.runs(key=key)).items():
            if status != "FINISHED":
                self.client.update_run(run_id, status="RUNNING")
                if FAILURE in self.client.get_run(run_id).data.tags:
                    self.client.delete_tag(run_id, FAILURE)
                return run_id
        key_tag = {} if key is None else {KEY: key}
        parent_tag = {} if parent is None else {"mlflow.parentRunId": parent}
        run = self.client.create_run(
            self.experiment_id, run_name=name, tags={**key_tag, **parent_tag, **tags}
        )
        started: str = run.info.run_id
        return started

    def runs(self, *, key: str) -> dict[str, Status]:
        """Return the status of every run of `key`, newest first."""
        return {run.info.run_id: run.info.status for run in self._search(f"= '{key}'")}

    def runs_of_other_code(self, *, key: str) -> list[str]:
        """Return the finished runs of the same work as `key` but other code, newest first.

        The keys of two such runs differ only after the last dash.
        """
        work = key.rpartition("-")[0]
        return [
            run.info.run_id
            for run in self._search(f"LIKE '{work}-%'")
            if run.info.status == "FINISHED" and run.data.tags[KEY] != key
        ]

    def _search(self, key: str) -> Any:
        return self.client.search_runs([self.experiment_id], f"tags.`{KEY}` {key}")

    def fail_stale(self, *, keep: str | None = None) -> list[str]:
        """Mark runs of dead processes as FAILED, except those of the key `keep`; return ids."""
        running = self.client.search_runs([self.experiment_id], "attributes.status = 'RUNNING'")
        stale = [r.info.run_id for r in running if keep is None or r.data.tags.get(KEY) != keep]
        for run_id in stale:
            self.client.set_tag(run_id, FAILURE, "its process ended without reporting a result")
            self.finish(run_id, "FAILED")
        return stale

    def log_params(self, run_id: str, values: Mapping[str, object]) -> None:
        """Log `values` as the run's parameters."""
        from mlflow.entities import Param

        params = [Param(name, str(value)[:6000]) for name, value in values.items()]
        self.client.log_batch(run_id, params=params)

    def log_metrics(self, run_id: str, values: Mapping[str, float], *, step: int = 0) -> None:
        """Log `values` in one batch at `step` (an epoch)."""
        from mlflow.entities import Metric

        now = time.time_ns() // 1_000_000
        metrics = [Metric(name, float(value), now, step) for name, value in values.items()]
        self.client.log_batch(run_id, metrics=metrics)

    def steps(self, run_id: str, metric: str) -> set[int]:
        """Return the steps at which `metric` is already logged in the run."""
        return {point.step for point in self.client.get_metric_history(run_id, metric)}

    @contextmanager
    def run(
        self,
        *,
        key: str | None,
        name: str,
        tags: Mapping[str, str],
        parent: str | None = None,
        stops: tuple[type[BaseException], ...] = (KeyboardInterrupt,),
    ) -> Iterator[str]:
        """Run the block in a run that `start` begins and `ending` ends; yield its id."""
        run_id = self.start(key=key, name=name, tags=tags, parent=parent)
        with self.ending(run_id, stops=stops):
            yield run_id

    @contextmanager
    def ending(
        self, run_id: str, *, stops: tuple[type[BaseException], ...] = (KeyboardInterrupt,)
    ) -> Iterator[None]:
        """End the run by the outcome of the block: FINISHED, KILLED on `stops`, else FAILED."""
        try:
            yield
        except BaseException as error:
            with suppress(StoreOutage):  # the next command marks it, as after a kill
                self.client.set_tag(run_id, FAILURE, f"{type(error).__name__}: {error}"[:500])
                self.finish(run_id, "KILLED" if isinstance(error, stops) else "FAILED")
            raise
        self.finish(run_id, "FINISHED")

    def finish(self, run_id: str, status: Status) -> None:
        """End the run with `status`."""
        self.client.set_terminated(run_id, status=status)

    def artifacts(self, run_id: str) -> Path:
        """Return the folder of the run's artifacts."""
        return artifacts_of(self.ws, run_id)


def artifacts_of(ws: Workspace, run_id: str) -> Path:
    """Return the folder of a run's artifacts. Raises ValueError for what names no folder."""
    return ws.artifacts / plain_name(run_id) / "artifacts"
