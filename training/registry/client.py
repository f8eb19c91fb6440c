"""MLflow's client on the workspace's database, whose failures are outages."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Final

from configs.paths import sqlite_url
from features.workspace import Workspace
from training.registry.database import bring_home, check_registry, registry_file
from training.registry.outage import StoreOutage, made_whole, stated, stating_outages

_QUIET: Final = {
    "alembic": logging.WARNING,
    "mlflow.store.db.utils": logging.CRITICAL,  # it prints a traceback, then raises the error
}
_OUTAGES: Final = ("INTERNAL_ERROR", "BAD_REQUEST", "TEMPORARILY_UNAVAILABLE")
"""MLflow's codes for what its database reports; the others are answers, as "no such model"."""


def open_client(ws: Workspace) -> Any:
    """Return an `mlflow.MlflowClient` on the workspace's own database and registry.

    Raises StoreOutage, as does every later call, if the database is damaged, lost, locked or full.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    for name, level in _QUIET.items():
        logging.getLogger(name).setLevel(level)
    ws.home.mkdir(parents=True, exist_ok=True)
    if not check_registry(ws):
        with ws.lock("registry"):
            if not check_registry(ws):  # another process may have been first
                _make(ws)
    bring_home(ws)
    return _Client(ws)


def _make(ws: Workspace) -> None:
    """Make the database. Its default place for others' files lies in the workspace too."""
    file = registry_file(ws)
    with stating_outages(file), made_whole(file) as made, _quiet_tables():
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        SqlAlchemyStore(sqlite_url(made), ws.artifacts.as_uri()).engine.dispose()


@contextmanager
def _quiet_tables() -> Iterator[None]:
    """Silence a warning: MLflow's tables use an option that SQLAlchemy will drop."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*``noload``")
        yield


class _Client:
    """Passes every call to an `mlflow.MlflowClient`, and states an outage of its database."""

    def __init__(self, ws: Workspace) -> None:
        self._file, self._uri = registry_file(ws), ws.mlflow_uri
        self._client = self._stating(self._connect)()

    def __getattr__(self, name: str) -> Any:
        return self._stating(getattr(self._client, name))

    def _connect(self) -> Any:
        from mlflow import MlflowClient

        with _quiet_tables():
            return MlflowClient(tracking_uri=self._uri, registry_uri=self._uri)

    def _stating(self, call: Any) -> Any:
        @wraps(call)
        def stating(*args: Any, **kwargs: Any) -> Any:
            from alembic.util.exc import CommandError
            from mlflow.exceptions import MlflowException
            from sqlalchemy.exc import SQLAlchemyError

            try:
                return call(*args, **kwargs)
            except (CommandError, MlflowException, SQLAlchemyError) as error:
                if getattr(error, "error_code", _OUTAGES[0]) in _OUTAGES:
                    raise StoreOutage(stated(self._file, error)) from error
                raise

        return stating
