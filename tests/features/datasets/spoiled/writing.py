"""Small pieces of spoiled files."""

import csv
import io
import random
from collections.abc import Iterable, Mapping
from pathlib import Path


def write_rows(
    file: Path,
    rows: Iterable[Mapping[str, str]],
    *,
    header: Iterable[str],
    delimiter: str = ",",
    encoding: str = "utf-8",
    last: str = "",
) -> Path:
    """Write `rows` as delimited text; a column that a row does not have is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(header), restval="", delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    file.write_bytes((text.getvalue() + last).encode(encoding))
    return file


def money(cents: int) -> str:
    """1234 -> 12.34"""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02}"


def any_case(rng: random.Random, text: str | None) -> str:
    """An e-mail address as people type it; empty for a guest."""
    return rng.choice((str.lower, str.lower, str.title, str.upper))(text) if text else ""
