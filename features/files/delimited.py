"""Rows of delimited text (.csv, .tsv, .txt): bounded in memory, errors by row."""

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final, cast

from features.files.content import open_content
from features.files.layout import Layout
from features.schema import BadInput

LONGEST_CELL: Final = 1 << 24  # characters
_LONGEST_LINE: Final = 1 << 25
_MARKS: Final = (  # byte order marks; the longer first
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def byte_order_mark(head: bytes) -> str | None:
    """Return the encoding that the first bytes of a file name; None without a mark.

    >>> byte_order_mark("\\ufeffa".encode())
    'utf-8'
    """
    return next((name for mark, name in _MARKS if head.startswith(mark)), None)


def separator(line: str) -> str | None:
    """Return the delimiter that Excel's first line `sep=;` names; None for any other line.

    >>> separator("sep=;"), separator("order_id;sku")
    (';', None)
    """
    match = re.fullmatch(r'"?sep=(.)"?\1*[\r\n]*', line, flags=re.IGNORECASE)
    return match.group(1) if match else None


def text_lines(file: Path, stream: BinaryIO, layout: Layout) -> Iterator[str]:
    """Yield the lines of delimited text with their line ends, `sep=` too.

    Raises BadInput where bytes are not in the layout's encoding or a byte order mark names another
    one, and at a line of more than 33 million characters.
    """
    marked = byte_order_mark(cast(io.BufferedReader, stream).peek(4)[:4])
    if marked is not None and not layout.codec.startswith(marked):
        rule = f"starts with the byte order mark of {marked}: `encoding: {marked}`"
        raise BadInput(file=str(file), rule=rule)
    with io.TextIOWrapper(stream, encoding=layout.codec, newline="") as lines:
        number = 0
        try:
            while line := lines.readline(_LONGEST_LINE):
                number += 1
                if len(line) == _LONGEST_LINE:
                    rule = f"a line of more than {_LONGEST_LINE:,} characters: is it a table?"
                    raise BadInput(file=str(file), row=number, rule=rule)
                if "\0" in line:
                    rule = "holds NUL characters, as UTF-16 does: name the file's encoding"
                    raise BadInput(file=str(file), row=number, rule=f"{rule}, `encoding: utf-16`")
                yield line.removeprefix("\ufeff") if number == 1 else line
        except UnicodeError as error:
            raise _bad_encoding(file, layout.encoding) from error


def delimited_rows(file: Path, stream: BinaryIO, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """Yield the row numbers and cells of delimited text; blank rows have no cells.

    A first line such as `sep=;` counts as row 1 but is not yielded. Raises BadInput if it
    contradicts the layout's delimiter, or the text is not delimited, or not in the encoding.
    """
    csv.field_size_limit(LONGEST_CELL)
    lines = text_lines(file, stream, layout)
    first = next(lines, "")
    named = separator(first)
    if named is not None and named != layout.delimiter:
        rule = f"the file's first line names another delimiter: `delimiter: {json.dumps(named)}`"
        raise BadInput(file=str(file), row=1, rule=rule)
    row = 0 if named is None else 1
    remaining = chain([first], lines) if named is None else lines
    try:
        for cells in csv.reader(remaining, delimiter=layout.delimiter, strict=True):
            row += 1
            yield row, cells
    except csv.Error as error:
        if "field limit" in str(error):
            rule = f"a cell of more than {LONGEST_CELL:,} characters: is a quote left open?"
        else:
            rule = f"not delimited text: {error}"
        raise BadInput(file=str(file), row=row + 1, rule=rule) from error


def _bad_encoding(file: Path, encoding: str) -> BadInput:
    """Return the error for the first line that `encoding` cannot decode."""
    row = 1
    with open_content(file) as content:
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            while chunk := content.stream.read(1 << 20):
                row += decoder.decode(chunk).count("\n")
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as fault:
            row += fault.object[: fault.start].decode(encoding, "ignore").count("\n")
            undecodable = fault.object[fault.start : fault.end]
            rule = f"the bytes {undecodable!r} are not {encoding}: name the file's encoding"
            return BadInput(file=str(file), row=row, rule=f"{rule} (`encoding:`)")
        except UnicodeError:
            pass
    return BadInput(
        file=str(file), rule=f"is not {encoding}: name the file's encoding (`encoding:`)"
    )
