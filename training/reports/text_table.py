"""A table of text, for the console and for Markdown."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TextTable:
    """A table of text; the first column names its rows."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
