"""Open the Feast store of a workspace and register its objects."""

import atexit
import logging
import sys
import warnings
from pathlib import Path
from typing import Any, Final

from configs.json_files import write_json
from features.feast_import import import_feast
from features.workspace import Workspace

logger: Final = logging.getLogger(__name__)
PROJECT: Final = "regulars"
ONLINE_DB: Final = "online.db"
"""The file of Feast's online store, in `ws.feast`."""


def open_store(ws: Workspace) -> Any:
    """Return Feast's FeatureStore for `ws`."""
    import_feast()
    from feast import FeatureStore, RepoConfig

    # Importing Feast enables all deprecation warnings; this one is between Ibis 12 and DuckDB 2.
    warnings.filterwarnings("ignore", "fetch_arrow_table", DeprecationWarning, "ibis")
    return FeatureStore(config=RepoConfig(repo_path=ws.feast, **_settings(ws.feast)))


def register(ws: Workspace) -> None:
    """Register the Feast objects, and write the settings that Feast's own CLI and UI read."""
    import_feast()
    from features.feature_repo.definitions import build

    with ws.lock("feast"):
        ws.feast.mkdir(parents=True, exist_ok=True)
        _remove_damaged_registry(ws)
        open_store(ws).apply(build(ws.home))
        write_json(
            ws.feast / "feature_store.yaml", _settings(Path()), checksum=False
        )  # JSON is YAML


def _remove_damaged_registry(ws: Workspace) -> None:
    """Remove a registry that is none: all of it is made again from the definitions."""
    import_feast()
    from feast.protos.feast.core.Registry_pb2 import Registry
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    file = ws.feast / "registry.db"
    try:
        Registry.FromString(file.read_bytes() if file.exists() else b"")
    except DecodeError as error:
        logger.warning("%s is damaged (%s): it is made again", file, error)
        file.unlink()


def _settings(folder: Path) -> dict[str, Any]:
    """Return Feast's settings for the files in `folder`.

    Relative paths count from the folder of the settings' file, so that a copy names its own.
    """
    return {
        "project": PROJECT,
        "provider": "local",
        "registry": {
            "registry_store_type": "features.online.feast_registry.DurableRegistryStore",
            "path": str(folder / "registry.db"),
            "cache_ttl_seconds": 0,  # no re-read: `apply` refreshes it in its own process
        },
        "offline_store": {"type": "duckdb"},
        "online_store": {"type": "sqlite", "path": str(folder / ONLINE_DB)},
        "entity_key_serialization_version": 3,
    }


@atexit.register
def _close() -> None:
    """Close the connection that Feast keeps open in Ibis: at exit DuckDB reports it as leaked."""
    ibis: Any = sys.modules.get("ibis")
    if ibis is not None and ibis.options.default_backend is not None:
        ibis.options.default_backend.disconnect()
        ibis.options.default_backend = None
