"""The state of each experiment: started, ramped, stopped or killed.

It is stored in `ws.experiments/KEY/state.json`, written in one step under a lock. An experiment
starts once, its share of customers only grows, and it ends by stop or kill; a key is never used
twice, because the exposures in the log carry it.
"""

import re
from datetime import datetime
from pathlib import Path
from typing import Literal

import pydantic

from configs.durable import placing
from configs.json_files import read_json, write_json
from configs.loader import Config
from experiments.definition import KEY, Experiment, ExperimentError
from features.workspace import Workspace


class UnknownExperiment(ExperimentError):
    """No experiment has that key."""


class WrongState(ExperimentError):
    """The state of the experiment, or another running one, does not allow this."""


class UnreadableState(ExperimentError):
    """The file of an experiment's state is damaged."""


class Change(Config):
    """One step in an experiment's life."""

    at: pydantic.AwareDatetime
    verb: Literal["start", "ramp", "stop", "kill"]
    exposed_share: float
    reason: str = ""


class State(Config):
    """The state of an experiment."""

    experiment: Experiment
    """As running: every variant names a version, pinned at the start; `exposed_share` as ramped."""
    status: Literal["running", "stopped", "killed"]
    defined: Experiment
    """The experiment as it was given to `start`."""
    changes: tuple[Change, ...]

    @property
    def started(self) -> datetime:
        """When the first unit could be exposed."""
        return self.changes[0].at

    @property
    def ended(self) -> datetime | None:
        """When it was stopped or killed; None while it runs."""
        return None if self.status == "running" else self.changes[-1].at


def _file(ws: Workspace, key: str) -> Path:
    return ws.experiments / key / "state.json"


def _read(file: Path) -> State:
    """Return the state in `file`. Raises UnreadableState, or FileNotFoundError."""
    try:
        state = State.model_validate(read_json(file))
        if state.experiment.key != file.parent.name:
            raise ValueError(f"it is that of {state.experiment.key!r}")
    except ValueError as error:
        raise UnreadableState(
            f"{file}: not the state of this experiment ({' '.join(str(error).split())}); restore a "
            "copy, or remove its folder"
        ) from error
    return state


def status(ws: Workspace, key: str) -> State:
    """Return the state of experiment `key`. Raises UnknownExperiment, or UnreadableState."""
    try:
        if not re.fullmatch(KEY, key):
            raise FileNotFoundError
        return _read(_file(ws, key))
    except FileNotFoundError:
        known = ", ".join(state.experiment.key for state in states(ws)) or "none"
        raise UnknownExperiment(
            f"no experiment {key!r} was started here (known: {known})"
        ) from None


def states(ws: Workspace) -> list[State]:
    """Return the states of all experiments, oldest first. Raises UnreadableState.

    An experiment's folder appears together with its state (`save`): without it, it was lost.
    """
    folders = [path for path in ws.experiments.glob("*/") if re.fullmatch(KEY, path.name)]
    known_states = []
    for folder in folders:
        try:
            known_states.append(_read(folder / "state.json"))
        except FileNotFoundError:
            raise UnreadableState(
                f"{folder / 'state.json'} is missing: restore a copy, or remove its folder"
            ) from None
    return sorted(known_states, key=lambda state: (state.started, state.experiment.key))


def running(ws: Workspace) -> list[Experiment]:
    """Return the running experiments; every variant names a version."""
    return [state.experiment for state in states(ws) if state.status == "running"]


def save(ws: Workspace, state: State) -> State:
    """Write `state` in one step; return it as the next read will."""
    written = State.model_validate_json(state.model_dump_json())
    file = _file(ws, state.experiment.key)
    if file.parent.exists():
        write_json(file, written.model_dump(mode="json"))
    else:
        with placing(file.parent) as folder:
            write_json(folder / file.name, written.model_dump(mode="json"))
    return written


def running_as_defined(ws: Workspace, experiment: Experiment) -> State | None:
    """Return the state of `experiment` if it is running with this definition; None if it can start.

    Raises WrongState when the key has another definition or has ended, or another experiment is
    running: two at once would share responses.
    """
    for state in states(ws):
        key = state.experiment.key
        if key == experiment.key:
            if state.status == "running" and state.defined == experiment:
                return state
            raise WrongState(
                f"experiment {key!r} was {state.status} already: its exposures carry this "
                "key, so name a new one"
            )
        if state.status == "running":
            raise WrongState(
                f"experiment {key!r} is running: stop it before {experiment.key!r} starts"
            )
    return None


def ramp(ws: Workspace, key: str, *, exposed_share: float) -> State:
    """Let a larger share of customers take part; no unit moves between variants."""
    with ws.lock("experiments"):
        state = _running(ws, key)
        before = state.experiment.exposed_share
        if not before <= exposed_share <= 1:
            raise ExperimentError(
                f"exposed_share = {exposed_share}: it grows from {before} to 1 at most, because "
                "units that were exposed stay"
            )
        ramped = state.experiment.model_copy(update={"exposed_share": exposed_share})
        state = state.model_copy(update={"experiment": ramped})
        return save(ws, _with_change(ws, state, verb="ramp"))


def stop(ws: Workspace, key: str, *, reason: str = "") -> State:
    """End as planned: everyone gets the champion again, and the analysis remains valid."""
    with ws.lock("experiments"):
        state = _running(ws, key).model_copy(update={"status": "stopped"})
        return save(ws, _with_change(ws, state, verb="stop", reason=reason))


def kill(ws: Workspace, key: str, *, reason: str) -> State:
    """End at once because of harm; the reason is stored."""
    if not reason.strip():
        raise ExperimentError("reason = '': state why the experiment is killed")
    with ws.lock("experiments"):
        state = _running(ws, key).model_copy(update={"status": "killed"})
        return save(ws, _with_change(ws, state, verb="kill", reason=reason))


def _running(ws: Workspace, key: str) -> State:
    state = status(ws, key)
    if state.status != "running":
        raise WrongState(f"experiment {key!r} was {state.status} already")
    return state


def _with_change(
    ws: Workspace, state: State, *, verb: Literal["ramp", "stop", "kill"], reason: str = ""
) -> State:
    change = Change(
        at=ws.now().to_pydatetime(),
        verb=verb,
        exposed_share=state.experiment.exposed_share,
        reason=reason,
    )
    return state.model_copy(update={"changes": (*state.changes, change)})
