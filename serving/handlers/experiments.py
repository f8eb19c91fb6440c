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
from serving.handlers.experiment_process import (
    Command,
    CommandError,
    CommandOutage,
    CommandRefused,
    Commands,
    run_experiments_command,
)
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
"""Seconds that a request waits for a start or an analysis, which then goes on for a retry."""
FRESH_S: Final = 10.0
"""Seconds for which a finished analysis is reused: who asks again gets it, however long it took."""
_OUTAGE: Final = "a store that this needs cannot be read now; retry later"


@dataclass(frozen=True, kw_only=True)
class _Analysis:
    """A running or finished analysis."""

    analyzed: State
    command: Command

    def serves(self, state: State) -> bool:
        """Whether it can answer a request now for an experiment in `state`."""
        usable = self.command.running or self.command.fresh(seconds=FRESH_S)
        return usable and self.analyzed == state


class Experiments:
    """Answers requests about the experiments of the workspace `ws`; None: without stores."""

    def __init__(self, ws: Workspace | None, *, patience_s: float = PATIENCE_S) -> None:
        self._ws, self._patience_s = ws, patience_s
        self._analyses: dict[str, _Analysis] = {}
        self._starts: dict[str, Command] = {}
        self._commands = Commands()

    async def close(self) -> None:
        """End the processes that are running."""
        await self._commands.end()

    async def states(self, *, request_id: str) -> ExperimentsAnswer:
        """Return every experiment ever started."""
        states = await self._do(lifecycle.states)
        return ExperimentsAnswer(request_id=request_id, experiments=[_to_schema(s) for s in states])

    async def start(self, request: StartRequest, *, request_id: str, key: str) -> ExperimentAnswer:
        """Begin to assign customers; another process looks up and exports the versions.

        The process ends when the client has gone. After `patience_s` it raises Problem: the same
        start again waits for the same process.
        """
        requested = _definition(key, request)
        state = await self._do(lifecycle.running_as_defined, requested)
        if state is None:
            try:
                output = await self._starting(requested).output(patience_s=self._patience_s)
            except CommandRefused as error:
                await self._do(lifecycle.running_as_defined, requested)  # another start may win
                raise Problem("validation_failed", str(error)) from error
            except CommandOutage as error:
                raise Problem("store_unavailable", _OUTAGE) from error
            if output is None:
                raise Problem("timed_out", "it is being started: send the same again later")
            state = State.model_validate_json(output)
        return ExperimentAnswer(request_id=request_id, experiment=_to_schema(state))

    def _starting(self, requested: definition.Experiment) -> Command:
        """Return the command that starts `requested`: the one that runs already, or a new one."""
        text = requested.model_dump_json()
        command = self._starts.get(text)
        if command is None or not command.running:
            command = self._commands.begin(lambda: self._start(text), gone_s=0)
            self._starts = {name: c for name, c in self._starts.items() if c.running}
            self._starts[text] = command
        return command

    async def _start(self, requested: str) -> bytes:
        with tempfile.NamedTemporaryFile(suffix=".yaml") as file:  # JSON is YAML
            file.write(requested.encode())
            file.flush()
            return await run_experiments_command(
                "start", file.name, "--json", "--home", str(self._stores.home)
            )

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
        """Return the analysis as of now, or one that ended at most FRESH_S seconds ago.

        Raises Problem after `patience_s`; the analysis goes on, for the next request.
        """
        state = await self._do(lifecycle.status, key)
        analysis = self._analyses.get(key)
        if analysis is None or not analysis.serves(state):
            arguments = ("analyze", key, "--json", "--home", str(self._stores.home))
            command = self._commands.begin(lambda: run_experiments_command(*arguments))
            analysis = self._analyses[key] = _Analysis(analyzed=state, command=command)
        try:
            output = await analysis.command.output(patience_s=self._patience_s)
        except CommandRefused as error:
            raise Problem("analysis_unavailable", str(error)) from error
        except CommandOutage as error:
            raise Problem("store_unavailable", _OUTAGE) from error
        except CommandError as error:
            detail = "the analysis failed; the service's log has the details"
            raise Problem("analysis_unavailable", detail) from error
        if output is None:
            raise Problem("analysis_unavailable", "it is being computed: retry later")
        return _results(msgspec.json.decode(output), request_id=request_id, status=state.status)

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
