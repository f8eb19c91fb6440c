"""A version's bundle in `bundles/NAME/VERSION`, where serving reads it."""

import shutil
from pathlib import Path

from configs.durable import sync
from configs.folder_checksums import FILE as CHECKSUMS
from configs.folder_checksums import check_files
from configs.json_files import DamagedFile
from features.workspace import Workspace
from training.bundle import copy_bundle, read_manifest
from training.errors import BundleError
from training.registry.entries import RegistryError, Version
from training.registry.outage import StoreOutage


def write_export(ws: Workspace, selected: Version) -> Path:
    """Write the bundle of `selected` for serving, and return its folder; it is then whole.

    The caller holds the workspace's lock `bundles`. Errors as in `versions.export`.
    """
    folder = ws.bundles / selected.name / selected.version
    whole = is_whole(folder)
    if whole:
        _refuse_other(folder, selected)
    unchecked = not (folder / CHECKSUMS).exists()
    if not whole or (unchecked and is_whole(selected.bundle)):
        _copy(selected, folder)
    return folder


def is_whole(folder: Path) -> bool:
    """Return whether `folder` holds a bundle as it was written."""
    try:
        check_files(folder, otherwise="")
        read_manifest(folder)
    except (BundleError, DamagedFile):
        return False
    return True


def _copy(selected: Version, folder: Path) -> None:
    """Copy the version's bundle to `folder`, in place of a damaged one or of a killed export."""
    if not is_whole(selected.bundle):
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
