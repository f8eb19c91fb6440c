"""Parse times: the format says whether they carry an offset, never what a date looks like."""

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from features.files.cells import refuse, text
from features.files.time_words import times_with_words, without_words
from features.schema import TIME, BadInput

MENDED_TIME: Final = "local time that the clock showed twice or never: moved to the later"
"""The name of the second result of `times` in an adapter's warnings."""
ISO: Final = "ISO8601"
_UNITS: Final = {"excel": 86_400_000_000, "epoch_s": 1_000_000, "epoch_ms": 1_000}  # microseconds
_EXCEL_START: Final = np.datetime64("1899-12-30", "us")  # of days from 1 March 1900 on
_EXCEL_DAYS: Final = (61, 2_958_466)  # 1900-03-01 to 9999-12-31
_LAST: Final = 7_258_118_400  # seconds since 1970: the year 2200
_OFFSET: Final = r"(?:\d:\d\d(?::\d\d(?:[.,]\d+)?)?|T\d{4,6}(?:\.\d+)?) ?(?:Z|[+-]\d\d(?::?\d\d)?)$"
_HOUR_OFFSET: Final = r"[T ]\d\d?(?:Z|[+-]\d\d(?::?\d\d)?)$"  # 10-05: an offset, or a day?


def times(
    column: pd.Series, *, timezone: str, file: Path, time_format: str = ISO
) -> tuple[pd.Series, int]:
    """Return `column` in UTC microseconds, and the number of corrected local times.

    `time_format` is a strptime format, "ISO8601", "excel" (days since 1899-12-30, wall-clock time),
    "epoch_s" or "epoch_ms" (since 1970, UTC). Times carry an offset if a strptime format has %z or
    %Z, or if an ISO time of day ends in Z, +hh:mm or a word; the words are UTC, GMT, Z and those
    that clocks in `timezone` show (CET, CEST). Other times are wall-clock times of `timezone`: one
    that the clock showed twice (autumn) becomes the later of the two, so that nothing is known too
    early; one that it skipped (spring) becomes the moment of the jump. %p reads 上午 and 下午 too.

    Raises BadInput at the first cell that is no such time, where a column mixes times with and
    without offset, and for a format that does not exist.

    >>> cells = pd.Series(["2024-07-05 10:00:00 CEST"])
    >>> times(cells, timezone="Europe/Berlin", file=Path("x.csv"))[0].iat[0]
    Timestamp('2024-07-05 08:00:00+0000', tz='UTC')
    """
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        parsed = column
    elif time_format in _UNITS:
        parsed = _from_numbers(column, file, time_format)
    elif time_format == ISO:
        parsed = _from_iso(column, timezone, file)
    else:
        parsed = _from_format(column, timezone, file, time_format)
    early = (parsed.dt.year < 1900).fillna(False).astype(bool)
    refuse(column, early, file=file, rule="a time from 1900 on: what stands for no time at all?")
    if parsed.dt.tz is not None:
        return parsed.dt.tz_convert("UTC").astype(TIME), 0
    plain = parsed.dt.tz_localize(timezone, ambiguous="NaT", nonexistent="NaT")
    mended = int((plain.isna() & parsed.notna()).sum())
    if mended:
        later = np.zeros(len(parsed), dtype=bool)  # not summer time: the second of the two
        plain = parsed.dt.tz_localize(timezone, ambiguous=later, nonexistent="shift_forward")
    return plain.dt.tz_convert("UTC").astype(TIME), mended


