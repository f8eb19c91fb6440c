"""Paths: names that lead nowhere else, and text for libraries that read characters as patterns."""

import glob
import re
from pathlib import Path
from typing import Final
from urllib.parse import quote

_APART: Final = re.compile(r"[/\\\x00]")


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


def plain_name(text: object) -> str:
    """Return `text`, the name of an entry of a folder. Raises ValueError if it leads elsewhere.

    Every name that is read from a file, or comes over the API, is checked before it is joined.

    >>> plain_name("3")
    '3'
    >>> plain_name("../3")
    Traceback (most recent call last):
    ValueError: '../3' is not a plain name: one without slashes, and neither . nor ..
    """
    plain = isinstance(text, str) and text not in ("", ".", "..") and not _APART.search(text)
    if not plain:
        raise ValueError(f"{text!r} is not a plain name: one without slashes, and neither . nor ..")
    return str(text)
