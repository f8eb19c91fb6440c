"""Paths as text for libraries that give some characters of a path a meaning of their own."""

import glob
from pathlib import Path
from urllib.parse import quote


def exact_pattern(path: Path) -> str:
    """Return the pattern that matches `path` alone, for DuckDB, which reads every path as one.

    Without it, `my*shop/t.parquet` would also read the file in `my other shop`.

    >>> exact_pattern(Path("my*shop [a]?/t.parquet"))
    'my[*]shop [[]a][?]/t.parquet'
    """
    return glob.escape(str(path))


def sqlite_url(file: Path) -> str:
    """Return the SQLAlchemy URL of the SQLite database in the absolute path `file`.

    It names the driver because MLflow makes the parent folder of any `sqlite:///` URL without
    decoding it: `my%20shop` beside `my shop`.

    >>> sqlite_url(Path("/my %20 shop#1?/mlflow.db"))
    'sqlite+pysqlite:////my%20%2520%20shop%231%3F/mlflow.db'
    """
    return f"sqlite+pysqlite:///{quote(str(file))}"
