"""The language of filters, read by recursive descent.

    filter    = all { "or" all }
    all       = condition { "and" condition }
    condition = "not" condition | "(" filter ")" | column test
    test      = ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) value
              | "in" "(" value { "," value } ")" | "is" ( "known" | "unknown" )

`spend_90d > 100 and (churn_probability >= 0.5 or category = "tea") and last_order is known`

A number is written 100, -0.5 or 1e3; a text in double quotes, with the escapes of JSON; a time as a
text, "2011-07-01" (the midnight that starts this local day) or "2011-07-01T09:00:00Z". Words of the
language may be in capitals; columns and texts are taken as they are. Columns of numbers and times
have an order; of texts only `=`, `!=` and `in`. What an unknown value means:
`training.segments.filters`.
"""

import difflib
import json
import math
import re
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, cast, get_args

import pandas as pd

from configs.errors import UserError
from features.times import read_day, read_time
from training.segments.filters import (
    OPERATORS,
    And,
    Compare,
    Filter,
    In,
    Kind,
    Known,
    Not,
    Operator,
    Or,
    Value,
)

MAX_LENGTH: Final = 4096
"""In characters, of a filter's text, and of its `str`."""
MAX_DEPTH: Final = 32
"""The most `(` and `not` that may be open at once."""
RESERVED: Final = frozenset({"and", "or", "not", "in", "is"})
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TOKEN: Final = re.compile(
    rf"""(?P<number>-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
    | (?P<text>"(?:[^"\\]|\\.)*")
    | (?P<word>{_NAME.pattern})
    | (?P<symbol><=|>=|!=|[=<>(),])
    | (?P<bad>".*|.)""",
    re.DOTALL | re.VERBOSE,
)
_SHOWN: Final = 40


class FilterError(UserError, ValueError):
    """A text is no filter; the message names the position, the text found, and what is expected."""

    def __init__(self, *, position: int, found: str, expected: str) -> None:
        shown = found if len(found) <= _SHOWN else found[: _SHOWN - 3] + "..."
        shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in shown)
        super().__init__(f"position {position}: found {shown or 'the end'}, expected {expected}")
        self.position, self.found, self.expected = position, found, expected
        """`position` counts characters from 1; `found` is empty at the end."""


class _Token(NamedTuple):
    kind: Literal["number", "text", "word", "symbol", "bad", "end"]
    text: str
    position: int

    def fault(self, expected: str) -> FilterError:
        return FilterError(position=self.position, found=self.text, expected=expected)


def parse(text: str, columns: Mapping[str, Kind], *, timezone: str = "UTC") -> Filter:
    """Return the filter written in `text`, of the given `columns`.

    `timezone` is the shop's: a time without a clock is its midnight. Raises FilterError, and
    ValueError for a column whose name the language cannot write, or of an unknown type.

    >>> columns: dict[str, Kind] = {"spend_90d": "number", "category": "text"}
    >>> print(parse('spend_90d>100 AND category in ("tea","coffee")', columns))
    spend_90d > 100 and category in ("tea", "coffee")
    >>> try:
    ...     parse("not spnd_90d > 100", columns)
    ... except FilterError as error:
    ...     print(error)
    position 5: found spnd_90d, expected a column; did you mean spend_90d?
    """
    for name, kind in columns.items():
        if not _NAME.fullmatch(name) or name.lower() in RESERVED or kind not in get_args(Kind):
            raise ValueError(f"columns = {name!r}: {kind!r}: no name and type of a column")
    if len(text) > MAX_LENGTH:
        raise FilterError(
            position=MAX_LENGTH + 1,
            found=text[MAX_LENGTH:],
            expected=f"at most {MAX_LENGTH:,} characters, not {len(text):,}",
        )
    parser = _Parser(_tokens(text), columns, timezone)
    parsed = parser.filter()
    if parser.next.kind != "end":
        raise parser.next.fault("and, or, or the end")
    if len(str(parsed)) > MAX_LENGTH:
        expected = f"a filter that is at most {MAX_LENGTH:,} characters long when written in full"
        raise FilterError(position=1, found=text, expected=expected)
    return parsed


def _tokens(text: str) -> list[_Token]:
    tokens, at = [], 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        match = _TOKEN.match(text, at)
        if match is None:  # the last alternative takes any character
            break
        kind = cast(Literal["number", "text", "word", "symbol", "bad"], match.lastgroup)
        tokens.append(_Token(kind, match[0], at + 1))
        at = match.end()
    return [*tokens, _Token("end", "", len(text) + 1)]


