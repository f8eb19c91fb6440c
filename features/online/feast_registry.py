"""Feast's registry as a file that is replaced as a whole."""

import uuid
from datetime import UTC, datetime

from feast.infra.registry.file import FileRegistryStore
from feast.protos.feast.core.Registry_pb2 import Registry

from configs.durable import replacing


class DurableRegistryStore(FileRegistryStore):  # type: ignore[misc]  # Feast has no types
    """Replaces the file in one step. Feast's own class empties the file before it writes it: a
    reader at that moment, or after a kill, sees no registry."""

    def _write_registry(self, registry_proto: Registry) -> None:
        registry_proto.version_id = str(uuid.uuid4())
        registry_proto.last_updated.FromDatetime(datetime.now(UTC))
        with replacing(self._filepath) as file:
            file.write(registry_proto.SerializeToString())
