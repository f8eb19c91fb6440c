"""The same orders in any spelling are the same tables."""

import csv as delimited
import datetime
import gzip
import io
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from features.datasets import csv
from features.datasets.mapping import ShopMapping

BERLIN = ZoneInfo("Europe/Berlin")
CUSTOMERS = (None, "c1", "k 2", "Zoë", 'O; "Kim", Jr|')
PRODUCTS = ("0010", "10", "Crème brûlée", 'Cup, "large"; 2|')
EXCEL_START = datetime.datetime(1899, 12, 30)
TIME_FORMATS = (
    "ISO8601",
    "%d.%m.%Y %H:%M",
    "%H:%M %d-%m-%Y",
    "%m/%d/%Y %I:%M %p",
    "%Y-%m-%dT%H:%M:%S%z",
    "%Y-%m-%d %H:%M:%S %Z",
    "excel",
    "epoch_s",
    "epoch_ms",
)
ENCODINGS = {"utf-8": "utf-8", "utf-8-sig": "utf-8", "utf-16": "utf-16"}
ENCODINGS |= {name: name for name in ("cp1252", "gb18030", "utf-16-le", "latin-1")}
COLUMNS = ("Bon", "Kunde", "Artikel", "Menge", "Betrag", "Tag", "Zeit", "Notiz")
Row = dict[str, str]


@dataclass(frozen=True)
class Line:
    """A line of an order; its price in cents."""

    order: str
    customer: str | None
    at: datetime.datetime
    product: str
    quantity: int
    price: int


@dataclass(frozen=True)
class Spelling:
    """How the lines are written."""

    delimiter: str
    encoding: str
    decimal: str
    thousands: str
    sign: str
    time_format: str
    two_columns: bool
    total: bool
    quote_all: bool
    title_rows: int
    packed: bool


@st.composite
def orders(draw: st.DrawFn) -> list[Line]:
    """Some orders; a line may be there twice."""
    lines = []
    for number in range(draw(st.integers(1, 5))):
        customer = draw(st.sampled_from(CUSTOMERS))
        minute = draw(st.integers(0, 2 * 365 * 24 * 60))
        at = datetime.datetime(2023, 1, 1) + datetime.timedelta(minutes=minute)
        if at.hour in (1, 2, 3):  # the clock jumps
            at = at.replace(hour=12)
        for _ in range(draw(st.integers(1, 3))):
            product = draw(st.sampled_from(PRODUCTS))
            quantity = draw(st.sampled_from((1, 2, 3, 1200, -1)))
            price = draw(st.integers(1, 123_456_789))
            line = Line(f"{7 + number:04}", customer, at, product, quantity, price)
            lines += [line] * draw(st.sampled_from((1, 1, 2)))
    return lines


@st.composite
def spellings(draw: st.DrawFn) -> Spelling:
    decimal = draw(st.sampled_from(".,"))
    return Spelling(
        delimiter=draw(st.sampled_from(",;\t|")),
        encoding=draw(st.sampled_from(sorted(ENCODINGS))),
        decimal=decimal,
        thousands=draw(st.sampled_from(sorted({"", ".", ",", " ", "'"} - {decimal}))),
        sign=draw(st.sampled_from(("{}", "EUR {}", "{} EUR"))),
        time_format=draw(st.sampled_from(TIME_FORMATS)),
        two_columns=draw(st.booleans()),
        total=draw(st.booleans()),
        quote_all=draw(st.booleans()),
        title_rows=draw(st.sampled_from((0, 0, 2))),
        packed=draw(st.booleans()),
    )


def amount(cents: int, spelling: Spelling) -> str:
    text = f"{abs(cents) // 100:,}".replace(",", spelling.thousands)
    text = f"{'-' if cents < 0 else ''}{text}{spelling.decimal}{abs(cents) % 100:02}"
    return spelling.sign.format(text)


def written(at: datetime.datetime, time_format: str) -> str:
    """Return the local time `at` as `time_format` writes it."""
    aware = at.replace(tzinfo=BERLIN)
    match time_format:
        case "ISO8601":
            return at.isoformat(sep=" ")
        case "excel":
            return f"{(at - EXCEL_START) / datetime.timedelta(days=1):.9f}"
        case "epoch_s":
            return f"{aware.timestamp():.0f}"
        case "epoch_ms":
            return f"{aware.timestamp():.0f}000"
        case _:
            return aware.strftime(time_format)


