"""An experiment: which model versions it compares, and whether it runs.

The state of each lies in `ws.experiments/KEY/state.json`, written in one step under a lock. An
experiment starts once, its share of customers only grows, and it ends by stop or kill; a key is
never used twice, because the exposures in the log carry it.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal, Self

import pydantic

from configs.errors import UserError
from configs.loader import Config
from features.workspace import Workspace, write_json

CHAMPION: Final = "champion"
KEY: Final = r"^[a-z0-9][a-z0-9-]{0,62}$"


class ExperimentError(UserError, ValueError):
    """An experiment cannot do what was asked; the message says why and what can be done."""


class UnknownExperiment(ExperimentError):
    """No experiment has that key."""


class WrongState(ExperimentError):
    """The experiment, or another that runs, does not allow this now."""


class UnreadableState(ExperimentError):
    """The file of an experiment's state is spoilt."""


class Variant(Config):
    """One side of an experiment."""

    model: Annotated[str, pydantic.Field(pattern=r"^([a-z_]+|recommender@[1-9][0-9]*)$")]
    """A version (`recommender@3`), or what stands for one at the start: `champion`, or a model's
    name (`popularity`) for its newest version."""
    weight: Annotated[float, pydantic.Field(gt=0, le=1e6)] = 1
    """Share of the experiment's units, relative to the other weights; fixed for good."""


class Experiment(Config):
    """What is compared, for whom, and by which window."""

    key: Annotated[str, pydantic.Field(pattern=KEY)]
    salt: str = ""
    """What the assignment hashes with the unit's id; the key unless given."""
    variants: Annotated[dict[str, Variant], pydantic.Field(min_length=2)]
    control: str
    """The variant that the others are compared with."""
    exposed_share: Annotated[float, pydantic.Field(gt=0, le=1)] = 1
    """Share of all customers that take part; grows by `ramp`, never shrinks."""
    window_days: Annotated[float, pydantic.Field(gt=0, le=3_650)] = 14
    """Days after a customer's first exposure in which its orders count."""
    covariate_days: Annotated[float, pydantic.Field(ge=0)] = 90
    """Days before the first exposure whose spend is the covariate (CUPED)."""
    planned_units: Annotated[int, pydantic.Field(gt=1)] = 10_000
    """Number of units at which the always-valid interval is tightest."""
    alpha: Annotated[float, pydantic.Field(gt=0, lt=1)] = 0.05
    """One minus the confidence level of every interval."""

    @pydantic.model_validator(mode="before")
    @classmethod
    def _salt_is_key(cls, values: object) -> object:
        if isinstance(values, Mapping) and not values.get("salt"):
            return {**values, "salt": values.get("key", "")}
        return values

    @pydantic.model_validator(mode="after")
    def _control_is_variant(self) -> Self:
        if self.control not in self.variants:
            raise ValueError(f"control {self.control!r} is none of {sorted(self.variants)}")
        return self


class Change(Config):
    """One step in an experiment's life."""

    at: pydantic.AwareDatetime
    verb: Literal["start", "ramp", "stop", "kill"]
    exposed_share: float
    reason: str = ""


