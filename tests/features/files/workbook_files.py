"""Write workbooks as programs other than openpyxl do: edited parts, .xls, .ods."""

import struct
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import openpyxl

NOT_AVAILABLE = 0x2A  # BIFF's code of #N/A


def write_xlsx(file: Path, **sheets: Sequence[Sequence[object]]) -> Path:
    """Write a workbook of those sheets; a name with a leading underscore is hidden."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title, rows in sheets.items():
        sheet = book.create_sheet(title.lstrip("_"))
        sheet.sheet_state = "hidden" if title.startswith("_") else "visible"
        for row in rows:
            sheet.append(list(row))
    book.save(file)
    return file


def edit_parts(file: Path, edit: Callable[[str, bytes], bytes]) -> Path:
    """Rewrite each part of the zipped workbook `file` by `edit(name, content)`."""
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, edit(name, content))
    return file


def write_xls(file: Path, rows: Sequence[Sequence[str | float | None]]) -> Path:
    """Write an Excel 97 workbook of one sheet, "till"; the text "#N/A" is an error value."""
    cells = b"".join(
        _xls_cell(row, column, value)
        for row, values in enumerate(rows)
        for column, value in enumerate(values)
    )
    sheet = _record(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0, 0, 0, 0)) + cells
    start = _record(0x809, struct.pack("<HHHHII", 0x600, 0x5, 0, 0, 0, 0))
    bound = struct.pack("<IBBBB", len(start) + 16 + 4, 0, 0, 4, 0) + b"till"
    book = start + _record(0x85, bound) + _record(0xA, b"") + sheet + _record(0xA, b"")
    file.write_bytes(_compound(book))
    return file


def _xls_cell(row: int, column: int, value: str | float | None) -> bytes:
    place = struct.pack("<HHH", row, column, 0)
    if value is None:
        return b""
    if value == "#N/A":
        return _record(0x205, place + bytes([NOT_AVAILABLE, 1]))
    if isinstance(value, str):
        text = value.encode("utf-16-le")
        return _record(0x204, place + struct.pack("<HB", len(value), 1) + text)
    return _record(0x203, place + struct.pack("<d", value))


def _record(kind: int, body: bytes) -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def _compound(stream: bytes) -> bytes:
    """Return a compound file: its header, allocation table, directory, and the one stream."""
    stream = stream.ljust(max(4096, -(-len(stream) // 512) * 512), b"\0")
    count = len(stream) // 512
    table = [0xFFFFFFFD, 0xFFFFFFFE, *range(3, 2 + count), 0xFFFFFFFE]
    table += [0xFFFFFFFF] * (128 - len(table))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<9I", 0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    header += struct.pack("<I", 0) + b"\xff" * 432
    root = _entry("Root Entry", 5, 0xFFFFFFFE, 0, child=1)
    directory = root + _entry("Workbook", 2, 2, len(stream)) + bytes(256)
    return header + struct.pack("<128I", *table) + directory + stream


def _entry(name: str, kind: int, start: int, size: int, *, child: int = 0xFFFFFFFF) -> bytes:
    text = name.encode("utf-16-le")
    links = struct.pack("<BBIII", kind, 1, 0xFFFFFFFF, 0xFFFFFFFF, child)
    times = bytes(36)
    return (
        text.ljust(64, b"\0")
        + struct.pack("<H", len(text) + 2)
        + links
        + times
        + struct.pack("<IQ", start, size)
    )


def write_ods(file: Path, cells: str) -> Path:
    """Write an OpenDocument workbook of one sheet whose rows are the XML `cells`."""
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text")
    )
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {spaces} '
        'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0">'
        f'<office:body><office:spreadsheet><table:table table:name="till">{cells}'
        "</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
    return file