def _from_numbers(column: pd.Series, file: Path, time_format: str) -> pd.Series:
    """Return Excel's days as wall-clock times, or seconds or milliseconds since 1970 as UTC."""
    cells = column if pd.api.types.is_numeric_dtype(column.dtype) else text(column)
    count = pd.to_numeric(cells.astype(object), errors="coerce").astype("float64")
    low, high = _EXCEL_DAYS if time_format == "excel" else (0, _LAST * 1e6 / _UNITS[time_format])
    rule = {
        "excel": "a number of days (`time_format: excel`) from 61, 1 March 1900, on",
        "epoch_s": "seconds since 1970 (`time_format: epoch_s`), before 2200; else `epoch_ms`",
        "epoch_ms": "milliseconds since 1970 (`time_format: epoch_ms`), before 2200",
    }[time_format]
    refuse(column, cells.notna() & ~((count >= low) & (count < high)), file=file, rule=rule)
    step = 1_000 if time_format == "excel" else 1  # Excel's fractions are exact to a millisecond
    ticks = np.rint(count.fillna(0).to_numpy() * (_UNITS[time_format] / step)).astype("int64")
    moments = ticks * step
    if time_format == "excel":
        moments = moments + _EXCEL_START.astype("int64")
    parsed = pd.Series(moments.astype("datetime64[us]"), index=column.index, name=column.name)
    parsed = parsed.mask(count.isna())
    return parsed if time_format == "excel" else parsed.dt.tz_localize("UTC")


def _from_iso(column: pd.Series, timezone: str, file: Path) -> pd.Series:
    cells, words = without_words(text(column), ISO)
    present = cells.notna()
    rule = 'a time like 2011-12-09 12:50:00; else write time_format, such as "%d.%m.%Y %H:%M"'
    worded = words.notna().to_numpy()
    refuse(column, _matches(cells, r"^\d{4}(?:-?\d\d)?$"), file=file, rule=f"{rule}, with a day")
    unclear = _matches(cells, _HOUR_OFFSET)
    refuse(column, unclear, file=file, rule=f"{rule}; an offset needs hours and minutes before it")
    offset = _matches(cells, _OFFSET) | worded
    aware = bool(offset[present].iloc[0]) if present.any() else False
    mixed = "times with and without a UTC offset are mixed in one column"
    refuse(column, (offset != aware) & present, file=file, rule=mixed)
    if worded.any():
        refuse(column, present & ~worded, file=file, rule="a zone's word, as in the other rows")
        refuse(column, _matches(cells, _OFFSET), file=file, rule=f"{rule}, with one offset")
    parsed = _parsed(column, cells, file, ISO, aware=aware and not worded.any(), rule=rule)
    if worded.any():
        return times_with_words(column, parsed, words, timezone=timezone, file=file)
    return parsed


def _from_format(column: pd.Series, timezone: str, file: Path, time_format: str) -> pd.Series:
    rule = f"a time like {time_format}"
    cells = text(column)
    if "%p" in time_format:
        cells = cells.str.replace("上午", "AM", regex=False).str.replace("下午", "PM", regex=False)
    if "%Z" not in time_format:
        aware = "%z" in time_format
        return _parsed(column, cells, file, time_format, aware=aware, rule=rule)
    if "%z" in time_format:
        raise BadInput(file=str(file), rule=f"time_format {time_format!r} has both %z and %Z")
    cells, words = without_words(cells, time_format)
    refuse(column, words.isna() & cells.notna(), file=file, rule=f"{rule}, with a zone's word")
    wall_format = " ".join(time_format.replace("%Z", "").split())
    parsed = _parsed(column, cells, file, wall_format, aware=False, rule=rule)
    return times_with_words(column, parsed, words, timezone=timezone, file=file)


def _parsed(
    column: pd.Series, cells: pd.Series, file: Path, time_format: str, *, aware: bool, rule: str
) -> pd.Series:
    try:
        parsed = pd.to_datetime(
            cells.astype(object), format=time_format, errors="coerce", utc=aware
        )
    except ValueError as error:  # such as: 'Q' is a bad directive
        raise BadInput(file=str(file), rule=f"time_format {time_format!r}: {error}") from error
    refuse(column, parsed.isna() & cells.notna(), file=file, rule=rule)
    return parsed


def _matches(cells: pd.Series, pattern: str) -> pd.Series:
    return cells.str.contains(pattern).fillna(False).astype(bool)
