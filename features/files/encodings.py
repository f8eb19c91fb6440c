"""Find the encoding of delimited text, and say on what evidence."""

import codecs
import re
import unicodedata
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import charset_normalizer

from features.files.content import open_content
from features.files.delimited import byte_order_mark
from features.schema import BadInput

_SAMPLE: Final = 1 << 16  # bytes of lines that are not ASCII
_CHUNK: Final = 1 << 20
_CANDIDATES: Final = (  # of two that read the same, the first is named
    "cp1252",
    "cp1254",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1257",
    "gb18030",
    "big5",
    "cp932",
    "cp949",
    "euc_jp",
    "koi8_r",
    "cp850",
    "mac_roman",
)
_NAMES: Final = {"cp932": "shift_jis", "cp949": "euc_kr"}
"""Better known names, if they read the sample as well."""
_CLOSE: Final = 0.05  # difference of charset-normalizer's disorder that decides nothing


class Encoding(NamedTuple):
    """A file's encoding: its name, the evidence in words, and whether other ones are excluded."""

    name: str
    evidence: str
    certain: bool


def detect(file: Path) -> Encoding:
    """Return the encoding of the delimited text in `file`, which may be in a .gz or .zip.

    A byte order mark decides, then valid UTF-8 throughout, then the zero bytes of UTF-16; else
    charset-normalizer judges the first 64 KiB of lines that are not ASCII. Raises BadInput if the
    file is no text, or no encoding reads it.
    """
    with open_content(file) as content:
        if content.kind != "text":
            raise BadInput(file=str(file), rule=f"holds no text but {content.kind}")
        head = content.stream.read(_CHUNK)
        marked = byte_order_mark(head)
        if marked is not None:
            return Encoding(marked, "the file starts with its byte order mark", True)
        if b"\0" in head:
            return _utf_16(file, head)
        sample = _not_utf_8(content.stream, head)
    if sample is None:
        return Encoding("utf-8", "the whole file is valid UTF-8", True)
    return _legacy(file, sample)


def _utf_16(file: Path, head: bytes) -> Encoding:
    """Return the byte order whose high bytes are zero more often, as of digits and delimiters."""
    little = head[1::2].count(0) >= head[::2].count(0)
    name = "utf-16-le" if little else "utf-16-be"
    try:
        text = head[: len(head) // 2 * 2].decode(name)
    except UnicodeDecodeError as error:
        if len(head) < _CHUNK or error.start < _CHUNK - 4:
            raise BadInput(file=str(file), rule="is no text: it holds zero bytes") from error
        text = head[: error.start].decode(name)
    if any(unicodedata.category(letter) in ("Cn", "Cc") for letter in set(text) - set("\t\r\n")):
        raise BadInput(file=str(file), rule="is no text: it holds zero bytes")
    evidence = f"every other byte of digits and delimiters is zero; {_example(text)}"
    return Encoding(name, evidence, True)


def _not_utf_8(stream: BinaryIO, head: bytes) -> bytes | None:
    """Return the first lines that are not ASCII, at most 64 KiB; None if all is UTF-8."""
    decoder, valid = codecs.getincrementaldecoder("utf-8")(), True
    lines: list[bytes] = []
    size = 0
    chunk = head
    while chunk and (valid or size < _SAMPLE):
        chunk += stream.readline(_CHUNK)
        try:
            if valid:
                decoder.decode(chunk)
        except UnicodeDecodeError:
            valid = False
        for line in chunk.splitlines(keepends=True) if size < _SAMPLE else ():
            if not line.isascii() and size < _SAMPLE:
                lines.append(line[:_SAMPLE])
                size += len(lines[-1])
        chunk = stream.read(_CHUNK)
    try:
        if valid:
            decoder.decode(b"", final=True)
            return None
    except UnicodeDecodeError:
        pass
    return b"".join(lines)


def _legacy(file: Path, sample: bytes) -> Encoding:
    """Return the candidate that reads `sample` with the least disorder."""
    found = charset_normalizer.from_bytes(
        sample, cp_isolation=list(_CANDIDATES), preemptive_behaviour=False, threshold=0.5
    )
    disorder = {name: match.chaos for match in found for name in match.could_be_from_charset}
    if not disorder:
        raise BadInput(file=str(file), rule="is no text in any known encoding")
    close = [name for name in disorder if disorder[name] <= min(disorder.values()) + _CLOSE]
    texts = {name: sample.decode(name) for name in _CANDIDATES if name in close}
    name = min(
        texts,
        key=lambda each: (
            not _is_typical(texts[each], each),
            _oddities(texts[each]),
            _CANDIDATES.index(each),
        ),
    )
    others = [each for each in texts if texts[each] != texts[name]]
    evidence = f"not UTF-8; as {_known(name, sample)} it has {_example(texts[name])}"
    if others:
        evidence += f"; as {_known(others[0], sample)}: {_example(texts[others[0]])}"
    return Encoding(_known(name, sample), evidence, not others)


def _is_typical(text: str, encoding: str) -> bool:
    """Whether `text` is all frequent Chinese (GB 2312's first level), or a quarter Japanese kana.

    >>> _is_typical("散客", "gb18030"), _is_typical("黮", "gb18030")
    (True, False)
    """
    special = [letter for letter in text if not letter.isascii()]
    if encoding == "gb18030":
        return all(0xB0 <= letter.encode("gb18030")[0] <= 0xD7 for letter in special)
    kana = sum("\u3041" <= letter <= "\u30fe" for letter in special)
    return encoding == "cp932" and 4 * kana >= len(special)


def _oddities(text: str) -> float:
    """Return the share of odd ones among the characters that are not ASCII.

    Odd are symbols within words, and Icelandic letters, which Turkish text has as cp1252.

    >>> _oddities("m¹ka"), _oddities("mąka")
    (1.0, 0.0)
    """
    special = odd = 0
    for before, letter, after in zip(" " + text, text, text[1:] + " ", strict=False):
        if letter.isascii():
            continue
        special += 1
        in_word = before.isalpha() or after.isalpha()
        odd += (in_word and not letter.isalpha()) or letter in "þðÞÐ"
    return odd / max(special, 1)


def _known(name: str, sample: bytes) -> str:
    try:
        sample.decode(_NAMES.get(name, name))
    except UnicodeDecodeError:
        return name
    return _NAMES.get(name, name)


def _example(text: str) -> str:
    """Return the first words that are not ASCII, quoted."""
    words = [word for word in re.split(r"[\s,;|\t]+", text) if not word.isascii()]
    return " ".join(words[:4])[:60] or "only ASCII"
