"""Registered model versions: found, exported for serving, and promoted to champion.

`bundles/current.json` names the exported bundle that serves each name: {"churn": "churn/3", ...}.
"""

import json
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from configs.durable import sync
from configs.errors import UserError
from configs.folder_checksums import FILE as CHECKSUMS
from configs.folder_checksums import check_files
from configs.json_files import DamagedFile, read_json
from features.workspace import Workspace
from training.bundle import (
    CURRENT,
    Manifest,
    VersionName,
    copy_bundle,
    read_champions,
    read_manifest,
    write_champions,
)
from training.errors import BundleError
from training.families import FAMILIES
from training.models import MODELS, spec
from training.registry.client import open_client
from training.registry.database import registry_file
from training.registry.outage import RESTORE, StoreOutage
from training.registry.tracking import BUNDLE_PATH, Tracking, artifacts_of

CHAMPION: Final = "champion"


class RegistryError(UserError, RuntimeError):
    """No such model or version; the message says what exists or what to run."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """One registered version and the manifest of its bundle."""

    name: str
    version: str
    run_id: str
    manifest: Manifest
    bundle: Path
    """The bundle among the run's artifacts."""
    baselines: dict[str, dict[str, float]]
    """The baselines' metrics by name, on the same window as `manifest.metrics`."""
    unmeasured: str | None = None
    """Why there are no metrics; None where there are."""

    @property
    def artifacts(self) -> Path:
        """The folder of the run's artifacts."""
        return self.bundle.parents[len(Path(BUNDLE_PATH).parts) - 1]


def of_run(ws: Workspace, client: Any, run_id: str) -> Version:
    """Return the version that the run `run_id` made. Raises RegistryError if it made none."""
    for entry in client.search_model_versions(f"run_id = '{run_id}'"):
        return _version(ws, entry)
    raise RegistryError(f"run {run_id} has no registered version")


def find_finished(tracking: Tracking, *, key: str) -> Version | None:
    """Return the version that a finished run of `key` made; None without such a run."""
    for run_id, status in tracking.runs(key=key).items():
        if status == "FINISHED":
            for entry in tracking.client.search_model_versions(f"run_id = '{run_id}'"):
                return _version(tracking.ws, entry)
    return None


def find_of_other_code(tracking: Tracking, *, key: str) -> Version | None:
    """Return the newest version of the same model, data, config and seed that other code made."""
    for run_id in tracking.runs_of_other_code(key=key):
        for entry in tracking.client.search_model_versions(f"run_id = '{run_id}'"):
            return _version(tracking.ws, entry)
    return None


def find(ws: Workspace, name: str, version: str | None = None) -> Version:
    """Return version `version` of `name`: a number, `champion`, or None for the newest.

    `name` is a registered model, or a model (`two_tower`), which selects only its own versions.
    Raises UnknownModel, and RegistryError if there is no such version.
    """
    registered = name if name in FAMILIES else spec(name).registered
    client = open_client(ws)
    entries = client.search_model_versions(f"name = '{registered}'")
    if name != registered:
        entries = [entry for entry in entries if entry.tags.get("model") == name]
    if not entries:
        raise RegistryError(f"{name!r} has no version: run `python -m training fit` first")
    numbers = sorted((int(entry.version) for entry in entries), reverse=True)
    if version == CHAMPION:
        aliases = client.get_registered_model(registered).aliases
        if CHAMPION not in aliases:
            raise RegistryError(
                f"{registered!r} has no champion: run `python -m training promote {registered}`"
            )
        version = aliases[CHAMPION]
    wanted = str(numbers[0]) if version is None else str(version)
    for entry in entries:
        if str(entry.version) == wanted:
            return _version(ws, entry)
    raise RegistryError(f"{name!r} has no version {wanted}: there are {numbers}")


def export(ws: Workspace, name: str, version: str | None = None) -> Path:
    """Write the bundle of a version to `bundles/NAME/VERSION`, read by serving; return it.

    An existing bundle is left unchanged, as versions never change, unless its files are damaged or
    its checksums are missing. Raises RegistryError if it is of another model: the registry was
    replaced; StoreOutage if the registry's copy is damaged.
    """
    selected = find(ws, name, version)
    folder = ws.bundles / selected.name / selected.version
    with ws.lock("bundles"):
        whole = _is_whole(folder)
        if whole:
            _refuse_other(folder, selected)
        unchecked = not (folder / CHECKSUMS).exists()
        if not whole or (unchecked and _is_whole(selected.bundle)):
            _copy(selected, folder)
    return folder


