"""What a file holds, by its first bytes more than by its name; .gz and .zip are opened."""

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Final, Literal, NamedTuple, cast

from features.schema import BadInput

Kind = Literal["text", "xlsx", "ods", "xls", "parquet"]
_LARGEST: Final = 1 << 30  # bytes: a compressed workbook or .parquet file is opened in memory
_BROKEN: Final = (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile)
_NEEDED: Final = {  # bytes at the start of a file of that name
    ".parquet": (b"PAR1", "a Parquet file"),
    ".xlsx": (b"PK\x03\x04", "an .xlsx file"),
    ".xlsm": (b"PK\x03\x04", "an .xlsm file"),
    ".ods": (b"PK\x03\x04", "an .ods file"),
    ".zip": (b"PK", "a .zip file"),
    ".gz": (b"\x1f\x8b", "a .gz file"),
}


class Content(NamedTuple):
    """A file's table: its kind, and its bytes, which can be read once from the start."""

    kind: Kind
    stream: BinaryIO


@contextmanager
def open_content(file: Path) -> Iterator[Content]:
    """Open `file`, or the one table file in a .gz or .zip, which is never unpacked to disk.

    Raises BadInput if there is no such file, it is empty, not what its name says, broken,
    encrypted, or a .zip of several files.
    """
    if file.is_dir():
        raise BadInput(file=str(file), rule="is a directory, not a file")
    if not file.exists():
        raise BadInput(file=str(file), rule="no such file")
    if file.stat().st_size == 0:
        raise BadInput(file=str(file), rule="the file is empty")
    with ExitStack() as stack:
        try:
            content = _content(file, stack)
        except (*_BROKEN, OSError, NotImplementedError, UnicodeDecodeError) as error:
            raise BadInput(file=str(file), rule=f"cannot be opened: {error}") from error
        try:
            yield content
        except _BROKEN as error:
            raise BadInput(file=str(file), rule=f"the file is broken: {error}") from error


def _content(file: Path, stack: ExitStack) -> Content:
    stream: BinaryIO = stack.enter_context(file.open("rb"))
    head = _head(stream)
    magic, what = _NEEDED.get(file.suffix.lower(), (b"", ""))
    if not head.startswith(magic):
        raise BadInput(file=str(file), rule=f"not {what}: save it again, or correct its name")
    kind = _kind(file, stream, head)
    if kind == "gzip":
        stream = cast(BinaryIO, stack.enter_context(gzip.GzipFile(fileobj=stream)))
    elif kind == "zip":
        stream = _member(file, stream, stack)
    else:
        return Content(kind, stream)
    buffered = stack.enter_context(io.BufferedReader(cast(io.RawIOBase, stream)))
    head = buffered.peek(8)[:8]
    if head.startswith((b"PK", b"PAR1", b"\xd0\xcf\x11\xe0")):
        stream = io.BytesIO(buffered.read(_LARGEST + 1))
        if stream.getbuffer().nbytes > _LARGEST:
            raise BadInput(file=str(file), rule="holds more than 1 GiB: unpack it first")
    else:
        stream = buffered
    kind = _kind(file, stream, head)
    if kind in ("gzip", "zip"):
        raise BadInput(file=str(file), rule="an archive in an archive: unpack it first")
    return Content(cast(Kind, kind), stream)


def _head(stream: BinaryIO) -> bytes:
    head = stream.read(8)
    stream.seek(0)
    return head


def _kind(file: Path, stream: BinaryIO, head: bytes) -> Kind | Literal["gzip", "zip"]:
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        return "xls"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        with zipfile.ZipFile(stream) as archive:
            names = set(archive.namelist())
        stream.seek(0)
        if "xl/workbook.bin" in names:
            raise BadInput(file=str(file), rule="a binary workbook (.xlsb): save it as .xlsx")
        if "xl/workbook.xml" in names or "[Content_Types].xml" in names:
            return "xlsx"
        return "ods" if {"mimetype", "content.xml"} <= names else "zip"
    if head.lstrip(b"\xef\xbb\xbf \r\n").startswith(b"<") and ".xls" in file.suffixes:
        raise BadInput(file=str(file), rule="a web page named .xls: save it as .xlsx or .csv")
    return "text"


def _member(file: Path, stream: BinaryIO, stack: ExitStack) -> BinaryIO:
    """Open the one file in a .zip; folders and the Mac's own files do not count."""
    archive = stack.enter_context(zipfile.ZipFile(stream))
    files = [
        each
        for each in archive.infolist()
        if not each.is_dir()
        and not each.filename.startswith("__MACOSX/")
        and not each.filename.endswith((".DS_Store", "Thumbs.db"))
    ]
    if len(files) != 1:
        names = ", ".join(repr(each.filename) for each in files[:20]) or "none"
        rule = f"a .zip must hold one table file; it holds {names}: unpack it"
        raise BadInput(file=str(file), rule=rule)
    if files[0].flag_bits & 1:
        raise BadInput(file=str(file), rule="the .zip has a password: unpack it first")
    return cast(BinaryIO, stack.enter_context(archive.open(files[0])))
