"""The file `mlflow.db` before MLflow opens it: whole, in step with the bundles, and at home.

MLflow stores the absolute path of every run's artifacts. This code finds them by the workspace's
own path; the stored ones serve `mlflow ui` and `mlflow.pyfunc.load_model`, and follow the workspace
when it is copied or moved.
"""

import logging
import re
import sqlite3
from pathlib import Path
from typing import Final

from features.workspace import Workspace
from training.registry.outage import StoreOutage, opened, whole_tables

logger: Final = logging.getLogger(__name__)
NAME: Final = "regulars"
"""The MLflow experiment that holds the workspace's runs."""
_TABLES: Final = {"alembic_version", "experiments", "runs", "registered_models", "model_versions"}
_URIS: Final = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def registry_file(ws: Workspace) -> Path:
    """Return MLflow's database."""
    return ws.home / "mlflow.db"


def check_registry(ws: Workspace) -> bool:
    """Return whether there is a registry, in `mlflow.db`.

    Raises StoreOutage unless the file is whole and no older than the workspace's bundles.

    A missing or empty file is a new registry only where no run and no bundle exists: otherwise
    versions would be numbered from 1 again, and take the names of bundles.
    """
    file = registry_file(ws)
    present = whole_tables(file)
    if not present:
        _refuse_if_used(ws, f"{file} is {'empty' if file.exists() else 'missing'}")
        return False
    if missing := sorted(_TABLES - present):
        what = f"{file} was damaged: it lacks the table {missing[0]}"
        _refuse_if_used(ws, what)
        raise StoreOutage(f"{what}. No run was made with it: remove it, and begin again")
    with opened(file) as database:
        recorded = _recorded(database)
        newest = dict(database.execute("SELECT name, max(version) FROM model_versions GROUP BY 1"))
    if recorded is None:
        _refuse_if_used(ws, f"{file} holds no runs")
    for name, version in exported(ws).items():
        known = int(newest.get(name) or 0)
        if version > known:
            folder = ws.bundles / name / str(version)
            _refuse(ws, f"{file} ends with version {known} of {name}, and {folder} exists")
    return True


def bring_home(ws: Workspace) -> None:
    """Let the paths in `mlflow.db` name the artifacts of `ws`, in one transaction.

    After a copy or a move they name those of the other place. Where the file cannot be written,
    that remains so, with a warning. Raises StoreOutage.
    """
    file, here = registry_file(ws), ws.artifacts.as_uri()
    with opened(file) as database:
        recorded = _recorded(database)
        if recorded in (None, here):
            return
        try:
            database.execute("BEGIN IMMEDIATE")  # another process may have been first
            _replace(database, str(_recorded(database)), here)
            database.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith("SQLITE_READONLY"):
                raise
            logger.warning(
                "%s cannot be written, and names the artifacts in %s: `mlflow ui` and "
                "`mlflow.pyfunc.load_model` read those; commands here read %s",
                file,
                recorded,
                ws.artifacts,
            )


def exported(ws: Workspace) -> dict[str, int]:
    """Return the highest version of each name that has a bundle."""
    numbers: dict[str, int] = {}
    for folder in ws.bundles.glob("*/*/"):
        if re.fullmatch("[1-9][0-9]*", folder.name):
            name = folder.parent.name
            numbers[name] = max(int(folder.name), numbers.get(name, 0))
    return numbers


def _recorded(database: sqlite3.Connection) -> str | None:
    """Return the URI of the folder of all artifacts, as MLflow knows it."""
    query = "SELECT artifact_location FROM experiments WHERE name = ?"
    row: tuple[str] | None = database.execute(query, (NAME,)).fetchone()
    return None if row is None else row[0]


def _replace(database: sqlite3.Connection, recorded: str, here: str) -> None:
    """Replace the folder `recorded` by `here` wherever MLflow stores a path in it."""
    present = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    for table, column in _URIS:
        if table in present:
            database.execute(
                f"UPDATE {table} SET {column} = ?1 || substr({column}, length(?2) + 1) "
                f"WHERE {column} = ?2 OR substr({column}, 1, length(?2) + 1) = ?2 || '/'",
                (here, recorded),
            )


def _refuse_if_used(ws: Workspace, what: str) -> None:
    """Raise StoreOutage if runs or bundles were made with another database."""
    if bundles := exported(ws):
        names = ", ".join(f"{name}/{version}" for name, version in sorted(bundles.items()))
        _refuse(ws, f"{what}, and {ws.bundles} holds {names}")
    if runs := len(list(ws.artifacts.glob("*/artifacts"))):
        _refuse(ws, f"{what}, and {ws.artifacts} holds the files of {runs} runs")


def _refuse(ws: Workspace, what: str) -> None:
    raise StoreOutage(
        f"{what}: restore the mlflow.db that belongs to them from a backup. Without one, move "
        f"{ws.artifacts.name}/, {ws.bundles.name}/, ledger.db, .ledger.db.made and what is left of "
        "mlflow.db elsewhere: a new registry begins with version 1, and serving has no model until "
        "the next promote"
    )
