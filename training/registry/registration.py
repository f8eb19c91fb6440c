"""A fitted model becomes a registered version: files that anyone's MLflow can load."""

import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any, Final

import pandas as pd

from configs.code import PACKAGES, ROOT
from configs.durable import placing
from training.bundle import Manifest, write_bundle
from training.interfaces import Model
from training.registry.tracking import MODEL_PATH, Tracking

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


def register(
    tracking: Tracking,
    run_id: str,
    model: Model,
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
        _place(folder / MODEL_PATH, tracking.artifacts(run_id) / MODEL_PATH)
    _ensure_model(tracking.client, manifest.name)
    made = tracking.client.create_model_version(
        manifest.name,
        source=f"{tracking.artifacts(run_id).as_uri()}/{MODEL_PATH}",
        run_id=run_id,
        tags={"model": manifest.model, "as_of": manifest.as_of.isoformat()},
    )
    return str(made.version)


def _place(source: Path, folder: Path) -> None:
    """Copy `source` to `folder` in one step, in place of what an interrupted run left."""
    shutil.rmtree(folder, ignore_errors=True)
    with placing(folder) as aside:
        shutil.copytree(source, aside, dirs_exist_ok=True)


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
