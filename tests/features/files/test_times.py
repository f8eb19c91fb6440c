"""Times become UTC; whether they carry an offset is what their format says."""

from pathlib import Path

import pandas as pd
import pytest

from features.files.times import times
from features.schema import BadInput


def read(
    *cells: object, time_format: str = "ISO8601", timezone: str = "Europe/Berlin"
) -> tuple[list[str], int]:
    dtype = "string[pyarrow]" if any(isinstance(cell, str) for cell in cells) else None
    column = pd.Series(cells, index=range(2, 2 + len(cells)), name="Zeit", dtype=dtype)
    read, mended = times(column, timezone=timezone, file=Path("x.csv"), time_format=time_format)
    assert (str(read.dtype), read.name) == ("datetime64[us, UTC]", "Zeit")
    assert list(read.index) == list(column.index)
    return [str(moment).removesuffix("+00:00") for moment in read], mended


@pytest.mark.parametrize(
    ("cell", "time_format", "utc"),
    [
        ("2024-01-05 10:00", "ISO8601", "2024-01-05 09:00:00"),
        ("2024-07-05T10:00:00.5", "ISO8601", "2024-07-05 08:00:00.500000"),
        ("2024-01-05", "ISO8601", "2024-01-04 23:00:00"),
        ("2024/01/05 09:39:28", "ISO8601", "2024-01-05 08:39:28"),
        ("2024-01-05T10:00:00Z", "ISO8601", "2024-01-05 10:00:00"),
        ("20240105T100000Z", "ISO8601", "2024-01-05 10:00:00"),
        ("2024-01-05T10:00:00.123+02:00", "ISO8601", "2024-01-05 08:00:00.123000"),
        ("2024-01-05 10:00:00 +0200", "ISO8601", "2024-01-05 08:00:00"),
        ("2024-01-05 10:00-05", "ISO8601", "2024-01-05 15:00:00"),
        ("2024-01-05 10:00:00 UTC", "ISO8601", "2024-01-05 10:00:00"),
        ("2024-01-05 10:00:00 Z", "ISO8601", "2024-01-05 10:00:00"),
        ("2024-01-05 10:00:00 CET", "ISO8601", "2024-01-05 09:00:00"),
        ("2024-07-05 10:00 CEST", "ISO8601", "2024-07-05 08:00:00"),
        ("23:30 03-01-2024", "%H:%M %d-%m-%Y", "2024-01-03 22:30:00"),
        ("7/1/2024 8:26", "%m/%d/%Y %H:%M", "2024-07-01 06:26:00"),
        ("05.01.2024 10:00 +0100", "%d.%m.%Y %H:%M %z", "2024-01-05 09:00:00"),
        ("2024-01-05 10:00 UTC", "%Y-%m-%d %H:%M %Z", "2024-01-05 10:00:00"),
        ("2024-01-05 10:00 GMT", "%Y-%m-%d %H:%M %Z", "2024-01-05 10:00:00"),
        ("2024-01-05 10:00cet", "%Y-%m-%d %H:%M%Z", "2024-01-05 09:00:00"),
        ("Fri Jan  5 10:00:00 CET 2024", "%a %b %d %H:%M:%S %Z %Y", "2024-01-05 09:00:00"),
        ("2024年1月5日 14:03", "%Y年%m月%d日 %H:%M", "2024-01-05 13:03:00"),
        ("2024/1/5 下午 2:03", "%Y/%m/%d %p %I:%M", "2024-01-05 13:03:00"),
        ("2024/1/5 上午 12:03", "%Y/%m/%d %p %I:%M", "2024-01-04 23:03:00"),
        ("1/5/2024 2:03 pm", "%m/%d/%Y %I:%M %p", "2024-01-05 13:03:00"),
        ("45296.41666666666", "excel", "2024-01-05 09:00:00"),
        ("45296", "excel", "2024-01-04 23:00:00"),
        ("36526", "excel", "1999-12-31 23:00:00"),
        ("1704448800", "epoch_s", "2024-01-05 10:00:00"),
        ("1704448800.25", "epoch_s", "2024-01-05 10:00:00.250000"),
        ("1704448800123", "epoch_ms", "2024-01-05 10:00:00.123000"),
    ],
)
def test_a_time_is_read(cell: str, time_format: str, utc: str) -> None:
    assert read(cell, None, " ", time_format=time_format) == ([utc, "NaT", "NaT"], 0)


def test_numeric_columns_of_serial_days_and_epochs() -> None:
    assert read(45296.5, None, time_format="excel")[0] == ["2024-01-05 11:00:00", "NaT"]
    assert read(1704448800, time_format="epoch_s")[0] == ["2024-01-05 10:00:00"]


def test_typed_times_need_no_format() -> None:
    assert read(pd.Timestamp("2024-01-05 10:00"))[0] == ["2024-01-05 09:00:00"]
    assert read(pd.Timestamp("2024-01-05 10:00+02:00"))[0] == ["2024-01-05 08:00:00"]


