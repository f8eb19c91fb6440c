"""Parse numbers as shops' files write them: decimal and thousands marks, signs, currencies."""

import re
from functools import cache
from pathlib import Path
from typing import Final, Literal, Self

import numpy as np
import pandas as pd
import pydantic

from configs.loader import Config
from features.files.cells import refuse, text
from features.files.currencies import SIGNS, currencies_of

Decimal = Literal[".", ","]
Thousands = Literal["", ".", ",", " ", "'"]
_FULL_WIDTH: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_SAME: Final = str.maketrans(
    {
        **dict.fromkeys("\u00a0\u2007\u2009\u202f\u3000", " "),
        **dict.fromkeys("\u2212\u2013", "-"),
        "’": "'",
        "￥": "¥",
        "￦": "₩",
        "￡": "£",
    }
)
_DOTTED: Final = "|".join(re.escape(sign) for sign in SIGNS if sign.endswith("."))
_SIGN: Final = rf"((?:{_DOTTED}|[^\d\s.,'+()-]+)?)"
_CELL: Final = re.compile(
    rf"([+-]?) *{_SIGN} *([+-]?) *((?:[\d.,'] ?)*\d[.,]?(?:[eE][+-]?\d+)?) *(-?) *{_SIGN} *(-?)"
)


class NumberFormat(Config):
    """The decimal and thousands marks of the numbers in a file."""

    decimal: Decimal = "."
    """The mark before the decimals."""
    thousands: Thousands = ""
    """The mark between groups of three digits; "" if numbers have none."""

    @pydantic.model_validator(mode="after")
    def _differ(self) -> Self:
        if self.decimal == self.thousands:
            raise ValueError("decimal and thousands are two marks")
        return self


def numbers(
    column: pd.Series, *, file: Path, spelling: NumberFormat, currency: str | None = None
) -> pd.Series:
    """Return `column` as float64, null where empty; a numeric column as it is.

    Always understood are spaces at the ends, full-width characters, all minus signs, a minus after
    the number, parentheses for a negative number, and before or after it the sign or ISO code of
    `currency`. Thousands are separated only by `spelling.thousands`, in whole groups. Raises
    BadInput at the first other cell, naming the option that would read it.

    >>> price = pd.Series(["3", "-1.234,5", "(2,50 €)"])
    >>> spelling = NumberFormat(decimal=",", thousands=".")
    >>> numbers(price, file=Path("x.csv"), spelling=spelling, currency="EUR").tolist()
    [3.0, -1234.5, -2.5]
    """
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.astype("float64")
    cells = text(column)
    plain = cells
    if spelling.decimal == ",":  # a cell with "." is read by `read_number`
        plain = cells.mask(cells.str.contains(".", regex=False).fillna(False).astype(bool))
        plain = plain.str.replace(",", ".", regex=False)
    parsed = pd.to_numeric(plain.astype(object), errors="coerce").astype("float64")
    parsed = parsed.mask(np.isinf(parsed))
    other = parsed.isna() & cells.notna()
    if not other.any():
        return parsed
    codes, words = pd.factorize(cells[other])
    values = np.full(len(words), np.nan)
    for place, word in enumerate(words):
        try:
            values[place] = read_number(word, spelling, currency)
        except ValueError as error:
            bad = pd.Series(False, index=column.index)
            bad.iloc[np.flatnonzero(other.to_numpy())[codes == place][0]] = True
            refuse(column, bad, file=file, rule=str(error))
    parsed[other] = values[codes]
    return parsed


def read_number(cell: str, spelling: NumberFormat, currency: str | None = None) -> float:
    """Return the number in `cell`, read as `numbers` does. Raises ValueError, naming the rule.

    >>> read_number("US$ 1,234.50-", NumberFormat(thousands=","), "USD")
    -1234.5
    """
    word = cell.translate(_FULL_WIDTH).translate(_SAME).strip(" \u200b\ufeff")
    in_parentheses = word.startswith("(") and word.endswith(")")
    match = _CELL.fullmatch(word[1:-1].strip() if in_parentheses else word)
    if match is None:
        raise ValueError("a number")
    first, before, second, digits, third, after, fourth = match.groups()
    signs = [sign for sign in (first, second, third, fourth) if sign]
    if len(signs) + in_parentheses > 1:
        raise ValueError("a number with one sign")
    for sign in filter(None, (before, after)):
        _require_currency(sign, currency)
    if not _pattern(spelling.decimal, spelling.thousands).fullmatch(digits):
        raise ValueError(f"a number{_way_on(digits)}")
    value = _value(digits, spelling.decimal)
    return -value if in_parentheses or signs == ["-"] else value


def _require_currency(sign: str, currency: str | None) -> None:
    meant = currencies_of(sign)
    if not meant:
        raise ValueError(f"a number: {sign!r} is no sign of a currency")
    if currency is None:
        raise ValueError(f"a number without the currency sign {sign!r}")
    if currency not in meant:
        rule = f"a sum in {currency}, the mapping's `currency`: {sign!r} is a sign of"
        raise ValueError(f"{rule} {' or '.join(meant)}")


@cache
def _pattern(decimal: str, thousands: str) -> re.Pattern[str]:
    """Return the pattern of a number without signs. With "," Indian groups are valid too."""
    mark = re.escape(thousands)
    whole = rf"\d+|\d{{1,3}}(?:{mark}\d{{3}})+" if thousands else r"\d+"
    if thousands == ",":
        whole += r"|\d{1,2}(?:,\d\d)+,\d{3}"
    point = re.escape(decimal)
    return re.compile(rf"(?:(?:{whole})(?:{point}\d*)?|{point}\d+)(?:[eE][+-]?\d+)?", re.ASCII)


def _value(digits: str, decimal: str) -> float:
    kept = re.sub(rf"[^\dEe+{re.escape(decimal)}-]", "", digits)
    return float(kept.replace(",", "."))


def _way_on(digits: str) -> str:
    """Return the options under which `digits` are a number, each with its value.

    >>> _way_on("1.234,56")
    '; 1234.56 with `decimal: ","` and `thousands: "."`'
    """
    ways = []
    for decimal, marks in ((".", ("", ",", " ", "'")), (",", ("", ".", " ", "'"))):
        fits = [mark for mark in marks if _pattern(decimal, mark).fullmatch(digits)]
        if fits:
            options = [f'`decimal: "{decimal}"`'] if decimal == "," or not fits[0] else []
            options += [f'`thousands: "{fits[0]}"`'] if fits[0] else []
            ways.append(f"{_value(digits, decimal):g} with {' and '.join(options)}")
    return f"; {', or '.join(ways)}" if ways else ""