class State(Config):
    """Where an experiment stands."""

    experiment: Experiment
    """As it runs: every variant names a version, pinned at the start; `exposed_share` as ramped."""
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
        return State.model_validate_json(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UnreadableState(
            f"{file}: is no state of an experiment; put a copy of it back, or remove its folder"
        ) from error


def status(ws: Workspace, key: str) -> State:
    """Return where experiment `key` stands. Raises UnknownExperiment, or UnreadableState."""
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
    """Return every experiment ever started, oldest first. Raises UnreadableState."""
    found = [_read(file) for file in ws.experiments.glob("*/state.json")]
    return sorted(found, key=lambda state: (state.started, state.experiment.key))


def running(ws: Workspace) -> list[Experiment]:
    """Return the experiments that assign units now; every variant names a version."""
    return [state.experiment for state in states(ws) if state.status == "running"]


def _save(ws: Workspace, state: State) -> State:
    written = State.model_validate_json(state.model_dump_json())  # what will be read again
    write_json(_file(ws, state.experiment.key), written.model_dump(mode="json"))
    return written


def _pinned(ws: Workspace, experiment: Experiment) -> Experiment:
    """Return `experiment` with every model replaced by a version whose bundle stands."""
    variants = {}
    for name, variant in experiment.variants.items():
        model = resolve(ws, variant.model)
        if not bundle_folder(ws, model).exists():
            from training.registry.versions import versions

            versions.export(ws, *model.split("@"))
        variants[name] = variant.model_copy(update={"model": model})
    return experiment.model_copy(update={"variants": variants})


def resolve(ws: Workspace, model: str) -> str:
    """Return the version that `model` means now, as `recommender@3`.

    Raises ExperimentError for a model that recommends nothing and without a champion,
    RegistryError without a version of a named model.
    """
    if "@" in model:
        return model
    from training.models import spec
    from training.registry.versions import versions

    if model != CHAMPION:
        if model != "recommender" and spec(model).registered != "recommender":
            raise ExperimentError(f"model {model!r} is no recommender: no lists to compare")
        return f"recommender@{versions.find(ws, model).version}"
    current = versions.read_current(ws)
    if "recommender" not in current:
        raise ExperimentError(
            "there is no champion: run `python -m training promote recommender` first"
        )
    return current["recommender"].replace("/", "@")


def bundle_folder(ws: Workspace, model: str) -> Path:
    """Return where the bundle of `model` (`recommender@3`) lies."""
    return ws.bundles / model.replace("@", "/")


def standing(ws: Workspace, experiment: Experiment) -> State | None:
    """Return the state of `experiment` if it runs just so; None if it can start.

    Raises WrongState when the key was used for something else, has ended, or another experiment
    runs: two at once would share answers.
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


def start(ws: Workspace, experiment: Experiment) -> State:
    """Begin to assign customers; the same definition again changes nothing.

    Exports the bundles of the versions that it names. Raises WrongState as `standing` does, and
    ExperimentError or RegistryError where a version cannot be had.
    """
    with ws.lock("experiments"):
        if stands := standing(ws, experiment):
            return stands
        pinned = _pinned(ws, experiment)
        change = Change(
            at=ws.now().to_pydatetime(), verb="start", exposed_share=experiment.exposed_share
        )
        state = State(experiment=pinned, defined=experiment, status="running", changes=(change,))
        return _save(ws, state)


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
        changed = state.experiment.model_copy(update={"exposed_share": exposed_share})
        state = state.model_copy(update={"experiment": changed})
        return _save(ws, _changed(ws, state, verb="ramp"))


def stop(ws: Workspace, key: str, *, reason: str = "") -> State:
    """End as planned: everyone gets the champion again, and the analysis stands."""
    with ws.lock("experiments"):
        state = _running(ws, key).model_copy(update={"status": "stopped"})
        return _save(ws, _changed(ws, state, verb="stop", reason=reason))


def kill(ws: Workspace, key: str, *, reason: str) -> State:
    """End at once because of harm; the reason stays on record."""
    if not reason.strip():
        raise ExperimentError("reason = '': say why the experiment is killed")
    with ws.lock("experiments"):
        state = _running(ws, key).model_copy(update={"status": "killed"})
        return _save(ws, _changed(ws, state, verb="kill", reason=reason))


def _running(ws: Workspace, key: str) -> State:
    state = status(ws, key)
    if state.status != "running":
        raise WrongState(f"experiment {key!r} was {state.status} already")
    return state


def _changed(
    ws: Workspace, state: State, *, verb: Literal["ramp", "stop", "kill"], reason: str = ""
) -> State:
    change = Change(
        at=ws.now().to_pydatetime(),
        verb=verb,
        exposed_share=state.experiment.exposed_share,
        reason=reason,
    )
    return state.model_copy(update={"changes": (*state.changes, change)})
