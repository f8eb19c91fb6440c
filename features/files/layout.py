"""How a table lies in its file."""

import codecs

import pydantic

from configs.loader import Config


class Layout(Config):
    """Delimiter, encoding, sheet and header row of a file.

    Workbooks and .parquet files need no `delimiter` and no `encoding`; only workbooks have a
    `sheet`; a .parquet file has no `header_row`.
    """

    delimiter: str = pydantic.Field(default=",", min_length=1, max_length=1)
    """The character between two cells of delimited text."""
    encoding: str = "utf-8"
    """The encoding of delimited text, by any name that Python knows (`gb18030`, `cp1252`)."""
    sheet: str | tuple[str, ...] | None = None
    """The sheet or sheets of a workbook to read; default: all, which must have the same header."""
    header_row: int = pydantic.Field(default=1, ge=1)
    """The row of the column names, counted from 1; the rows above it are left out."""

    @pydantic.field_validator("delimiter")
    @classmethod
    def _separates(cls, value: str) -> str:
        if value in '"\r\n':
            raise ValueError("a quote or a line break is no delimiter")
        return value

    @pydantic.field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            "".encode(value)
        except (LookupError, UnicodeError):
            raise ValueError("not an encoding that Python knows") from None
        return value

    @property
    def codec(self) -> str:
        """Python's name of the encoding; of UTF-8 the one that skips a byte order mark."""
        name = codecs.lookup(self.encoding).name
        return "utf-8-sig" if name == "utf-8" else name

    @property
    def sheets(self) -> tuple[str, ...] | None:
        """The names of the sheets to read; None for all."""
        return (self.sheet,) if isinstance(self.sheet, str) else self.sheet