class _Parser:
    """Reads tokens from the first to the last; `next` is the one not read yet."""

    def __init__(self, tokens: list[_Token], columns: Mapping[str, Kind], timezone: str) -> None:
        self._tokens = iter(tokens)
        self._columns, self._timezone = columns, timezone
        self.next = next(self._tokens)
        self._depth = 0

    def filter(self) -> Filter:
        operands = [self._all()]
        while self._is("or"):
            self._read()
            operands.append(self._all())
        return operands[0] if len(operands) == 1 else Or(tuple(operands))

    def _all(self) -> Filter:
        operands = [self._condition()]
        while self._is("and"):
            self._read()
            operands.append(self._condition())
        return operands[0] if len(operands) == 1 else And(tuple(operands))

    def _condition(self) -> Filter:
        if not (self._is("not") or self._is("(")):
            return self._comparison()
        if self._depth == MAX_DEPTH:
            raise self.next.fault(f"at most {MAX_DEPTH} open ( and not")
        self._depth += 1
        if self._read().text == "(":
            inner = self.filter()
            self._expect(")", "and, or or )")
        else:
            inner = Not(self._condition())
        self._depth -= 1
        return inner

    def _comparison(self) -> Filter:
        column, kind = self._column()
        operators = OPERATORS[kind]
        token = self.next
        if token.text in operators:
            operator = cast(Operator, self._read().text)
            return Compare(column, kind, operator, self._value(kind))
        if self._is("in"):
            self._read()
            self._expect("(", "(")
            values = [self._value(kind)]
            while self._is(","):
                self._read()
                values.append(self._value(kind))
            self._expect(")", ", or )")
            return In(column, kind, tuple(values))
        if self._is("is"):
            self._read()
            if not (self._is("known") or self._is("unknown")):
                raise self.next.fault("known or unknown")
            return Known(column, kind, self._read().text.lower() == "known")
        raise token.fault(f"{', '.join(operators)}, in or is, after a column of type {kind}")

    def _column(self) -> tuple[str, Kind]:
        token = self.next
        if token.text in self._columns:
            return self._read().text, self._columns[token.text]
        if token.kind != "word" or token.text.lower() in RESERVED:
            raise token.fault("a column, not or (")
        by_lower = {name.lower(): name for name in self._columns}
        near = difflib.get_close_matches(token.text.lower(), by_lower, n=1)
        if near:
            raise token.fault(f"a column; did you mean {by_lower[near[0]]}?")
        raise token.fault(f"a column: one of {', '.join(sorted(self._columns)) or 'none'}")

    def _value(self, kind: Kind) -> Value:
        token = self.next
        if kind == "number":
            if token.kind != "number":
                raise token.fault("a number, such as 100 or -0.5")
            number = float(token.text)
            if math.isinf(number):
                raise token.fault("a number below 1e308")
            self._read()
            return number
        if token.text.startswith('"') and token.kind == "bad":
            raise token.fault("a double quote at the end of this text")
        if token.kind != "text":
            raise token.fault(f"a {'time' if kind == 'time' else 'text'} in double quotes")
        text = _text(token)
        value = self._time(text, token) if kind == "time" else text
        self._read()
        return value

    def _time(self, text: str, token: _Token) -> pd.Timestamp:
        try:
            if "T" in text.upper():
                return read_time(text)
            local = pd.Timestamp(read_day(text)).tz_localize(
                self._timezone, nonexistent="shift_forward", ambiguous=True
            )
            return local.tz_convert("UTC").as_unit("us")
        except ValueError:  # pandas' OutOfBoundsDatetime is one
            raise token.fault('a time such as "2011-07-01" or "2011-07-01T09:00:00Z"') from None

    def _is(self, text: str) -> bool:
        return self.next.text.lower() == text

    def _expect(self, text: str, expected: str) -> None:
        if not self._is(text):
            raise self.next.fault(expected)
        self._read()

    def _read(self) -> _Token:
        """Return the next token, and pass to the one behind it; the last one stays."""
        token = self.next
        self.next = next(self._tokens, token)
        return token


def _text(token: _Token) -> str:
    """Return the text that a token in double quotes stands for."""
    try:
        value = json.loads(token.text, strict=False)
        value.encode()  # half of a surrogate pair is no text
    except (json.JSONDecodeError, UnicodeEncodeError):
        raise token.fault(r"a text with the escapes \" \\ \/ \b \f \n \r \t \u0041") from None
    return str(value)
