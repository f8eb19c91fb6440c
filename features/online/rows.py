"""The online store's rows, read by Feast from a file that may be removed or replaced."""

import sqlite3
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from configs.database_checks import raise_found
from configs.durable import identity
from features.customer_row import ONLINE_VALUE, ONLINE_VIEW, DamagedRow, OtherCode, unpack
from features.feast_import import import_feast
from features.feast_store import PROJECT

ONLINE_TABLE: Final = f"{PROJECT}_{ONLINE_VIEW}"
"""Feast's table of the packed values."""


class OnlineRows:
    """The packed values of `store` (a Feast store on SQLite); any thread may call.

    Feast opens `file` once and keeps the connection, even to the empty file that it created when
    none existed. Here a missing file is an error until it is back, and a replaced file is opened
    again, as after every failure.
    """

    def __init__(self, store: Any, file: Path) -> None:
        self._store, self._file = store, file
        self._lock = threading.Lock()
        self._read: Callable[[str], bytes | None] | None = None
        self._opened: tuple[int, int] | None = None

    def read(self, customer_id: str) -> bytes | None:
        """Return the customer's value; None if there is none.

        It is read below `get_online_features`, which takes ten times as long for the same value.
        """
        with self._lock:
            try:
                current = identity(self._file)
                raise_found(self._file, current)
                if self._read is None or self._opened != current:
                    self._forget()
                    self._read, self._opened = self._reader(), current
                return self._read(customer_id)
            except Exception:
                self._forget()
                raise

    def _reader(self) -> Callable[[str], bytes | None]:
        import_feast()
        from feast.protos.feast.types.EntityKey_pb2 import EntityKey
        from feast.protos.feast.types.Value_pb2 import Value

        self._store.refresh_registry()  # the one in memory may be old, or half written
        read = partial(
            self._store._get_provider().online_read,
            config=self._store.config,
            table=self._store.get_feature_view(ONLINE_VIEW),
            requested_features=[ONLINE_VALUE],
        )

        def value(customer_id: str) -> bytes | None:
            names = [Value(string_val=customer_id)]
            ((_, values),) = read(
                entity_keys=[EntityKey(join_keys=["customer_id"], entity_values=names)]
            )
            return values[ONLINE_VALUE].bytes_val if values else None

        return value

    def _forget(self) -> None:
        """Close the connection that Feast holds; its next read opens another."""
        self._read = None
        online_store = self._store._get_provider().online_store
        connection: sqlite3.Connection | None = online_store._conn
        if connection is not None:
            online_store._conn = None
            connection.close()


def is_stored_intact(value: bytes) -> bool:
    """Return whether `value`, from ONLINE_TABLE, is a row as this code writes it."""
    import_feast()
    from feast.protos.feast.types.Value_pb2 import Value
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        unpack(Value.FromString(value).bytes_val)
    except (DamagedRow, OtherCode, DecodeError):
        return False
    return True
