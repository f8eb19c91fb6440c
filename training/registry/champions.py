"""The champion of a registered model: one version, named in three places.

The ledger decides which version it is and holds its history; other programs read MLflow's alias
`champion`, and serving reads `bundles/current.json`. A move exports the bundle, appends the row to
the ledger, sets the alias, and replaces `current.json` last. A kill before the row changes nothing;
after a kill behind it, `settle` brings the move to its end.

A move was interrupted if `current.json` does not name its version, and neither this file nor the
alias names any version but the one before it. Other differences were not made here, and stay:

- An alias that was moved in MLflow's own page while `current.json` names the ledger's champion.
  `find` follows it, as other programs do; serving and the ledger do not.
- A `current.json` that names a third version, as after a restore from another backup. A rollback
  is refused.

The next promotion ends both: it goes on from the ledger's champion.
"""

import json
from contextlib import suppress
from typing import Any

from configs.json_files import DamagedFile
from features.workspace import Workspace
from training.bundle import CURRENT, VersionName, read_champions, write_champions
from training.registry.database import registry_file
from training.registry.entries import CHAMPION, RegistryError, Version, version_of
from training.registry.exports import is_whole, write_export
from training.registry.ledger import Cause, Ledger, ledger_file, previous
from training.registry.outage import StoreOutage


def aliases(client: Any, alias: str = CHAMPION) -> dict[str, str]:
    """Return the version that MLflow's `alias` names, by registered model."""
    return {
        model.name: str(model.aliases[alias])
        for model in client.search_registered_models()
        if alias in model.aliases
    }


def settle(ws: Workspace, client: Any, name: str) -> None:
    """Bring an interrupted move of `name` to its end, if there is one.

    Where a move is at work, this waits for it. Raises StoreOutage, also if the ledger names a
    version that the registry lacks.
    """
    if _interrupted(ws, client, name) is not None:
        with ws.lock("bundles"):
            settle_locked(ws, client, name)


def settle_locked(ws: Workspace, client: Any, name: str) -> None:
    """Do as `settle`; the caller holds the workspace's lock `bundles`."""
    if (version := _interrupted(ws, client, name)) is not None:
        selected = find_moved(ws, client, name, version)
        write_export(ws, selected)
        _follow(ws, client, selected)


def standing(ws: Workspace, client: Any, name: str) -> str | None:
    """Return the version from which the next move of `name` goes on; None without a champion.

    It is the ledger's champion, or, in a workspace without any move of `name`, that of serving or
    of the alias.
    """
    last = Ledger(ledger_file(ws)).last(name)
    return last.version_to if last else _served(ws).get(name) or aliases(client).get(name)


def move(ws: Workspace, client: Any, selected: Version, cause: Cause) -> None:
    """Make `selected` the champion; the caller holds the lock `bundles`, and has settled.

    The champion gets no row; what is damaged or lost of its bundle and of `current.json` is
    written again. The comparison with its baselines is recorded as a tag of the version. Raises
    RegistryError if the evidence names another champion than the one that stands.
    """
    name, number = selected.name, selected.version
    former = standing(ws, client, name)
    if cause.evidence.get("champion", former) != former:
        raise RegistryError(
            f"version {former} of {name!r} became the champion after version {number} was "
            f"examined: run `python -m training promote {name} --version {number}` again"
        )
    write_export(ws, selected)
    compared = {selected.manifest.model: selected.manifest.metrics, **selected.baselines}
    client.set_model_version_tag(name, number, "promoted_on", json.dumps(compared))
    if former != number:
        Ledger(ledger_file(ws)).append(
            name, cause, version_from=former, version_to=number, time=ws.now()
        )
    _follow(ws, client, selected)


def find_previous(ws: Workspace, client: Any, name: str) -> Version:
    """Return the version to which a rollback of `name` leads.

    Raises RegistryError if there is none, or if serving reads a version that no move made champion.
    """
    other = f"run `python -m training promote {name} --version V` to choose one"
    moves = Ledger(ledger_file(ws)).moves(name)
    if not moves:
        raise RegistryError(f"no promotion of {name!r} is recorded: {other}")
    champion, served = moves[-1].version_to, _served(ws).get(name)
    if served not in (None, champion):
        raise RegistryError(
            f"{ws.bundles / CURRENT} names version {served} of {name!r}, and {ledger_file(ws)} "
            f"ends with version {champion}: {other}"
        )
    version = previous(moves)
    if version is None:
        raise RegistryError(f"{name!r} had no champion before version {champion}: {other}")
    return find_moved(ws, client, name, version)


def find_moved(ws: Workspace, client: Any, name: str, version: str) -> Version:
    """Return version `version` of `name`, which a move names. Raises StoreOutage if it is gone."""
    for entry in client.search_model_versions(f"name = '{name}'"):
        if str(entry.version) == version:
            return version_of(ws, entry)
    file = ledger_file(ws)
    raise StoreOutage(
        f"{file} names version {version} of {name!r}, and {registry_file(ws)} lacks it: restore "
        f"both from one backup, or move {file.name} and .{file.name}.made elsewhere to begin a new "
        "ledger"
    )


def _interrupted(ws: Workspace, client: Any, name: str) -> str | None:
    """Return the version of the last move of `name` if that was interrupted, else None."""
    last = Ledger(ledger_file(ws)).last(name)
    if last is None:
        return None
    served = _served(ws).get(name)
    if served == last.version_to:
        return None
    named = {served, aliases(client).get(name)}
    return last.version_to if named <= {last.version_from, last.version_to, None} else None


def _served(ws: Workspace) -> dict[str, str]:
    """Return the version that serving reads, by name; none where its file is lost or damaged."""
    with suppress(DamagedFile):
        champions = read_champions(ws.bundles / CURRENT)
        return {name: champion.version for name, champion in champions.items()}
    return {}


def _follow(ws: Workspace, client: Any, selected: Version) -> None:
    """Let MLflow's alias name `selected`, and then what serving reads."""
    name, number = selected.name, selected.version
    client.set_registered_model_alias(name, CHAMPION, number)
    others = _served(ws) or {
        other: version
        for other, version in aliases(client).items()
        if is_whole(ws.bundles / other / version)
    }
    champions = {each: VersionName(each, version) for each, version in others.items()}
    write_champions(ws.bundles / CURRENT, champions | {name: VersionName(name, number)})
