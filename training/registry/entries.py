"""A registered version, read from MLflow's entry and the files of its run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from configs.errors import UserError
from configs.json_files import read_json
from features.workspace import Workspace
from training.bundle import Manifest, read_manifest
from training.errors import BundleError
from training.models import MODELS
from training.registry.database import registry_file
from training.registry.outage import RESTORE, StoreOutage
from training.registry.tracking import BUNDLE_PATH, artifacts_of

CHAMPION: Final = "champion"
"""MLflow's alias of the version that answers."""
CHALLENGER: Final = "challenger"
"""MLflow's alias of the version that was made last to take its place."""


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


def version_of(ws: Workspace, entry: Any) -> Version:
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