def row(line: Line, spelling: Spelling) -> Row:
    time = written(line.at, spelling.time_format)
    day, _, clock = time.partition(" ") if spelling.two_columns else ("", "", time)
    cents = line.price * line.quantity if spelling.total else line.price
    return {
        "Bon": line.order,
        "Kunde": line.customer or "",
        "Artikel": line.product,
        "Menge": str(line.quantity),
        "Betrag": amount(cents, spelling),
        "Tag": day,
        "Zeit": clock,
        "Notiz": "two\nlines",
    }


def write(file: Path, rows: list[Row], columns: list[str], spelling: Spelling) -> Path:
    text = io.StringIO()
    text.write("Umsätze der Filiale\r\n" * spelling.title_rows)
    writer = delimited.DictWriter(
        text,
        columns,
        delimiter=spelling.delimiter,
        quoting=delimited.QUOTE_ALL if spelling.quote_all else delimited.QUOTE_MINIMAL,
    )
    writer.writeheader()
    writer.writerows(rows)
    content = text.getvalue().encode(spelling.encoding)
    file.write_bytes(gzip.compress(content, mtime=0) if spelling.packed else content)
    return file


def mapping(spelling: Spelling) -> ShopMapping:
    return ShopMapping.model_validate(
        {
            "timezone": "Europe/Berlin",
            "currency": "EUR",
            "delimiter": spelling.delimiter,
            "encoding": ENCODINGS[spelling.encoding],
            "decimal": spelling.decimal,
            "thousands": spelling.thousands,
            "header_row": 1 + spelling.title_rows,
            "time_format": spelling.time_format,
            "order_lines": {
                "order_id": "Bon",
                "customer_id": "Kunde",
                "product_id": "Artikel",
                "quantity": "Menge",
                "line_total" if spelling.total else "unit_price": "Betrag",
                "event_timestamp": ["Tag", "Zeit"] if spelling.two_columns else "Zeit",
            },
        }
    )


def expected(lines: list[Line]) -> list[tuple[Any, ...]]:
    return sorted(
        (
            line.order,
            line.customer or "",
            line.product,
            "sale" if line.quantity > 0 else "return",
            line.quantity,
            line.price,
            pd.Timestamp(line.at.replace(tzinfo=BERLIN).astimezone(datetime.UTC)),
        )
        for line in lines
    )


def found(table: pd.DataFrame) -> list[tuple[Any, ...]]:
    names = ["order_id", "customer_id", "product_id", "line_type", "quantity"]
    cents = (table["unit_price"] * 100).round().astype("int64")
    parts = [table[name] for name in names] + [cents, table["event_timestamp"]]
    columns = [part.fillna("") if part.name == "customer_id" else part for part in parts]
    return sorted(zip(*columns, strict=True))


@given(lines=orders(), spelling=spellings(), data=st.data())
@settings(max_examples=200, deadline=None, derandomize=True)
def test_any_spelling_is_read_as_the_same_orders(
    lines: list[Line], spelling: Spelling, data: st.DataObject
) -> None:
    if " " not in written(lines[0].at, spelling.time_format):
        spelling = replace(spelling, two_columns=False)
    rows = data.draw(st.permutations([row(line, spelling) for line in lines]))
    columns = data.draw(st.permutations(COLUMNS))
    first = rows[: data.draw(st.integers(0, len(rows) - 1))]
    with tempfile.TemporaryDirectory() as folder:
        ending = ".csv.gz" if spelling.packed else ".csv"
        second = [each for each in rows if each not in first]  # equal lines stay in one file
        parts = [part for part in ([each for each in rows if each in first], second) if part]
        files = [
            write(Path(folder) / f"{place} %20 [a]{ending}", part, columns, spelling)
            for place, part in enumerate(parts)
        ]
        dataset = csv.load(files, mapping(spelling))
    assert found(dataset.order_lines) == expected(lines)
    assert (dataset.read, sum(dataset.kept.values())) == (len(lines), len(lines))
    numbers = dataset.order_lines.groupby("order_id")["line_number"].apply(sorted)
    assert all(each == list(range(1, len(each) + 1)) for each in numbers)