def test_a_date_that_looks_like_an_offset_is_none() -> None:
    cells = ("23:30 03-01-2024", "22:10 03-07-2024")
    read_times = read(*cells, time_format="%H:%M %d-%m-%Y", timezone="America/New_York")
    assert read_times == (["2024-01-04 04:30:00", "2024-07-04 02:10:00"], 0)


def test_local_times_that_the_clock_showed_twice_or_never_move_to_the_later() -> None:
    cells = ("2011-10-30 01:30:00", "2011-03-27 01:30:00", "2011-03-27 02:30:00")
    assert read(*cells, timezone="Europe/London") == (
        ["2011-10-30 01:30:00", "2011-03-27 01:00:00", "2011-03-27 01:30:00"],
        2,
    )
    assert read("2024-10-27 02:30", "2024-10-27 02:30", time_format="%Y-%m-%d %H:%M")[1] == 2
    serial = ("45592.104166666664",)  # 2024-10-27 02:30
    assert read(*serial, time_format="excel") == (["2024-10-27 01:30:00"], 1)


def test_words_tell_the_two_hours_of_autumn_apart() -> None:
    cells = ("2024-10-27 02:30 CEST", "2024-10-27 02:30 CET", "2024-10-27 02:30 UTC")
    utc = ["2024-10-27 00:30:00", "2024-10-27 01:30:00", "2024-10-27 02:30:00"]
    assert read(*cells) == read(*cells, time_format="%Y-%m-%d %H:%M %Z") == (utc, 0)


def test_a_word_means_what_it_meant_at_that_time() -> None:
    """Moscow's clocks were four hours ahead from 2011 to 2014, three before and after."""
    cells = ("2012-07-01 10:00 MSK", "2024-07-01 10:00 MSK")
    assert read(*cells, timezone="Europe/Moscow")[0] == [
        "2012-07-01 06:00:00",
        "2024-07-01 07:00:00",
    ]


LIKE = 'a time like 2011-12-09 12:50:00; else write time_format, such as "%d.%m.%Y %H:%M"'
MIXED = "times with and without a UTC offset are mixed in one column"
WORDS = (
    "a time whose zone is one of CEST, CET, GMT, UTC, Z (clocks in Europe/Berlin); "
    "others need an offset, %z"
)


@pytest.mark.parametrize(
    ("cells", "time_format", "row", "rule"),
    [
        (("2011-07-01 08:26", None, "2011-07-01 08:26Z"), "ISO8601", 4, MIXED),
        (("2011-07-01 08:26+01:00", "2011-07-01 08:26"), "ISO8601", 3, MIXED),
        (("2011-07-01 08:26 UTC", "2011-07-01 08:26"), "ISO8601", 3, MIXED),
        (("2011-07-01", "31/12/2011 08:26"), "ISO8601", 3, LIKE),
        (("23:30 03-01-2024",), "ISO8601", 2, LIKE),
        (("2024-01-05 10:00:00 PST",), "ISO8601", 2, WORDS),
        (("2024-01-05 10:00 EST",), "%Y-%m-%d %H:%M %Z", 2, WORDS),
        (
            ("2024-07-05 10:00 CET",),
            "ISO8601",
            2,
            "a time with the word that clocks in Europe/Berlin show then",
        ),
        (
            ("2024-01-05 10:00",),
            "%Y-%m-%d %H:%M %Z",
            2,
            "a time like %Y-%m-%d %H:%M %Z, with a zone's word",
        ),
        (
            ("2024-01-05 10-05",),
            "ISO8601",
            2,
            f"{LIKE}; an offset needs hours and minutes before it",
        ),
        (("2024-01-05 10:00",), "%Y-%m-%d %H:%M %z", 2, "a time like %Y-%m-%d %H:%M %z"),
        (("13/01/2024",), "%m/%d/%Y", 2, "a time like %m/%d/%Y"),
        (
            ("60",),
            "excel",
            2,
            "a number of days (`time_format: excel`) from 61, 1 March 1900, on",
        ),
        (
            ("1704448800123",),
            "epoch_s",
            2,
            "seconds since 1970 (`time_format: epoch_s`), before 2200; else `epoch_ms`",
        ),
        (
            ("yesterday",),
            "epoch_ms",
            2,
            "milliseconds since 1970 (`time_format: epoch_ms`), before 2200",
        ),
    ],
)
def test_what_is_no_time_is_refused(
    cells: tuple[str | None, ...], time_format: str, row: int, rule: str
) -> None:
    with pytest.raises(BadInput) as refused:
        read(*cells, time_format=time_format)
    assert (refused.value.row, refused.value.rule) == (row, rule)


@pytest.mark.parametrize("time_format", ["%Y-%Q", "%z %Z"])
def test_a_format_that_does_not_exist_is_refused(time_format: str) -> None:
    with pytest.raises(BadInput, match=f"time_format '{time_format}'"):
        read("2024-01-05", time_format=time_format)
