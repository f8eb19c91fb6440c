import pandas as pd
import pytest

from features.inspect.time_formats import time_format


def _column(*cells: str) -> pd.Series:
    return pd.Series(cells, index=range(2, 2 + len(cells)), dtype="string[pyarrow]")


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2024-01-05", "ISO8601"),
        ("2024-01-05T10:00:00Z", "ISO8601"),
        ("2024-02-03 10:00:00 +0100", "%Y-%m-%d %H:%M:%S %z"),
        ("2024-01-05 10:00:00 CET", "%Y-%m-%d %H:%M:%S %Z"),
        ("23:30 23-01-2024", "%H:%M %d-%m-%Y"),
        ("13.01.84 10:15", "%d.%m.%y %H:%M"),
        ("1/25/2024 3:15:20PM", "%m/%d/%Y %I:%M:%S%p"),
        ("05 January 2024 10:15", "%d %B %Y %H:%M"),
        ("Jan 5, 2024, 10:15 AM", "%b %d, %Y, %I:%M %p"),
        ("2024年1月5日 10时15分", "%Y年%m月%d日 %H时%M分"),
        ("20240105", "%Y%m%d"),
        ("1704449700", "epoch_s"),
        ("1704449700000", "epoch_ms"),
        ("45296.427083", "excel"),
    ],
)
def test_the_format_follows_from_one_clear_cell(cell: str, expected: str) -> None:
    found = time_format(_column(cell))
    assert found is not None
    assert (found.format, found.question) == (expected, None)


def test_the_row_that_decides_is_named() -> None:
    found = time_format(_column("1/2/2024", "1/31/2024"))
    assert found is not None
    assert "'1/31/2024' in row 3 is not day first" in found.reason


def test_contradicting_dates_are_asked() -> None:
    found = time_format(_column("13/1/2024", "1/31/2024"))
    assert found is not None
    assert found.question is not None
    assert "contradict" in found.question


def test_two_formats_in_one_column_are_asked() -> None:
    found = time_format(_column("2024/01/13 10:00", "2024/01/13 10:00:01"))
    assert found is not None
    assert "row 3" in str(found.question)


def test_a_short_year_is_asked_where_it_may_be_a_day() -> None:
    found = time_format(_column("05/01/24", "06/02/24"))
    assert found is not None
    assert found.question is not None
    assert "year first" in found.question


@pytest.mark.parametrize("cell", ["mug", "3.5.2", "12.50", "1999"])
def test_no_time(cell: str) -> None:
    assert time_format(_column(cell)) is None
