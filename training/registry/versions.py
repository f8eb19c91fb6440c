"""Registered model versions: made from runs, compared, promoted to champion, exported for serving.

`bundles/current.json` names the exported bundle that serves each name: {"churn": "churn/3", ...}.
"""

import json
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from configs.code import PACKAGES, ROOT
from configs.errors import UserError
from features.workspace import Workspace
from training.bundle import (
    CURRENT,
    Manifest,
    VersionName,
    copy_bundle,
    read_champions,
    read_manifest,
    write_bundle,
    write_champions,
)
from training.families import FAMILIES
from training.interfaces import Predictor, Recommender
from training.models import spec
from training.registry.tracking import BUNDLE_PATH, MODEL_PATH, Tracking, open_client

CHAMPION: Final = "champion"
REQUIREMENTS: Final = (
    "lightgbm",
    "mlflow",
    "msgspec",
    "numba",
    "numpy",
    "pandas",
    "pandera",
    "pyarrow",
    "pydantic",
    "pyyaml",
    "safetensors",
    "scipy",
    "torch",
)


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


def register(
    tracking: Tracking,
    run_id: str,
    model: Recommender | Predictor,
    manifest: Manifest,
    *,
    products: pd.DataFrame,
) -> str:
    """Log `model` to its run as plain files that `mlflow.pyfunc` can load; return its version.

    `products` is the catalogue at `manifest.as_of`, features as stored. A run makes one version:
    a second call returns the first.
    """
    known = tracking.client.search_model_versions(f"run_id = '{run_id}'")
    if known:
        return str(known[0].version)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_bundle(folder / "bundle", model, manifest)
        products.to_parquet(folder / "products.parquet", coerce_timestamps="us")
        _save_pyfunc(folder)
        tracking.client.log_artifacts(run_id, str(folder / MODEL_PATH), MODEL_PATH)
    _ensure_model(tracking.client, manifest.name)
    made = tracking.client.create_model_version(
        manifest.name,
        source=f"{tracking.artifacts(run_id).as_uri()}/{MODEL_PATH}",
        run_id=run_id,
        tags={"model": manifest.model, "as_of": manifest.as_of.isoformat()},
    )
    return str(made.version)


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

    An existing bundle is left unchanged: versions never change.
    """
    selected = find(ws, name, version)
    folder = ws.bundles / selected.name / selected.version
    if folder.exists():
        return folder
    with ws.lock("bundles"):
        if not folder.exists():
            copy_bundle(selected.bundle, folder, version=selected.version)
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
        current = ws.bundles / CURRENT
        write_champions(current, read_champions(current) | {name: VersionName(name, number)})
    return selected


def _version(ws: Workspace, entry: Any) -> Version:
    artifacts = ws.artifacts / entry.run_id / "artifacts"
    report = json.loads((artifacts / "report.json").read_text())
    return Version(
        name=entry.name,
        version=str(entry.version),
        run_id=entry.run_id,
        manifest=read_manifest(artifacts / BUNDLE_PATH),
        bundle=artifacts / BUNDLE_PATH,
        baselines=report["baselines"],
        unmeasured=report.get("unmeasured"),
    )


def _ensure_model(client: Any, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.get_registered_model(name)
    except MlflowException:
        client.create_registered_model(name)


def _save_pyfunc(folder: Path) -> None:
    """Turn `folder`'s bundle and products into an MLflow model folder beside them."""
    from importlib.metadata import version

    with warnings.catch_warnings():  # MLflow's, of its own classes and a missing input example
        for message in (".*type hint is inferred as AnyType", ".*An input example was not"):
            warnings.filterwarnings("ignore", message)
        import mlflow.pyfunc
        from mlflow.models import ModelSignature
        from mlflow.types import ParamSchema, ParamSpec

        mlflow.pyfunc.save_model(
            folder / MODEL_PATH,
            python_model=str(Path(__file__).with_name("pyfunc.py")),
            artifacts={
                "bundle": str(folder / "bundle"),
                "products": str(folder / "products.parquet"),
            },
            signature=ModelSignature(params=ParamSchema([ParamSpec("k", "integer", 10)])),
            code_paths=[str(ROOT / package) for package in PACKAGES],
            pip_requirements=[f"{package}=={version(package)}" for package in REQUIREMENTS],
        )
