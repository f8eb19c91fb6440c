"""The canonical tables: the vocabulary of the whole house, checked at the border.

Times are UTC. `event_timestamp` is when it happened, `recorded_timestamp` when we could know; a
feature at T reads rows for which both lie before T.
"""

from dataclasses import dataclass, field
from typing import Final

import pandas as pd
import pandera.pandas as pa

TEXT: Final = "string[pyarrow]"
TIME: Final = pd.DatetimeTZDtype("us", "UTC")
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
        "line_type": pa.Column(TEXT, pa.Check.isin(LINE_TYPES)),
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
        "type": pa.Column(TEXT, pa.Check.isin(EVENT_TYPES)),
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
# The columns that say when a row happened and when we could know it, by table.
TIMES: Final = {
    "order_lines": ("event_timestamp", "recorded_timestamp"),
    "customers": ("valid_from",),
    "products": ("valid_from",),
    "events": ("event_timestamp", "recorded_timestamp"),
}

# Features, as stored: measures over [T - window, T) and timestamps; ages are derived later.
ACTIVITY_COUNTS: Final = (
    "orders_30d",
    "orders_90d",
    "orders_365d",
    "orders_total",
    "orders_90d_last_year",  # in [T - 365 d, T - 275 d): what the season ahead brought last year
    "spend_30d",
    "spend_90d",
    "spend_365d",
    "spend_total",
    "units_365d",
    "products_365d",  # distinct
    "returns_365d",  # return lines
)
ACTIVITY_TIMES: Final = ("first_order_timestamp", "last_order_timestamp")
HISTORY_LENGTH: Final = 100  # purchases (customer, order, product), newest first
SALES_COUNTS: Final = (
    *(f"units_{days}d" for days in (3, 7, 28, 90)),
    *(f"buyers_{days}d" for days in (3, 7, 28, 90)),
    "units_28d_last_year",  # in [T - 365 d, T - 337 d)
    "buyers_28d_last_year",
    "unit_price",  # of the last sale before T
    "unit_price_90d",  # mean over units of 90 days; the last price where nothing was sold
    "return_rate_365d",
)
SALES_TIMES: Final = ("first_sale_timestamp", "last_sale_timestamp")


def empty(table: str) -> pd.DataFrame:
    """Return canonical table `table` without rows, its columns typed."""
    columns = TABLES[table].columns
    return pd.DataFrame({name: pd.Series(dtype=str(c.dtype)) for name, c in columns.items()})


@dataclass(frozen=True, kw_only=True)
class RetailDataset:
    """What an adapter gives: canonical tables, indexed by the row of the file they came from.

    `read` is the number of rows read; `dropped` and `kept` say by reason or line type what became
    of them, and add up to `read`. `warnings` tells of faults that were mended in kept rows.
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


class BadInput(ValueError):
    """A file breaks the schema: names file, row, column, value and rule."""

    def __init__(
        self,
        *,
        file: str,
        rule: str,
        row: object = None,
        column: str | None = None,
        value: object = None,
    ) -> None:
        where = [f"{file}"]
        if row is not None:
            where.append(f"row {row}")
        if column is not None:
            where.append(f"column {column!r}")
        text = ", ".join(where)
        if column is not None and row is not None:
            shown = repr(value)
            text += f", value {shown if len(shown) <= 80 else shown[:77] + '...'}"
        super().__init__(f"{text}: {rule}")
        self.file, self.row, self.column, self.value, self.rule = file, row, column, value, rule


def validate(table: str, frame: pd.DataFrame, *, file: str) -> pd.DataFrame:
    """Return `frame` if it satisfies the schema of `table`; else raise BadInput at its first fault.

    The frame's index holds the row number in `file`.
    """
    try:
        checked: pd.DataFrame = TABLES[table].validate(frame)
        return checked
    except pa.errors.SchemaError as error:
        cases = error.failure_cases
        column = getattr(error.schema, "name", None) if error.schema is not None else None
        if not isinstance(cases, pd.DataFrame) or cases.empty:
            raise BadInput(file=file, column=column, rule=str(error)) from error
        case = cases.iloc[0]
        raise BadInput(
            file=file,
            row=case.get("index"),
            column=column or case.get("column"),
            value=case.get("failure_case"),
            rule=str(
                error.check.error
                if error.check is not None and hasattr(error.check, "error")
                else error.check or error
            ),
        ) from error