def promote(ws: Workspace, name: str, version: str | None = None) -> Version:
    """Make a version the champion: export it, move the alias, then switch serving to it.

    The comparison with its baselines is recorded as a tag of the version. Returns the version.
    """
    selected = find(ws, name, version)
    name, number = selected.name, selected.version
    export(ws, name, number)
    client = open_client(ws)
    compared = {selected.manifest.model: selected.manifest.metrics, **selected.baselines}
    client.set_model_version_tag(name, number, "promoted_on", json.dumps(compared))
    with ws.lock("bundles"):  # the alias and what serving reads never name different versions
        client.set_registered_model_alias(name, CHAMPION, number)
        champions = _champions(ws, client) | {name: VersionName(name, number)}
        write_champions(ws.bundles / CURRENT, champions)
    return selected


def _champions(ws: Workspace, client: Any) -> dict[str, VersionName]:
    """Return the champions that serving reads; by their aliases where that file is lost."""
    with suppress(DamagedFile):
        if served := read_champions(ws.bundles / CURRENT):
            return served
    aliases = {model.name: model.aliases for model in client.search_registered_models()}
    champions = {
        name: VersionName(name, str(versions[CHAMPION]))
        for name, versions in aliases.items()
        if CHAMPION in versions
    }
    return {name: each for name, each in champions.items() if _is_whole(ws.bundles / each.folder)}


def _copy(selected: Version, folder: Path) -> None:
    """Copy the version's bundle to `folder`, in place of a damaged one or of a killed export."""
    if not _is_whole(selected.bundle):
        raise StoreOutage(
            f"{selected.bundle}: it was damaged; restore {selected.bundle.parents[3]} from a "
            "backup, or fit the model again with another --seed"
        )
    for pattern in (f".{folder.name}-*", f"..{folder.name}-*"):  # the second of `copy_bundle`
        for left in folder.parent.glob(pattern):
            shutil.rmtree(left, ignore_errors=True)
    aside, former = (folder.with_name(f".{folder.name}-{name}") for name in ("new", "former"))
    copy_bundle(selected.bundle, aside, version=selected.version)
    if folder.exists():
        folder.rename(former)
    aside.rename(folder)
    sync(folder.parent)
    shutil.rmtree(former, ignore_errors=True)


def _is_whole(folder: Path) -> bool:
    """Return whether `folder` holds a bundle as it was written."""
    try:
        check_files(folder, otherwise="")
        read_manifest(folder)
    except (BundleError, DamagedFile):
        return False
    return True


def _refuse_other(folder: Path, selected: Version) -> None:
    """Raise RegistryError unless the bundle in `folder` was exported from `selected`."""
    found = read_manifest(folder)
    if found != selected.manifest.model_copy(update={"version": selected.version}):
        raise RegistryError(
            f"{folder} holds {found.model} of {found.as_of.isoformat()}, and the registry's "
            f"{selected.name} version {selected.version} is {selected.manifest.model} of "
            f"{selected.manifest.as_of.isoformat()}: mlflow.db is not the one that exported it; "
            "restore that one, or move the folder elsewhere and promote again"
        )


def _version(ws: Workspace, entry: Any) -> Version:
    """Return the version of MLflow's `entry`, whose files and tags must be of the same model."""
    try:
        artifacts = artifacts_of(ws, str(entry.run_id))
    except ValueError as error:
        raise StoreOutage(f"{registry_file(ws)}: a run is called {error}; {RESTORE}") from error
    try:
        report = read_json(artifacts / "report.json")
        baselines = report["baselines"]
        manifest = read_manifest(artifacts / BUNDLE_PATH)
    except (FileNotFoundError, KeyError, ValueError, BundleError) as error:
        raise StoreOutage(
            f"{entry.name} version {entry.version}: the files of its run are not whole ({error}); "
            f"restore {artifacts.parent} from a backup, or fit the model again with another --seed"
        ) from error
    made = {"model": manifest.model, "as_of": manifest.as_of.isoformat()}
    if (entry.name, entry.tags) != (manifest.name, {**entry.tags, **made}):
        raise StoreOutage(
            f"{registry_file(ws)}: it says that {entry.name} version {entry.version} is "
            f"{dict(entry.tags)}, and the files of its run say {manifest.name}, {made}; "
            f"{RESTORE}"
        )
    usual = MODELS[manifest.model].baselines if manifest.model in MODELS else ()
    return Version(
        name=entry.name,
        version=str(entry.version),
        run_id=entry.run_id,
        manifest=manifest,
        bundle=artifacts / BUNDLE_PATH,
        baselines={
            name: baselines[name]
            for name in dict.fromkeys((*usual, *baselines))
            if name in baselines
        },
        unmeasured=report.get("unmeasured"),
    )
