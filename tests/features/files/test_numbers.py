"""Numbers are read in the spelling that the mapping names, and in no other."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.loader import ConfigError, load_config
from features.files.numbers import NumberFormat, numbers
from features.schema import BadInput

PLAIN = NumberFormat()
POINTS = NumberFormat(decimal=",", thousands=".")
COMMAS = NumberFormat(thousands=",")


def read(
    *cells: str | None, spelling: NumberFormat = PLAIN, currency: str | None = "EUR"
) -> list[float]:
    column = pd.Series(cells, index=range(2, 2 + len(cells)), name="Preis", dtype="string[pyarrow]")
    read = numbers(column, file=Path("shop.csv"), spelling=spelling, currency=currency)
    assert str(read.dtype) == "float64"
    assert list(read.index) == list(column.index)
    return read.fillna(-99).tolist()


@pytest.mark.parametrize(
    ("cell", "spelling", "currency", "number"),
    [
        ("1e3", PLAIN, None, 1000),
        (".5", PLAIN, None, 0.5),
        ("5.", PLAIN, None, 5),
        ("+3", PLAIN, None, 3),
        ("\u00a012.50\u2009", PLAIN, None, 12.5),
        ("１２．５０", PLAIN, None, 12.5),
        ("－１２", PLAIN, None, -12),
        ("\u221212.50", PLAIN, None, -12.5),
        ("\u201312.50", PLAIN, None, -12.5),
        ("12.50-", PLAIN, None, -12.5),
        ("(12.50)", PLAIN, None, -12.5),
        ("（12.50）", PLAIN, None, -12.5),
        ("€12.50", PLAIN, "EUR", 12.5),
        ("-€ 12.50", PLAIN, "EUR", -12.5),
        ("€-12.50", PLAIN, "EUR", -12.5),
        ("(€12.50)", PLAIN, "EUR", -12.5),
        ("12.50 eur", PLAIN, "EUR", 12.5),
        ("$12.50 USD", PLAIN, "USD", 12.5),
        ("US$12.50", PLAIN, "USD", 12.5),
        ("￥12.50", PLAIN, "CNY", 12.5),
        ("12.50元", PLAIN, "CNY", 12.5),
        ("¥120", PLAIN, "JPY", 120),
        ("Rs. 1,23,456.00", COMMAS, "INR", 123456),
        ("Rs.50", PLAIN, "INR", 50),
        ("1,234.56", COMMAS, None, 1234.56),
        ("1234.56", COMMAS, None, 1234.56),
        ("12,345,678", COMMAS, None, 12345678),
        ("1.234,56 €", POINTS, "EUR", 1234.56),
        ("1.234", POINTS, None, 1234),
        ("1 234,5", NumberFormat(decimal=",", thousands=" "), None, 1234.5),
        ("1\u202f234,5", NumberFormat(decimal=",", thousands=" "), None, 1234.5),
        ("1'234.50", NumberFormat(thousands="'"), None, 1234.5),
        ("CHF 1’234.50", NumberFormat(thousands="'"), "CHF", 1234.5),
        ("-1,5", NumberFormat(decimal=","), None, -1.5),
    ],
)
def test_a_spelling_is_read(
    cell: str, spelling: NumberFormat, currency: str | None, number: float
) -> None:
    assert read("1", cell, None, " ", spelling=spelling, currency=currency) == [1, number, -99, -99]


@pytest.mark.parametrize(
    ("cell", "spelling", "rule"),
    [
        ("three", PLAIN, "a number"),
        ("nan", PLAIN, "a number"),
        ("inf", PLAIN, "a number"),
        ("0x1", PLAIN, "a number"),
        ("1_000", PLAIN, "a number"),
        ("12²", PLAIN, "a number: '²' is no sign of a currency"),
        ("1 2", PLAIN, "a number"),
        ("--1", PLAIN, "a number with one sign"),
        ("-1-", PLAIN, "a number with one sign"),
        ("(-1)", PLAIN, "a number with one sign"),
        ("1,5", PLAIN, 'a number; 1.5 with `decimal: ","`'),
        ("1,234.56", PLAIN, 'a number; 1234.56 with `thousands: ","`'),
        ("1.234,56", PLAIN, 'a number; 1234.56 with `decimal: ","` and `thousands: "."`'),
        (
            "1,234",
            PLAIN,
            'a number; 1234 with `thousands: ","`, or 1.234 with `decimal: ","`',
        ),
        ("1,23", COMMAS, 'a number; 1.23 with `decimal: ","`'),
        ("1,2345", COMMAS, 'a number; 1.2345 with `decimal: ","`'),
        ("1,234,56", COMMAS, "a number"),
        ("12,34.5", COMMAS, "a number"),
        (
            "1.234",
            NumberFormat(decimal=","),
            'a number; 1.234 with `decimal: "."`, or 1234 with `decimal: ","` and `thousands: "."`',
        ),
        ("1.234.5", POINTS, "a number"),
        ("$1", PLAIN, "a sum in EUR, the mapping's `currency`: '$' is a sign of USD or AUD or CAD"),
        ("1 GBP", PLAIN, "a sum in EUR, the mapping's `currency`: 'GBP' is a sign of GBP"),
        ("1 pcs", PLAIN, "a number: 'pcs' is no sign of a currency"),
        ("€.", PLAIN, "a number"),
    ],
)
def test_what_is_no_number_is_refused(cell: str, spelling: NumberFormat, rule: str) -> None:
    with pytest.raises(BadInput) as refused:
        read("1", None, cell, "also wrong", spelling=spelling)
    assert (refused.value.row, refused.value.value) == (4, cell)
    assert refused.value.rule.startswith(rule)
    assert refused.value.rule == rule or "USD" in rule


def test_a_count_has_no_currency() -> None:
    with pytest.raises(BadInput, match="a number without the currency sign '€'"):
        read("€1", currency=None)


def test_the_first_bad_row_is_named_though_a_later_word_is_worse() -> None:
    with pytest.raises(BadInput, match=r"row 3, .* value 'x'"):
        read("€5", "x", "€5", "y")


def test_numeric_columns_are_taken_as_they_are() -> None:
    given = pd.Series([1.5, None], dtype="Float64")
    assert numbers(given, file=Path("x"), spelling=POINTS).tolist()[0] == 1.5
    assert numbers(pd.Series([3]), file=Path("x"), spelling=POINTS).tolist() == [3.0]


def test_decimal_and_thousands_are_two_marks() -> None:
    with pytest.raises(ConfigError, match="two marks"):
        load_config(NumberFormat, overrides=["thousands=."])


@given(
    value=st.decimals(-(10**9), 10**9, places=2),
    marks=st.sampled_from([(".", ","), (",", "."), (",", " "), (".", "'"), (".", ""), (",", "")]),
    shape=st.sampled_from(["{}", "€{}", "{} €", "EUR {}", "\u00a0{}"]),
)
def test_any_sum_in_any_spelling_comes_back(
    value: float, marks: tuple[str, str], shape: str
) -> None:
    decimal, thousands = marks
    plain = f"{value:,.2f}".replace(",", "T").replace(".", decimal).replace("T", thousands)
    spelling = NumberFormat.model_validate({"decimal": decimal, "thousands": thousands})
    assert read(shape.format(plain), spelling=spelling) == [float(value)]
