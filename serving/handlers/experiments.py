"""Experiments over HTTP: states, results, start, ramp, stop and kill."""

import asyncio
import logging
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import pydantic

from configs.errors import UserError
from experiments import definition, lifecycle
from experiments.lifecycle import State, UnknownExperiment, UnreadableState, WrongState
from features.workspace import Workspace
from serving.handlers import experiment_process
from serving.handlers.experiment_process import CommandFailed
from serving.problems import Problem
from serving.schemas.base import FieldError
from serving.schemas.experiments import (
    Experiment,
    ExperimentAnswer,
    ExperimentsAnswer,
    KillRequest,
    RampRequest,
    ResultsAnswer,
    StartRequest,
    StopRequest,
)

logger = logging.getLogger(__name__)
PATIENCE_S: Final = 15.0
"""Seconds that a request waits for an analysis, which continues after the timeout."""
FRESH_S: Final = 10.0
"""Seconds for which an analysis is reused."""


@dataclass(frozen=True, kw_only=True)
class _Analysis:
    """A running or finished analysis."""

    analyzed: State
    started: float
    task: "asyncio.Task[bytes]"

    def serves(self, state: State, now: float) -> bool:
        """Whether it can answer a request at `now` (loop time) for an experiment in `state`."""
        if self.analyzed != state:
            return False
        return not self.task.done() or (now < self.started + FRESH_S and not self.task.exception())


class Experiments:
    """Answers requests about the experiments of the workspace `ws`; None: without stores."""

    def __init__(self, ws: Workspace | None, *, patience_s: float = PATIENCE_S) -> None:
        self._ws, self._patience_s = ws, patience_s
        self._analyses: dict[str, _Analysis] = {}
        self._starting: set[asyncio.Task[State]] = set()
        self._one_at_a_time = asyncio.Lock()

    async def states(self, *, request_id: str) -> ExperimentsAnswer:
        """Return every experiment ever started."""
        states = await self._do(lifecycle.states)
        return ExperimentsAnswer(request_id=request_id, experiments=[_to_schema(s) for s in states])

    async def start(self, request: StartRequest, *, request_id: str, key: str) -> ExperimentAnswer:
        """Begin to assign customers; another process looks up and exports the versions."""
        requested = _definition(key, request)
        state = await self._do(lifecycle.running_as_defined, requested)
        if state is None:
            starting = asyncio.create_task(self._begin(requested))
            self._starting.add(starting)
            starting.add_done_callback(self._starting.discard)
            try:
                state = await asyncio.shield(starting)  # continues if the client disconnects
            except CommandFailed as error:
                await self._do(lifecycle.running_as_defined, requested)  # another start may win
                raise Problem("validation_failed", str(error)) from error
        return ExperimentAnswer(request_id=request_id, experiment=_to_schema(state))

    async def _begin(self, requested: definition.Experiment) -> State:
        with tempfile.NamedTemporaryFile(suffix=".yaml") as file:  # JSON is YAML
            file.write(requested.model_dump_json().encode())
            file.flush()
            home = str(self._stores.home)
            output = await experiment_process.run_experiments_command(
                "start", file.name, "--json", "--home", home
            )
        return State.model_validate_json(output)

    async def ramp(self, request: RampRequest, *, request_id: str, key: str) -> ExperimentAnswer:
        """Let a larger share of customers take part."""
        state = await self._do(lifecycle.ramp, key, exposed_share=request.exposed_share)
        return ExperimentAnswer(request_id=request_id, experiment=_to_schema(state))

    async def stop(self, request: StopRequest, *, request_id: str, key: str) -> ExperimentAnswer:
        """End as planned."""
        state = await self._do(lifecycle.stop, key, reason=request.reason)
        return ExperimentAnswer(request_id=request_id, experiment=_to_schema(state))

    async def kill(self, request: KillRequest, *, request_id: str, key: str) -> ExperimentAnswer:
        """End because of harm."""
        state = await self._do(lifecycle.kill, key, reason=request.reason)
        return ExperimentAnswer(request_id=request_id, experiment=_to_schema(state))

    async def results(self, *, request_id: str, key: str) -> ResultsAnswer:
        """Return the analysis as of now, at most FRESH_S seconds old.

        Raises Problem after `patience_s`; the analysis continues, for the next request.
        """
        state = await self._do(lifecycle.status, key)
        now = asyncio.get_running_loop().time()
        analysis = self._analyses.get(key)
        if analysis is None or not analysis.serves(state, now):
            task = asyncio.create_task(self._analyze(key))
            analysis = self._analyses[key] = _Analysis(analyzed=state, started=now, task=task)
        await asyncio.wait({analysis.task}, timeout=self._patience_s)
        if not analysis.task.done():
            raise Problem("analysis_unavailable", "it is being computed: retry later")
        try:
            parsed = msgspec.json.decode(analysis.task.result())
        except CommandFailed as error:
            raise Problem("analysis_unavailable", str(error)) from error
        return _results(parsed, request_id=request_id, status=state.status)

    async def _analyze(self, key: str) -> bytes:
        async with self._one_at_a_time:
            return await experiment_process.run_experiments_command(
                "analyze", key, "--json", "--home", str(self._stores.home)
            )

    @property
    def _stores(self) -> Workspace:
        if self._ws is None:
            raise Problem("store_unavailable", "without stores there are no experiments")
        return self._ws

    async def _do(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function of `experiments.lifecycle` on a thread, since it waits for a lock.

        Raises Problem instead of its errors.
        """
        try:
            return await asyncio.to_thread(function, self._stores, *args, **kwargs)
        except UnknownExperiment as error:
            raise Problem("unknown_experiment", str(error)) from error
        except WrongState as error:
            raise Problem("experiment_conflict", str(error)) from error
        except (UnreadableState, OSError) as error:
            logger.warning("experiments: %s", error)
            raise Problem("store_unavailable", "the experiments cannot be read now") from error
        except UserError as error:
            raise Problem("validation_failed", str(error)) from error


def _definition(key: str, request: StartRequest) -> definition.Experiment:
    """Return the definition in the body. Raises Problem with a pointer for each error."""
    try:
        return definition.Experiment(key=key, **msgspec.to_builtins(request))
    except pydantic.ValidationError as error:
        errors = [
            FieldError(
                pointer="".join(f"/{part}" for part in e["loc"]),
                detail=e["msg"].removeprefix("Value error, "),
            )
            for e in error.errors()
        ]
        message = "; ".join(f"{e.pointer or 'body'}: {e.detail}" for e in errors)
        raise Problem("validation_failed", message, errors=errors) from error


def _to_schema(state: State) -> Experiment:
    fields = state.experiment.model_dump() | state.model_dump(include={"status", "changes"})
    return msgspec.convert(fields, Experiment)


def _results(parsed: Mapping[str, Any], *, request_id: str, status: str) -> ResultsAnswer:
    """Return the analysis, without effects if the sample ratio is wrong: they would be invalid."""
    effects = parsed["effects"] if parsed["sample_ratio"]["ok"] else []
    content = {
        **parsed,
        "effects": [{k: _interval(v) for k, v in effect.items()} for effect in effects],
        "request_id": request_id,
        "status": status,
    }
    return msgspec.convert(content, ResultsAnswer)


def _interval(value: Any) -> Any:
    return dict(zip(("low", "high"), value, strict=True)) if isinstance(value, list) else value
