"""Feast's registry as a file that is replaced as a whole and names no folder outside its own."""

import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from feast.infra.registry.file import FileRegistryStore
from feast.protos.feast.core.FeatureView_pb2 import FeatureView
from feast.protos.feast.core.Registry_pb2 import Registry

from configs.durable import replacing
from configs.paths import exact_pattern

_IN_WORKSPACE: Final = re.compile(r"(?:snapshots/[^/]+/\*|online/[^/]+)\.parquet$")
"""A source's path, from the workspace's folder on."""


class DurableRegistryStore(FileRegistryStore):  # type: ignore[misc]  # Feast has no types
    """Replaces the file in one step. Feast's own class empties the file before it writes it: a
    reader at that moment, or after a kill, sees no registry.

    The file names the sources from the workspace's folder on; in memory their paths are absolute,
    because DuckDB resolves no relative path. So the registry of a copied or moved workspace reads
    the rows that lie beside it, as does one written with absolute paths by older code.
    """

    def get_registry_proto(self) -> Registry:
        """Return the registry, its sources in the workspace that holds the file."""
        registry: Registry = super().get_registry_proto()
        home = exact_pattern(Path(self._filepath).absolute().parents[1])
        _move(registry, lambda inner: f"{home}/{inner}")
        return registry

    def _write_registry(self, registry_proto: Registry) -> None:
        registry_proto.version_id = str(uuid.uuid4())
        registry_proto.last_updated.FromDatetime(datetime.now(UTC))
        stored = Registry()
        stored.CopyFrom(registry_proto)
        _move(stored, lambda inner: inner)
        with replacing(self._filepath) as file:
            file.write(stored.SerializeToString())


def _move(registry: Registry, place: Callable[[str], str]) -> None:
    """Replace the path of every source in a workspace by `place(its path inside)`."""
    _move_sources(registry, place)
    for record in registry.feature_view_version_history.records:
        if record.feature_view_type == "feature_view":
            view = FeatureView.FromString(record.feature_view_proto)
            _move_sources(view, place)
            record.feature_view_proto = view.SerializeToString()


def _move_sources(message: Any, place: Callable[[str], str]) -> None:
    """Replace the paths in every FileOptions below `message`."""
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        for each in [value] if hasattr(value, "ListFields") else value:
            if field.message_type.name == "FileOptions":
                inner = _IN_WORKSPACE.search(each.uri)
                if inner is not None:
                    each.uri = place(inner[0])
            else:
                _move_sources(each, place)
