"""Any shop: a YAML mapping from the columns of its files to the canonical columns.

    timezone: Europe/Berlin         # of times without a UTC offset and of the shop's days
    currency: EUR
    delimiter: ";"
    decimal: ","
    time_format: "%d.%m.%Y %H:%M"   # strptime; default ISO 8601
    order_lines:                    # the file given by --file
      order_id: Bon
      customer_id: Kunde            # empty: a guest
      product_id: Artikel
      quantity: Menge
      unit_price: Preis
      event_timestamp: Zeit
      line_type: Art
    line_types: {Verkauf: sale, Retoure: return, Versand: fee}
    products:                       # optional, as are customers and events
      file: artikel.csv             # in the folder of the order lines' file
      product_id: Nummer
      title: Name

    python -m features ingest csv --file bons.csv --mapping shop.yaml

The files may also be .xlsx or .parquet. If a file has the total of a line, map it to `line_total`
instead of `unit_price`. Without a `line_type` column, a line with price or quantity 0 is an
adjustment, a product of `fee_product_ids` is a fee, a negative quantity is a return, and any other
line is a sale. A customer or product without `valid_from` is known from its first order line, or
from the file's last order line if it has none.

Without `line_number`, the lines of an order are numbered in the file's order, so that an order must
be complete in one file; identical lines are separate units, as from a till that scans each piece.
With it, an exact duplicate row repeats its line: it is dropped and counted.

Mappings of public data sets are in `configs/shops/`.
"""

from pathlib import Path
from typing import Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd
import pydantic

from configs.loader import Config
from features.datasets.reading import MENDED_TIME, numbers, read_rows, refuse, text, times
from features.schema import TABLES, TEXT, TIME, Origin, RetailDataset, empty

LineType = Literal["sale", "return", "fee", "adjustment"]


class OrderLineColumns(Config):
    """The file's column names of order lines; a column without a name is null."""

    order_id: str
    event_timestamp: str
    quantity: str
    product_id: str
    unit_price: str | None = None  # net of discount
    line_total: str | None = None  # instead of unit_price: unit price times quantity
    customer_id: str | None = None
    line_number: str | None = None
    parent_product_id: str | None = None
    line_type: str | None = None
    channel: str | None = None
    store_id: str | None = None
    recorded_timestamp: str | None = None  # when the shop knew it; default `event_timestamp`
    currency: str | None = None  # every row must have the mapping's `currency`

    @pydantic.model_validator(mode="after")
    def _one_price(self) -> Self:
        if (self.unit_price is None) == (self.line_total is None):
            raise ValueError("name either unit_price or line_total")
        return self


class CustomerColumns(Config):
    """The customers' file and its column names."""

    file: Path
    customer_id: str
    valid_from: str | None = None
    country: str | None = None


class ProductColumns(Config):
    """The products' file and its column names."""

    file: Path
    product_id: str
    valid_from: str | None = None
    parent_product_id: str | None = None
    title: str | None = None
    category: str | None = None


class EventColumns(Config):
    """The events' file and its column names."""

    file: Path
    event_id: str
    type: str  # product_viewed, product_clicked, product_added, order_completed, order_refunded
    customer_id: str
    event_timestamp: str
    product_id: str | None = None
    recorded_timestamp: str | None = None


class CsvMapping(Config):
    """How to read a shop's files into the canonical tables."""

    timezone: str  # IANA
    currency: str = pydantic.Field(pattern="^[A-Z]{3}$")  # ISO 4217
    delimiter: str = pydantic.Field(default=",", min_length=1, max_length=1)
    encoding: str = "utf-8"
    decimal: Literal[".", ","] = "."
    time_format: str = "ISO8601"
    order_lines: OrderLineColumns
    line_types: dict[str, LineType] = pydantic.Field(
        default_factory=dict
    )  # the file's value -> line type
    fee_product_ids: tuple[str, ...] = ()
    customers: CustomerColumns | None = None
    products: ProductColumns | None = None
    events: EventColumns | None = None

    @pydantic.field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("not an IANA zone") from None
        return value

    @pydantic.field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            "".encode(value)
        except LookupError:
            raise ValueError("not an encoding that Python knows") from None
        return value

    @pydantic.model_validator(mode="after")
    def _types_have_one_source(self) -> Self:
        column = self.order_lines.line_type
        if self.line_types and column is None:
            raise ValueError("line_types needs order_lines.line_type")
        if self.fee_product_ids and column is not None:
            raise ValueError(
                "fee_product_ids and order_lines.line_type both name the fees: remove one of them"
            )
        return self


Columns = OrderLineColumns | CustomerColumns | ProductColumns | EventColumns


