"""The shop's time zone: its cells may carry offsets or a zone's word, but never name it."""

import re
from collections.abc import Sequence
from typing import Final

import pandas as pd

from features.files.zone_words import offsets_of_words
from features.inspect.draft import Draft

_UTC: Final = "UTC"
_COMMON: Final = (
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Helsinki",
    "Europe/Moscow",
    "Europe/Istanbul",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Phoenix",
    "America/Halifax",
    "America/Mexico_City",
    "America/Bogota",
    "America/Sao_Paulo",
    "America/Santiago",
    "Asia/Dubai",
    "Asia/Kolkata",
    "Asia/Bangkok",
    "Asia/Shanghai",
    "Asia/Tokyo",
    "Australia/Brisbane",
    "Australia/Sydney",
    "Pacific/Auckland",
    "Africa/Johannesburg",
)
"""Zones that are proposed, one of each kind of clock."""
_OFFSET: Final = re.compile(r"(?:Z|[+-]\d\d:?(?:\d\d)?)$")
_LOOKED_AT: Final = 5_000
_EXAMPLES: Final = "such as Europe/Berlin or Asia/Shanghai"


def zone(cells: pd.Series, time_format: str, draft: Draft, given: str | None) -> None:
    """Write `timezone` into `draft`: as `given`, or a proposal and a question."""
    if given is not None:
        draft.put("timezone", given, "given as an option")
        return
    present = cells.dropna().drop_duplicates().head(_LOOKED_AT)
    iso = time_format == "ISO8601"
    if time_format in ("epoch_s", "epoch_ms"):
        likely, shown = _UTC, "the times count from 1970 and are UTC"
    elif "%z" in time_format or (iso and _all(present, rf":\d\d\S* ?{_OFFSET.pattern}")):
        offsets = present.str.extract(rf"({_OFFSET.pattern})")[0].unique()
        likely = _by_offsets(present, time_format)
        shown = f"the times carry the offsets {', '.join(map(str, offsets[:4]))}"
    elif "%Z" in time_format:
        words = list(map(str, present.str.extract(r"([A-Z]+)$")[0].dropna().unique()))
        likely, shown = _by_words(words), f"the times name their zone ({', '.join(words[:4])})"
    else:
        draft.note("timezone", "open: the times have no offset")
        draft.ask(
            "timezone",
            f"whose clock do the times show? Write `timezone:` and the shop's zone, {_EXAMPLES}",
        )
        return
    draft.put("timezone", likely, f"open: {shown}, but the shop's days need its zone")
    draft.ask(
        "timezone",
        f"{shown}; in which zone are the shop's days? {likely} fits: confirm, or write another, "
        f"{_EXAMPLES}",
    )


def _all(cells: pd.Series, pattern: str) -> bool:
    return bool(len(cells)) and bool(cells.str.contains(pattern).all())


def _by_offsets(cells: pd.Series, time_format: str) -> str:
    """Return the first common zone whose clocks had the cells' offsets at their times."""
    written = cells.astype(object)
    utc = pd.to_datetime(written, format=time_format, errors="coerce", utc=True)
    tail = cells.str.extract(rf"({_OFFSET.pattern})")[0].str.replace("Z", "+0000")
    sign = tail.str[0].map({"+": 1, "-": -1})
    digits = tail.str[1:].str.replace(":", "").str.pad(4, side="right", fillchar="0")
    hours, minutes = digits.str[:2].astype(float), digits.str[2:].astype(float)
    seconds = sign.astype(float) * (hours * 3600 + minutes * 60)
    for name in _COMMON:
        local = utc.dt.tz_convert(name).dt.tz_localize(None)
        shift = (local - utc.dt.tz_localize(None)).dt.total_seconds()
        if bool((shift == seconds).all()):
            return name
    return _UTC


def _by_words(words: Sequence[str]) -> str:
    """Return the first common zone whose clocks show all of `words`."""
    return next(
        (name for name in _COMMON if all(word in offsets_of_words(name) for word in words)),
        _UTC,
    )
