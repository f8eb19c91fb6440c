"""The canonical tables: the vocabulary of all packages, validated on input.

Times are UTC. `event_timestamp` is when a row happened, `recorded_timestamp` when it became known;
a feature at T reads rows for which both lie before T.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd
import pandera.pandas as pa

from configs.errors import UserError

TEXT: Final = "string[pyarrow]"
TIME: Final = pd.api.types.pandas_dtype("datetime64[us, UTC]")
LINE_TYPES: Final = ("sale", "return", "fee", "adjustment")
EVENT_TYPES: Final = (
    "product_viewed",
    "product_clicked",
    "product_added",
    "order_completed",
    "order_refunded",
)
ID_RULE: Final = "an id is 1-128 characters without control characters"
_ID = pa.Check.str_matches(r"^[^\x00-\x1f\x7f-\x9f]{1,128}$", error=ID_RULE)
_LINE_TYPE = pa.Check.isin(LINE_TYPES, error=f"one of {', '.join(LINE_TYPES)}")
_EVENT_TYPE = pa.Check.isin(EVENT_TYPES, error=f"one of {', '.join(EVENT_TYPES)}")
_NOT_NEGATIVE = pa.Check.ge(0, error="not negative")
_FINITE = pa.Check(lambda s: s.abs() < 1e12, error="finite, below 1e12")


def _id(*, nullable: bool = False) -> pa.Column:
    return pa.Column(TEXT, _ID, nullable=nullable)


def _text() -> pa.Column:
    return pa.Column(TEXT, nullable=True)


def _schema(columns: dict[str, pa.Column], key: list[str]) -> pa.DataFrameSchema:
    return pa.DataFrameSchema(columns, strict=True, ordered=True, unique=key, coerce=False)


ORDER_LINES: Final = _schema(
    {
        "order_id": _id(),
        "line_number": pa.Column("int64", _NOT_NEGATIVE),
        "customer_id": _id(nullable=True),  # null: a guest
        "product_id": _id(nullable=True),  # the sellable variant; null on some fees
        "parent_product_id": _id(nullable=True),
        "line_type": pa.Column(TEXT, _LINE_TYPE),
        "quantity": pa.Column("float64", _FINITE),  # negative on returns
        "unit_price": pa.Column("float64", [_NOT_NEGATIVE, _FINITE]),  # net of discount
        "channel": _text(),
        "store_id": _id(nullable=True),
        "event_timestamp": pa.Column(TIME),
        "recorded_timestamp": pa.Column(TIME),
    },
    ["order_id", "line_number"],
)
CUSTOMERS: Final = _schema(
    {"customer_id": _id(), "valid_from": pa.Column(TIME), "country": _text()},
    ["customer_id", "valid_from"],
)
PRODUCTS: Final = _schema(
    {
        "product_id": _id(),
        "valid_from": pa.Column(TIME),
        "parent_product_id": _id(nullable=True),
        "title": _text(),
        "category": _text(),
    },
    ["product_id", "valid_from"],
)
EVENTS: Final = _schema(
    {
        "event_id": _id(),
        "type": pa.Column(TEXT, _EVENT_TYPE),
        "customer_id": _id(),
        "product_id": _id(nullable=True),
        "event_timestamp": pa.Column(TIME),
        "recorded_timestamp": pa.Column(TIME),
    },
    ["event_id"],
)
TABLES: Final = {
    "order_lines": ORDER_LINES,
    "customers": CUSTOMERS,
    "products": PRODUCTS,
    "events": EVENTS,
}
# The columns of when a row happened and when it became known, by table.
TIMES: Final = {
    "order_lines": ("event_timestamp", "recorded_timestamp"),
    "customers": ("valid_from",),
    "products": ("valid_from",),
    "events": ("event_timestamp", "recorded_timestamp"),
}


def empty(table: str) -> pd.DataFrame:
    """Return canonical table `table` without rows, its columns typed."""
    columns = TABLES[table].columns
    return pd.DataFrame({name: pd.Series(dtype=str(c.dtype)) for name, c in columns.items()})


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The source of a table, for messages: its file, and the column names in that file."""

    file: str
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RetailDataset:
    """The result of an adapter: canonical tables, indexed by the row in their file.

    `read` is the number of rows of order lines read; `dropped` (by reason) and `kept` (by line
    type) count them and add up to `read`. `warnings` counts faults that were mended. `timezone`,
    `currency` and `clock` are the shop's, if the adapter knows them. Unless `numbered`, line
    numbers only count an order's lines: the order is the same with its lines in another order.
    """

    source: str
    order_lines: pd.DataFrame
    customers: pd.DataFrame = field(default_factory=lambda: empty("customers"))
    products: pd.DataFrame = field(default_factory=lambda: empty("products"))
    events: pd.DataFrame = field(default_factory=lambda: empty("events"))
    read: int
    kept: dict[str, int]
    dropped: dict[str, int]
    warnings: dict[str, int] = field(default_factory=dict)
    timezone: str | None = None
    currency: str | None = None
    clock: str | None = None
    origins: Mapping[str, Origin] = field(default_factory=dict)
    numbered: bool = True
    left_out: frozenset[str] = frozenset()
    """Orders that the files name, but say never came to be (cancelled)."""
    notes: dict[str, int] = field(default_factory=dict)

    def origin(self, table: str) -> Origin:
        """Return the source of `table`."""
        return self.origins.get(table, Origin(file=self.source))