def load(file: Path, mapping: CsvMapping) -> RetailDataset:
    """Return the shop whose order lines are in `file`, read by `mapping`.

    Local times that the clock showed twice or never are corrected and counted (`reading.times`).
    Raises BadInput.
    """
    source = _Source(file, mapping.order_lines, mapping)
    lines = source.frame("order_lines")
    source.require_currency(mapping.order_lines.currency)
    if mapping.order_lines.line_total is not None:
        lines["unit_price"] = _unit_prices(lines["quantity"], source)
    lines["line_type"] = _line_types(lines, source)
    if mapping.order_lines.line_number is None:
        lines["line_number"] = lines.groupby("order_id", dropna=False).cumcount() + 1
    positive = ((lines["line_type"] == "return") & (lines["quantity"] > 0)).fillna(False)
    lines["quantity"] = lines["quantity"].where(~positive, -lines["quantity"])
    sources, tables = {"order_lines": source}, {}
    for name in ("customers", "products", "events"):
        columns = getattr(mapping, name)
        tables[name] = empty(name)
        if columns is not None:
            sources[name] = _Source(file.parent / columns.file, columns, mapping)
            tables[name] = sources[name].frame(name, lines=lines)
    warnings = {
        "quantity above 0 on a return: sign changed": int(positive.sum()),
        MENDED_TIME: sum(each.mended_times for each in sources.values()),
    }
    return RetailDataset(
        source=str(file),
        order_lines=lines,
        customers=tables["customers"],
        products=tables["products"],
        events=tables["events"],
        read=source.read,
        kept={str(kind): int(n) for kind, n in lines["line_type"].value_counts().items()},
        dropped={"exact_duplicate": source.read - len(lines)},
        warnings={fault: count for fault, count in warnings.items() if count},
        timezone=mapping.timezone,
        currency=mapping.currency,
        origins={name: each.origin for name, each in sources.items()},
    )


class _Source:
    """One file with its column names, and its rows.

    Exact duplicates are dropped if the columns include the table's whole key, so that they repeat a
    row. Order lines without a mapped `line_number` have no such key.
    """

    def __init__(self, file: Path, columns: Columns, mapping: CsvMapping) -> None:
        names = columns.model_dump(exclude={"file"}, exclude_none=True)
        self.file = file
        self.origin = Origin(file=str(file), columns=names)
        self.mapping = mapping
        rows = read_rows(
            file,
            columns=list(dict.fromkeys(names.values())),
            delimiter=mapping.delimiter,
            encoding=mapping.encoding,
        )
        self.read = len(rows)
        keyed = not isinstance(columns, OrderLineColumns) or columns.line_number is not None
        self.rows = rows[~rows.duplicated()] if keyed else rows
        self.mended_times = 0

    def require_currency(self, column: str | None) -> None:
        """Raise BadInput at the first row whose `column` has another currency."""
        if column is not None:
            foreign = text(self.rows[column]).fillna("") != self.mapping.currency
            rule = f"the mapping's currency is {self.mapping.currency}"
            refuse(self.rows[column], foreign, file=self.file, rule=rule)

    def frame(self, table: str, *, lines: pd.DataFrame | None = None) -> pd.DataFrame:
        """Return canonical `table`; missing columns are null or computed from order `lines`."""
        dtypes = {name: str(column.dtype) for name, column in TABLES[table].columns.items()}
        frame = pd.DataFrame({name: self._column(table, name, dtypes[name]) for name in dtypes})
        if lines is not None and "valid_from" in frame:
            key = TABLES[table].unique[0]
            first = frame[key].map(lines.groupby(key)["event_timestamp"].min()).astype(TIME)
            known = first.fillna(lines["event_timestamp"].max())
            frame["valid_from"] = frame["valid_from"].fillna(known)
        if "recorded_timestamp" in frame and "recorded_timestamp" not in self.origin.columns:
            frame["recorded_timestamp"] = frame["event_timestamp"]
        return frame

    def _column(self, table: str, name: str, dtype: str) -> pd.Series:
        if name not in self.origin.columns:
            return empty(table)[name].reindex(self.rows.index)
        cells = self.rows[self.origin.columns[name]]
        if dtype == TEXT:
            return text(cells)
        if dtype == str(TIME):
            zone, time_format = self.mapping.timezone, self.mapping.time_format
            moments, mended = times(cells, timezone=zone, file=self.file, time_format=time_format)
            self.mended_times += mended
            return moments
        values = numbers(cells, file=self.file, decimal=self.mapping.decimal)
        if dtype == "int64":
            refuse(cells, values % 1 != 0, file=self.file, rule="a whole number")
            return values.astype("int64")
        return values


def _unit_prices(quantity: pd.Series, source: _Source) -> pd.Series:
    """Return line total / `quantity`; the total itself where the quantity is 0."""
    cells = source.rows[source.mapping.order_lines.line_total]
    total = numbers(cells, file=source.file, decimal=source.mapping.decimal)
    rule = "a number, with the quantity's sign"
    refuse(cells, total.isna() | (total * quantity < 0), file=source.file, rule=rule)
    return (total / quantity.mask(quantity == 0, 1)).abs()


def _line_types(lines: pd.DataFrame, source: _Source) -> pd.Series:
    """Return the line types from the file's values, or else from signs and prices."""
    mapping = source.mapping
    if mapping.order_lines.line_type is None:
        kinds = np.select(
            [
                ((lines["unit_price"] == 0) | (lines["quantity"] == 0)).to_numpy(),
                lines["product_id"].isin(mapping.fee_product_ids).to_numpy(),
                (lines["quantity"] < 0).to_numpy(),
            ],
            ["adjustment", "fee", "return"],
            default="sale",
        )
        return pd.Series(kinds, index=lines.index, dtype=TEXT)
    if not mapping.line_types:
        return lines["line_type"]
    named = lines["line_type"].map(mapping.line_types).astype(TEXT)
    rule = f"one of {', '.join(mapping.line_types)} (the mapping's line_types)"
    refuse(source.rows[mapping.order_lines.line_type], named.isna(), file=source.file, rule=rule)
    return named
