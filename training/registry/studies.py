"""The workspace's Optuna studies: one SQLite file, whose failures are outages."""

from collections.abc import Iterator
from contextlib import contextmanager

from configs.paths import sqlite_url
from features.workspace import Workspace
from training.registry.outage import StoreOutage, made_whole, stating_outages, whole_tables


@contextmanager
def studies(ws: Workspace) -> Iterator[str]:
    """Yield the storage of all studies, as Optuna names it. Raises StoreOutage, also in the block.

    A new file is made whole, so that an empty one was damaged.
    """
    from optuna.exceptions import StorageInternalError
    from optuna.storages import RDBStorage

    file = ws.home / "optuna.db"
    way_on = "restore it from a backup, or remove it: its studies then begin with their first trial"
    if not whole_tables(file, otherwise=way_on) and file.exists():
        raise StoreOutage(f"{file} is empty; {way_on}")
    try:
        with stating_outages(file, otherwise=way_on):
            if not file.exists():
                with made_whole(file) as made:
                    RDBStorage(sqlite_url(made)).engine.dispose()
            yield sqlite_url(file)
    except StorageInternalError as error:  # a study twice, or a value that is no number
        raise StoreOutage(f"{file}: {error.__cause__ or error}; {way_on}") from error