class BadInput(UserError, ValueError):
    """A file breaks the schema; the message names file, row, column, value and rule."""

    def __init__(
        self,
        *,
        file: str,
        rule: str,
        row: object = None,
        column: str | None = None,
        value: object = None,
    ) -> None:
        value = _plain(value)
        row = _plain(row)
        text = file
        if row is not None:
            text += f", row {row}"
        if column is not None:
            text += f", column {column!r}"
        if column is not None and row is not None:
            shown = "missing" if value is None else repr(value)
            text += f", value {shown if len(shown) <= 80 else shown[:77] + '...'}"
        super().__init__(f"{text}: {rule}")
        self.file, self.row, self.column, self.value, self.rule = file, row, column, value, rule


def _plain(value: Any) -> object:
    """Return a numpy or pandas scalar as a Python value; None if it is missing."""
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value.isoformat() if isinstance(value, pd.Timestamp) else value


def validate(table: str, frame: pd.DataFrame, *, origin: Origin) -> pd.DataFrame:
    """Return `frame` if it satisfies the schema of `table`; else raise BadInput at its first fault.

    The frame's index holds the row in the file that `origin` names.
    """
    schema = TABLES[table]
    if list(frame.columns) != list(schema.columns):
        raise BadInput(
            file=origin.file,
            rule=f"{table} has the columns {', '.join(schema.columns)}, "
            f"not {', '.join(map(str, frame.columns))}",
        )
    try:
        checked: pd.DataFrame = schema.validate(frame)
        return checked
    except pa.errors.SchemaError as error:
        raise _bad_input(error, frame, schema.unique, origin) from error


def _bad_input(error: Any, frame: pd.DataFrame, key: list[str], origin: Origin) -> BadInput:
    """Return pandera's `error` with the column names and the row of the file."""
    column, reason = getattr(error.schema, "name", None), error.reason_code.name
    if reason == "DUPLICATES":
        at = int(frame.duplicated(key).to_numpy().argmax())
        value = tuple(_plain(frame[name].iat[at]) for name in key)
        names = ", ".join(origin.columns.get(name, name) for name in key)
        rule = f"a key of {'an order line' if 'line_number' in key else 'this table'} appears once"
        return BadInput(file=origin.file, row=frame.index[at], column=names, value=value, rule=rule)
    name = origin.columns.get(str(column), str(column))
    if reason == "WRONG_DATATYPE":
        rule = f"holds {frame[column].dtype}, not {error.schema.dtype}"
        return BadInput(file=origin.file, column=name, rule=rule)
    if reason == "SERIES_CONTAINS_NULLS":
        row = frame.index[int(frame[column].isna().to_numpy().argmax())]
        return BadInput(file=origin.file, row=row, column=name, rule="not null")
    case = error.failure_cases.iloc[0]
    return BadInput(
        file=origin.file,
        row=case["index"],
        column=name,
        value=case["failure_case"],
        rule=error.check.error,
    )
