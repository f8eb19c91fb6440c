"""Exports whose times are read wrong if their format is guessed."""

from pathlib import Path

import pytest

from tests.features.datasets.exports.export import export, numbers, quoted, times
from tests.features.datasets.exports.shops import HEADER, ORDINARY

DUTCH_HEADER = "bon,klant,artikel,aantal,prijs,tijd\n"
DUTCH = """
timezone: America/New_York
currency: USD
time_format: '%H:%M %d-%m-%Y'
order_lines:
  order_id: bon
  customer_id: klant
  product_id: artikel
  quantity: aantal
  unit_price: prijs
  event_timestamp: tijd
"""
WORDED = "%Y-%m-%d %H:%M:%S %Z"


def time_format(value: str) -> str:
    return quoted(f"time_format={value}")


def rows_at(*cells: str) -> str:
    return "".join(f"{number},c,A,1,5,{cell}\n" for number, cell in enumerate(cells, start=1))


def test_a_date_at_the_end_is_no_offset(tmp_path: Path) -> None:  # B07
    rows = rows_at("23:30 03-01-2024", "22:10 03-07-2024")
    shop = export(tmp_path, rows, header=DUTCH_HEADER, mapping=DUTCH)
    assert times(shop.load()) == ["2024-01-04 04:30:00", "2024-07-04 02:10:00"]
    assert "row 2, column 'tijd', value '23:30 03-01-2024'" in shop.refusal("time_format=ISO8601")


@pytest.mark.parametrize(
    ("cell", "written", "utc"),
    [
        ("03.01.2024 23:30", "%d.%m.%Y %H:%M", "2024-01-04 04:30:00"),
        ("23:30 03-01-24", "%H:%M %d-%m-%y", "2024-01-04 04:30:00"),
        ("03-01-2024 -0500", "%d-%m-%Y %z", "2024-01-03 05:00:00"),
        ("03-07-2024 -0500", "%d-%m-%Y %z", "2024-07-03 05:00:00"),
        ("2024-01-03 23:30-05", "ISO8601", "2024-01-04 04:30:00"),
        ("20240103T233000-0500", "ISO8601", "2024-01-04 04:30:00"),
    ],
)
def test_other_formats(tmp_path: Path, cell: str, written: str, utc: str) -> None:
    shop = export(tmp_path, rows_at(cell), header=DUTCH_HEADER, mapping=DUTCH)
    assert "a time like %H:%M %d-%m-%Y" in shop.refusal()
    assert times(shop.load(time_format(written))) == [utc]


@pytest.mark.parametrize("cell", ["03-01-2024 -0500", "2024-01-03-0500", "2024-01-03T23-05"])
def test_a_date_with_an_offset_is_refused_as_iso(tmp_path: Path, cell: str) -> None:
    shop = export(tmp_path, rows_at(cell), header=DUTCH_HEADER, mapping=DUTCH)
    assert f"row 2, column 'tijd', value {cell!r}" in shop.refusal("time_format=ISO8601")


@pytest.mark.parametrize(
    ("cell", "written", "zone", "utc"),
    [
        ("2024-01-05 10:00:00 UTC", "ISO8601", "Europe/Berlin", "2024-01-05 10:00:00"),  # B20
        ("2024-01-05 10:00:00 UTC", WORDED, "Europe/Berlin", "2024-01-05 10:00:00"),
        ("2024-01-05 10:00:00 CET", WORDED, "Europe/Berlin", "2024-01-05 09:00:00"),
        ("2024-07-05 10:00:00 CEST", WORDED, "Europe/Berlin", "2024-07-05 08:00:00"),
        ("2024-01-05 10:00:00 GMT", "ISO8601", "Europe/Berlin", "2024-01-05 10:00:00"),
        ("2024-01-05 10:00:00 PST", WORDED, "America/Los_Angeles", "2024-01-05 18:00:00"),
        ("2024-07-05 10:00:00 PDT", WORDED, "America/Los_Angeles", "2024-07-05 17:00:00"),
        ("2024-01-05 10:00:00 +0000 UTC", "%Y-%m-%d %H:%M:%S %z UTC", "Asia/Tokyo", None),
        ("Fri Jan 05 2024 11:00:00 GMT+0100", "%a %b %d %Y %H:%M:%S GMT%z", "Asia/Tokyo", None),
    ],
)
def test_zones_by_word(tmp_path: Path, cell: str, written: str, zone: str, utc: str | None) -> None:
    options = [time_format(written), f"timezone={zone}"]
    dataset = export(tmp_path, rows_at(cell)).load(*options)
    assert times(dataset) == [utc or "2024-01-05 10:00:00"]


