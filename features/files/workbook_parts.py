"""The parts of a zipped workbook, looked at as a stream before a library opens it."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from features.schema import BadInput

_TOTAL: Final = 2 << 30  # bytes, unpacked
_PART: Final = 1 << 30
_RATIO: Final = 1000  # unpacked to packed bytes; of parts above _SMALL
_SMALL: Final = 100 << 20
_CELL: Final = 1 << 24  # bytes between two tags
_CHUNK: Final = 1 << 20
_OVERLAP: Final = 1 << 12
_DENSE_CELLS: Final = 1 << 25  # rows times columns: 1 GiB in python-calamine
_ENTITIES: Final = re.compile(rb"<!(?:DOCTYPE|ENTITY)")
_ERROR_VALUE: Final = re.compile(rb"""\st=["']e["']|calcext:value-type=["']error["']""")
_ROW: Final = re.compile(rb"""<(?:\w+:)?row\s[^>]*?\br=["'](\d+)""")
_FAR_CELL: Final = re.compile(rb"""\sr=["']([A-Z]{2,3})\d""")
_NO_RESULT: Final = re.compile(
    rb"""<c(?:\s[rs]="\w+")*><f(?:\s[^>]*)?(?:/>|>[^<]*</f>)(?:<v ?/>|<v></v>)?</c>"""
)


class Parts:
    """What the parts of a workbook show: error values such as #N/A, and the extent of its sheets.

    `errors` names the first part with an error value, `unsolved` the first with a formula that was
    saved without its result; None if there is none. `rows` and `columns` are the largest numbers of
    an .xlsx file's sheets (at least 26 columns).
    """

    def __init__(self, file: Path, stream: BinaryIO) -> None:
        """Look at all parts of the workbook in `stream`, and rewind it.

        Raises BadInput at a part of more than 1 GiB, more than 2 GiB in all, a part that shrinks a
        thousandfold, entity declarations, and a cell of more than 2**24 bytes.
        """
        self.errors: str | None = None
        self.unsolved: str | None = None
        self.rows, self.columns = 0, 26
        with zipfile.ZipFile(stream) as archive:
            parts = archive.infolist()
            _refuse_bombs(file, parts)
            for part in parts:
                if part.flag_bits & 1:
                    raise BadInput(file=str(file), rule="the workbook has a password: remove it")
                if part.filename.lower().endswith((".xml", ".rels", ".vml")):
                    self._look(file, archive, part)
        stream.seek(0)

    @property
    def is_sparse(self) -> bool:
        """Whether a sheet, its empty cells included, would not fit 1 GiB."""
        return self.rows * self.columns > _DENSE_CELLS

    def _look(self, file: Path, archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
        sheet = part.filename.startswith("xl/worksheets/") or part.filename == "content.xml"
        for window in _windows(file, archive, part):
            if _ENTITIES.search(window.replace(b"\0", b"")):
                rule = f"{part.filename} declares entities, which no spreadsheet program writes"
                raise BadInput(file=str(file), rule=rule)
            if not sheet:
                continue
            if self.errors is None and _ERROR_VALUE.search(window):
                self.errors = part.filename
            if self.unsolved is None and _NO_RESULT.search(window):
                self.unsolved = part.filename
            rows = _ROW.findall(window)
            self.rows = max(self.rows, *(int(row) for row in rows[-1:]), 0)
            for letters in set(_FAR_CELL.findall(window)):
                self.columns = max(self.columns, _column_number(letters))


def _refuse_bombs(file: Path, parts: list[zipfile.ZipInfo]) -> None:
    if sum(part.file_size for part in parts) > _TOTAL:
        raise BadInput(file=str(file), rule="unpacks to more than 2 GiB: save it as .csv")
    for part in parts:
        if part.file_size > _PART:
            rule = f"{part.filename} unpacks to more than 1 GiB: save it as .csv"
            raise BadInput(file=str(file), rule=rule)
        if part.file_size > _SMALL and part.file_size > _RATIO * part.compress_size:
            rule = f"{part.filename} unpacks to {part.file_size:,} bytes, a thousandfold"
            raise BadInput(file=str(file), rule=rule)


def _windows(file: Path, archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield the bytes of `part` in pieces that overlap. BadInput at a cell of over 2**24 bytes."""
    run, tail = 0, b""
    with archive.open(part) as stream:
        while chunk := stream.read(_CHUNK):
            first = chunk.find(b"<")
            run += len(chunk) if first < 0 else first
            if run > _CELL:
                rule = f"{part.filename} has a cell of more than {_CELL:,} bytes"
                raise BadInput(file=str(file), rule=rule)
            if first >= 0:
                run = len(chunk) - chunk.rfind(b"<") - 1
            yield tail + chunk
            tail = chunk[-_OVERLAP:]


def _column_number(letters: bytes) -> int:
    """Return the number of the column of those letters.

    >>> _column_number(b"AA")
    27
    """
    number = 0
    for letter in letters:
        number = 26 * number + letter - 64
    return number
