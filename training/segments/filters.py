"""The filters of customers: what a text was parsed into, and its SQL.

A filter is true or false for each customer, never null: every comparison with an unknown value
(null, or NaN) is false, also `!=`. So `not spend_90d > 100` holds for an unknown spend, and
`spend_90d <= 100` does not. `str(filter)` is a text from which `parse` makes the same filter.
"""

import json
from dataclasses import dataclass
from typing import Any, Final, Literal

import pandas as pd

from features.times import microseconds
from training.segments.names import quoted

Kind = Literal["number", "text", "time", "texts"]
"""The type of a column. `texts` is a list of texts: `=` means that it contains the text."""
Operator = Literal["=", "!=", "<", "<=", ">", ">="]
Value = float | str | pd.Timestamp
"""A literal: a number, a text (also of `texts`), a time (UTC)."""
EQUALITY: Final = ("=", "!=")
OPERATORS: Final[dict[Kind, tuple[str, ...]]] = {
    "number": (*EQUALITY, "<", "<=", ">", ">="),
    "time": (*EQUALITY, "<", "<=", ">", ">="),
    "text": EQUALITY,
    "texts": EQUALITY,
}


@dataclass(frozen=True, slots=True)
class Compare:
    """`column operator value`; for a column of texts `!=` means known and without the text."""

    column: str
    kind: Kind
    operator: Operator
    value: Value

    def __str__(self) -> str:
        return f"{self.column} {self.operator} {_literal(self.value)}"


@dataclass(frozen=True, slots=True)
class In:
    """`column in (values)`: equal to one of them; for texts, containing one of them."""

    column: str
    kind: Kind
    values: tuple[Value, ...]

    def __str__(self) -> str:
        return f"{self.column} in ({', '.join(map(_literal, self.values))})"


@dataclass(frozen=True, slots=True)
class Known:
    """`column is known`, or with `known=False` `column is unknown`: null, or NaN."""

    column: str
    kind: Kind
    known: bool

    def __str__(self) -> str:
        return f"{self.column} is {'known' if self.known else 'unknown'}"


@dataclass(frozen=True, slots=True)
class Not:
    """`not operand`."""

    operand: "Filter"

    def __str__(self) -> str:
        return f"not {_within(self.operand, And, Or)}"


@dataclass(frozen=True, slots=True)
class And:
    """All of two or more `operands`; it binds more tightly than `or`."""

    operands: tuple["Filter", ...]

    def __str__(self) -> str:
        return " and ".join(_within(operand, And, Or) for operand in self.operands)


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of two or more `operands`."""

    operands: tuple["Filter", ...]

    def __str__(self) -> str:
        return " or ".join(_within(operand, Or) for operand in self.operands)


Filter = Compare | In | Known | Not | And | Or


def to_sql(node: Filter) -> tuple[str, list[Any]]:
    """Return the DuckDB condition of a filter, never null, and the values of its `?` in order.

    Columns: number any numeric type, text VARCHAR, time TIMESTAMP (taken as UTC) or TIMESTAMP WITH
    TIME ZONE, texts VARCHAR[]. Numbers are compared as DOUBLE.

    >>> sql, values = to_sql(Not(In("tags", "texts", ("a", "b"))))
    >>> print(sql, values, sep="\\n")
    (NOT ("tags" IS NOT NULL AND (list_contains("tags", ?) OR list_contains("tags", ?))))
    ['a', 'b']
    """
    match node:
        case Not(operand):
            sql, values = to_sql(operand)
            return f"(NOT {sql})", values
        case And(operands) | Or(operands):
            parts = [to_sql(operand) for operand in operands]
            word = " AND " if isinstance(node, And) else " OR "
            joined = f"({word.join(sql for sql, _ in parts)})"
            return joined, [value for _, values in parts for value in values]
        case Known(column, kind, known):
            return f"({'' if known else 'NOT '}{_known(column, kind)})", []
        case In(column, kind, literals):
            test = " OR ".join(_test(column, kind, "=") for _ in literals)
            return f"({_known(column, kind)} AND ({test}))", [_parameter(v) for v in literals]
        case Compare(column, kind, operator, value):
            test = _test(column, kind, operator)
            return f"({_known(column, kind)} AND {test})", [_parameter(value)]


def _known(column: str, kind: Kind) -> str:
    known = f"{quoted(column)} IS NOT NULL"
    return f"({known} AND NOT isnan({quoted(column)}::DOUBLE))" if kind == "number" else known


def _test(column: str, kind: Kind, operator: Operator) -> str:
    """Return the SQL of a comparison with one value, of a column that is known."""
    name = quoted(column)
    match kind:
        case "number":
            return f"{name}::DOUBLE {operator} ?"
        case "time":
            return f"epoch_us({name}) {operator} ?"
        case "text":
            return f"{name} {operator} ?"
        case "texts":
            return f"{'NOT ' if operator == '!=' else ''}list_contains({name}, ?)"


def _parameter(value: Value) -> float | int | str:
    return microseconds(value) if isinstance(value, pd.Timestamp) else value


def _literal(value: Value) -> str:
    """Return `value` as the language writes it.

    >>> print(_literal(100.0), _literal(0.5), _literal('say "tea"'))
    100 0.5 "say \\"tea\\""
    >>> print(_literal(pd.Timestamp("2011-07-01", tz="UTC")))
    "2011-07-01T00:00:00Z"
    """
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, pd.Timestamp):
        return f'"{value.tz_convert("UTC").tz_localize(None).isoformat()}Z"'
    return json.dumps(value, ensure_ascii=False)


def _within(operand: Filter, *bracketed: type[And] | type[Or]) -> str:
    return f"({operand})" if isinstance(operand, bracketed) else str(operand)