@pytest.mark.parametrize(
    ("cell", "written", "rule"),
    [
        ("2024-01-05 10:00:00 PST", WORDED, "one of CEST, CET, GMT, UTC, Z"),
        ("2024-07-05 10:00:00 CET", WORDED, "the word that clocks in Europe/Berlin show then"),
        ("2024-01-05 10:00:00 +0000 UTC", "ISO8601", "with one offset"),
        ("2024-01-05 10:00:00 GMT+1", WORDED, "with a zone's word"),
    ],
)
def test_words_that_are_not_clear(tmp_path: Path, cell: str, written: str, rule: str) -> None:
    message = export(tmp_path, rows_at(cell)).refusal(time_format(written))
    assert f"row 2, column 'date', value {cell!r}" in message
    assert rule in message


@pytest.mark.parametrize(
    ("cell", "written", "better"),
    [
        ("2024-01-05T10:00:00Z", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S%z"),
        ("2024-01-05 10:00:00 UTC", "%Y-%m-%d %H:%M:%S UTC", WORDED),
        ("2024-01-05 11:00:00 +0100", "%Y-%m-%d %H:%M:%S +0100", "%Y-%m-%d %H:%M:%S %z"),
    ],
)
def test_a_format_that_drops_the_zone(tmp_path: Path, cell: str, written: str, better: str) -> None:
    shop = export(tmp_path, rows_at(cell))
    message = shop.refusal(time_format(written))
    assert "write %Z in its place, or %z" in message
    assert times(shop.load(time_format(better))) == ["2024-01-05 10:00:00"]


@pytest.mark.parametrize(
    ("cells", "utc"),
    [
        (["1970-01-01 00:00:00"], "1969-12-31 23:00:00"),  # B23
        (["1900-01-01", "2024-02-05 10:00:00"], "1899-12-31 23:07:00"),
        (["1980-01-01 12:00:00", "2024-02-05 10:00:00"], "1980-01-01 11:00:00"),
    ],
)
def test_one_row_of_long_ago_is_a_doubt(tmp_path: Path, cells: list[str], utc: str) -> None:
    shop = export(tmp_path, rows_at(*cells, "2024-01-05 10:00:00"))
    assert min(times(shop.load())) == utc
    way_on = shop.doubts()["first_order_long_before"]
    assert "where" in way_on
    dataset = shop.load(f'where={{date: {{leave_out: ["{cells[0]}"]}}}}')
    assert min(times(dataset)) == "2024-01-05 09:00:00"
    assert dataset.dropped["where: date"] == 1


def test_a_zero_among_seconds_is_a_doubt(tmp_path: Path) -> None:
    shop = export(tmp_path, rows_at("0", "1704445200"), mapping=ORDINARY + "time_format: epoch_s\n")
    assert times(shop.load()) == ["1970-01-01 00:00:00", "2024-01-05 09:00:00"]
    assert "first_order_long_before" in shop.doubts()
    assert times(shop.load('where={date: {leave_out: ["0"]}}')) == ["2024-01-05 09:00:00"]


@pytest.mark.parametrize("cell", ["0000-00-00 00:00:00", "0001-01-01 00:00:00"])
def test_a_time_of_no_day_is_refused(tmp_path: Path, cell: str) -> None:
    shop = export(tmp_path, rows_at(cell, "2024-01-05 10:00:00"))
    assert f"row 2, column 'date', value {cell!r}" in shop.refusal()
    words = f'missing=["{cell}"]'
    assert 'where: {date: {leave_out: [""]}}' in shop.refusal(words)
    assert numbers(shop.load(words, 'where={date: {leave_out: [""]}}')) == (1, 1, 0, 1, 5)


def test_the_time_of_day_in_another_column(tmp_path: Path) -> None:  # B32
    shop = export(tmp_path, "1,c,A,1,5,2024-01-05,10:15\n", header=f"{HEADER.strip()},time\n")
    message = shop.refusal()
    assert "event_timestamp: [date, time]" in message
    assert "unused: [time]" in message
    columns = "order_lines.event_timestamp=[date, time]"
    assert times(shop.load(columns, time_format("%Y-%m-%d %H:%M"))) == ["2024-01-05 09:15:00"]
    assert times(shop.load("unused=[time]")) == ["2024-01-04 23:00:00"]


def test_hour_and_minute_in_columns_of_their_own(tmp_path: Path) -> None:
    header = f"{HEADER.strip()},Hour,Minute\n"
    shop = export(tmp_path, "1,c,A,1,5,2024-01-05,10,15\n", header=header)
    assert "event_timestamp: [date, Hour" in shop.refusal()
    columns = "order_lines.event_timestamp=[date, Hour, Minute]"
    assert times(shop.load(columns, time_format("%Y-%m-%d %H %M"))) == ["2024-01-05 09:15:00"]


def test_year_month_and_day_in_columns_of_their_own(tmp_path: Path) -> None:
    header = HEADER.replace("date", "year,month,day")
    shop = export(tmp_path, "1,c,A,1,5,2024,1,5\n", header=header)
    columns = "order_lines.event_timestamp=[year, month, day]"
    assert times(shop.load(columns, time_format("%Y %m %d"))) == ["2024-01-04 23:00:00"]
