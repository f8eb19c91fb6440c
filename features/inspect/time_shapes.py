"""The shape of a cell with a time: its strptime format, but for the order of day and month."""

import re
from typing import Final, NamedTuple

_OFFSET: Final = re.compile(
    r"(?P<clock>\d:\d\d(?::\d\d(?:[.,]\d+)?)?)(?P<space> ?)(?:Z|[+-]\d\d:?(?:\d\d)?)$"
)
"""An offset follows a time of day: the year in `23:30 03-01-2024` is none."""
_ZONE: Final = re.compile(r"(?P<clock>[\dmM]) (?:UTC|GMT|[A-Z]{2,4}T)$")
_CLOCK: Final = re.compile(
    r"(?P<hour>\d{1,2}):\d\d(?P<second>:\d\d(?P<part>[.,]\d{1,9})?)?(?P<half>\s?[AaPp]\.?[Mm]\.?)?"
)
_CHINESE_CLOCK: Final = re.compile(r"\d{1,2}(?P<hour>[时時点])\d{1,2}分(?P<second>\d{1,2}秒)?")
_MONTH: Final = (
    r"(?P<word>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|January|February|March|April|June|"
    r"July|August|September|October|November|December)"
)
_YEAR_FIRST: Final = re.compile(r"(?<!\d)\d{4}(?P<mark>[-/.])\d{1,2}(?P=mark)\d{1,2}(?!\d)")
_YEAR_LAST: Final = re.compile(
    r"(?<!\d)(?P<a>\d{1,2})(?P<mark>[-/.])(?P<b>\d{1,2})(?P=mark)(?P<c>\d{4}|\d\d)(?!\d)"
)
_CHINESE_DATE: Final = re.compile(r"\d{4}年\d{1,2}月\d{1,2}日")
_DAY_WORD: Final = re.compile(
    rf"(?<!\d)\d{{1,2}}(?P<mark>[ ./-]{{1,2}}){_MONTH}(?P<end>[ ./,-]{{1,2}})"
    r"(?P<c>\d{4}|\d\d)(?!\d)",
    re.IGNORECASE,
)
_WORD_DAY: Final = re.compile(
    rf"{_MONTH}(?P<mark>\.? )\d{{1,2}}(?P<end>,? )(?P<c>\d{{4}})(?!\d)", re.IGNORECASE
)
_COMPACT: Final = (
    (re.compile(r"(?:19|20)\d\d[01]\d[0-3]\d[0-2]\d[0-5]\d[0-5]\d"), "%Y%m%d%H%M%S"),
    (re.compile(r"(?:19|20)\d\d[01]\d[0-3]\d[0-2]\d[0-5]\d"), "%Y%m%d%H%M"),
    (re.compile(r"(?:19|20)\d\d[01]\d[0-3]\d"), "%Y%m%d"),
    (re.compile(r"1\d{12}"), "epoch_ms"),
    (re.compile(r"1\d{9}"), "epoch_s"),
    (re.compile(r"[2-6]\d{4}(?:[.,]\d+)?"), "excel"),
)
_ISO: Final = re.compile(
    r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?$"
)
_WORDED: Final = (
    (_DAY_WORD, "%d{mark}{word}{end}{year}"),
    (_WORD_DAY, "{word}{mark}%d{end}{year}"),
)
DAY_MONTH: Final = "<day and month>"
"""In a format: two parts and a year, whose order the other cells must decide."""


class Shape(NamedTuple):
    """A cell's format; with `parts`, it holds DAY_MONTH for the three numbers of a date."""

    format: str
    parts: tuple[int, int, int] | None = None
    mark: str = ""
    short_year: bool = False
    has_date: bool = True
    has_clock: bool = False


def shape(cell: str) -> Shape | None:
    """Return the shape of a time in a cell; None if it is no time.

    >>> shape("2024-01-05 10:00:00").format, shape("2024/1/5 9:05").format
    ('ISO8601', '%Y/%m/%d %H:%M')
    >>> shape("23:30 03-01-2024")
    Shape(format='%H:%M <day and month>', parts=(3, 1, 2024), mark='-', short_year=False, \
has_date=True, has_clock=True)
    >>> shape("10 mugs") is None
    True
    """
    text = cell.strip()
    if _ISO.match(text):
        return Shape("ISO8601", has_clock=":" in text)
    for pattern, name in _COMPACT:
        if pattern.fullmatch(text):
            return Shape(name, has_clock=name != "%Y%m%d")
    rest, offset = text, ""
    if found := _OFFSET.search(text):
        rest, offset = text[: found.end("clock")], f"{found['space']}%z"
    elif found := _ZONE.search(text):
        rest, offset = text[: found.end("clock")], " %Z"
    rest, has_clock = _clock(rest)
    dated = _date(rest)
    if dated is None:
        return Shape(rest, has_date=False, has_clock=True) if has_clock and _bare(rest) else None
    if not _bare(dated.format):
        return None
    return dated._replace(format=dated.format + offset, has_clock=has_clock)


def _clock(text: str) -> tuple[str, bool]:
    """Return `text` with the strptime format of the time of day in its place."""
    found = _CLOCK.search(text)
    if found is not None:
        hour = "%I" if found["half"] else "%H"
        second = ":%S" if found["second"] else ""
        part = f"{found['part'][0]}%f" if found["part"] else ""
        half = (" " if (found["half"] or "")[:1].isspace() else "") + "%p" if found["half"] else ""
        return text[: found.start()] + f"{hour}:%M{second}{part}{half}" + text[found.end() :], True
    found = _CHINESE_CLOCK.search(text)
    if found is not None:
        second = "%S秒" if found["second"] else ""
        return (
            text[: found.start()] + f"%H{found['hour']}%M分{second}" + text[found.end() :],
            True,
        )
    return text, False


def _date(text: str) -> Shape | None:
    """Return the shape of `text` with the strptime format of the date in its place."""

    def put(found: re.Match[str], piece: str) -> str:
        return text[: found.start()] + piece + text[found.end() :]

    if found := _YEAR_FIRST.search(text):
        return Shape(put(found, "%Y{0}%m{0}%d".format(found["mark"])))
    if found := _CHINESE_DATE.search(text):
        return Shape(put(found, "%Y年%m月%d日"))
    if found := _YEAR_LAST.search(text):
        parts = int(found["a"]), int(found["b"]), int(found["c"])
        return Shape(put(found, DAY_MONTH), parts, found["mark"], len(found["c"]) == 2)
    for pattern, order in _WORDED:
        if found := pattern.search(text):
            word = "%b" if len(found["word"]) == 3 else "%B"
            year = "%y" if len(found["c"]) == 2 else "%Y"
            piece = order.format(mark=found["mark"], word=word, end=found["end"], year=year)
            return Shape(put(found, piece))
    return None


def _bare(template: str) -> bool:
    """Return whether nothing but marks, letters of no meaning and format codes remains."""
    rest = re.sub(r"%[A-Za-z]", "", template.replace(DAY_MONTH, ""))
    return re.fullmatch(r"(?:[\s,T./:年月日时時点分秒-]|Uhr|h|at|um|à)*", rest) is not None
