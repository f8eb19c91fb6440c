"""Registered model versions: found, exported for serving, promoted to champion, and rolled back.

`bundles/current.json` names the exported bundle that serves each name: {"churn": "churn/3", ...}.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from features.workspace import Workspace
from training.families import FAMILIES
from training.models import spec
from training.registry import champions
from training.registry.client import open_client
from training.registry.entries import CHALLENGER, CHAMPION, RegistryError, Version, version_of
from training.registry.exports import write_export
from training.registry.ledger import Cause, Ledger, Move, ledger_file
from training.registry.tracking import Tracking

__all__ = [
    "CHALLENGER",
    "CHAMPION",
    "RegistryError",
    "Version",
    "challenge",
    "export",
    "find",
    "find_finished",
    "find_of_other_code",
    "history",
    "of_run",
    "promote",
    "rollback",
    "standing",
]

_MADE_BY: Final = {CHAMPION: "promote", CHALLENGER: "refresh"}
"""By alias, the command that sets it."""


def of_run(ws: Workspace, client: Any, run_id: str) -> Version:
    """Return the version that the run `run_id` made. Raises RegistryError if it made none."""
    for entry in client.search_model_versions(f"run_id = '{run_id}'"):
        return version_of(ws, entry)
    raise RegistryError(f"run {run_id} has no registered version")


def find_finished(tracking: Tracking, *, key: str) -> Version | None:
    """Return the version that a finished run of `key` made; None without such a run."""
    for run_id, status in tracking.runs(key=key).items():
        if status == "FINISHED":
            for entry in tracking.client.search_model_versions(f"run_id = '{run_id}'"):
                return version_of(tracking.ws, entry)
    return None


def find_of_other_code(tracking: Tracking, *, key: str) -> Version | None:
    """Return the newest version of the same model, data, config and seed that other code made."""
    for run_id in tracking.runs_of_other_code(key=key):
        for entry in tracking.client.search_model_versions(f"run_id = '{run_id}'"):
            return version_of(tracking.ws, entry)
    return None


def find(ws: Workspace, name: str, version: str | None = None) -> Version:
    """Return version `version` of `name`: a number, an alias, or None for the newest.

    `name` is a registered model, or a model (`two_tower`), which selects only its own versions.
    An alias is `champion` or `challenger`. The champion is the one that MLflow's alias names, once
    an interrupted promotion is brought to its end (`champions`). Raises UnknownModel, RegistryError
    if there is no such version, and StoreOutage.
    """
    registered = _registered(name)
    client = open_client(ws)
    entries = client.search_model_versions(f"name = '{registered}'")
    if name != registered:
        entries = [entry for entry in entries if entry.tags.get("model") == name]
    if not entries:
        raise RegistryError(f"{name!r} has no version: run `python -m training fit` first")
    numbers = sorted((int(entry.version) for entry in entries), reverse=True)
    if version in _MADE_BY:
        alias = version
        if alias == CHAMPION:
            champions.settle(ws, client, registered)
        version = champions.aliases(client, alias).get(registered)
        if version is None:
            raise RegistryError(
                f"{registered!r} has no {alias}: run `python -m training {_MADE_BY[alias]} "
                f"{registered}`"
            )
    wanted = str(numbers[0]) if version is None else str(version)
    for entry in entries:
        if str(entry.version) == wanted:
            return version_of(ws, entry)
    raise RegistryError(f"{name!r} has no version {wanted}: there are {numbers}")


def export(ws: Workspace, name: str, version: str | None = None) -> Path:
    """Write the bundle of a version to `bundles/NAME/VERSION`, read by serving; return it.

    An existing bundle is left unchanged, as versions never change, unless its files are damaged or
    its checksums are missing. Raises RegistryError if it is of another model: the registry was
    replaced; StoreOutage if the registry's copy is damaged.
    """
    selected = find(ws, name, version)
    with ws.lock("bundles"):
        return write_export(ws, selected)


def standing(ws: Workspace, name: str) -> str | None:
    """Return the number of the champion that a promotion of `name` replaces; None without one.

    It is the ledger's, also where someone moved MLflow's alias. Raises StoreOutage.
    """
    registered, client = _registered(name), open_client(ws)
    champions.settle(ws, client, registered)
    return champions.standing(ws, client, registered)


def challenge(ws: Workspace, version: Version) -> None:
    """Let the alias `challenger` name `version`; serving does not read it."""
    open_client(ws).set_registered_model_alias(version.name, CHALLENGER, version.version)


def promote(
    ws: Workspace,
    name: str,
    version: str | None = None,
    *,
    reason: str | None = None,
    evidence: Mapping[str, Any] | None = None,
) -> Version:
    """Make a version the champion: export it, record the move, switch serving to it; return it.

    `reason` and `evidence` (a JSON object) go into the ledger. A promotion of the champion writes
    no row, and mends its bundle and `current.json`. A kill leaves the old champion or the new one
    (`champions`). Raises as `export`, and ValueError for evidence that JSON does not know.
    """
    selected = find(ws, name, version)
    client = open_client(ws)
    with ws.lock("bundles"):
        champions.settle_locked(ws, client, selected.name)
        champions.move(ws, client, selected, Cause(reason=reason, evidence=evidence or {}))
    return selected


def rollback(ws: Workspace, name: str, *, reason: str | None = None) -> Version:
    """Make the champion before the last promotion the champion again; return its version.

    A second rollback goes further back: after promotions of 1, 2 and 3, to 2 and then to 1. Raises
    RegistryError if there is no champion before, and StoreOutage.
    """
    registered, client = _registered(name), open_client(ws)
    with ws.lock("bundles"):
        champions.settle_locked(ws, client, registered)
        selected = champions.find_previous(ws, client, registered)
        champions.move(ws, client, selected, Cause(kind="rollback", reason=reason))
    return selected


@dataclass(frozen=True, kw_only=True)
class History:
    """The moves of a registered model's champion."""

    name: str
    moves: list[Move]
    """Oldest first."""
    made: dict[str, dict[str, str]]
    """By version: MLflow's tags, with its `model` and its data cut `as_of` (ISO 8601)."""


def history(ws: Workspace, name: str) -> History:
    """Return the moves of the champion of `name`, an interrupted one included.

    Raises UnknownModel and StoreOutage.
    """
    registered, client = _registered(name), open_client(ws)
    champions.settle(ws, client, registered)
    entries = client.search_model_versions(f"name = '{registered}'")
    return History(
        name=registered,
        moves=Ledger(ledger_file(ws)).moves(registered),
        made={str(entry.version): dict(entry.tags) for entry in entries},
    )


def _registered(name: str) -> str:
    """Return the registered model of `name`, which is one or a model. Raises UnknownModel."""
    return name if name in FAMILIES else spec(name).registered
