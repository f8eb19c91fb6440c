"""The mapping language: which column of a shop's files is which, and how its cells are read.

`features/MAPPING.md` shows every key with an example. All scalars are read as text: `0010` stays
`0010`, and `no` stays `no`.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pydantic
import yaml

import configs
from configs.loader import Config, ConfigError, load_config
from features.files.layout import Layout
from features.files.numbers import NumberFormat
from features.ids import IdRule

LineType = Literal["sale", "return", "fee", "adjustment"]
Names = Annotated[
    tuple[str, ...],
    pydantic.BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
]
"""One column name, or several: their cells are joined."""
PRESETS: Final = Path(configs.__file__).parent / "shops"
DAY: Final = "@day"
"""Among the columns of an id: the local day of the row's `event_timestamp`, YYYY-MM-DD."""


class OrderLineColumns(Config):
    """The file's column names of order lines; a column without a name is null."""

    order_id: Names | None = None
    """Several columns together make an id that is unique, such as `["@day", till, receipt]`."""
    event_timestamp: Names
    """Several columns are joined by a space, such as `[date, time]`."""
    product_id: str
    quantity: str | None = None
    """Without it every row is one unit."""
    unit_price: str | None = None
    """Net of discount."""
    line_total: str | None = None
    """Instead of `unit_price`: unit price times quantity."""
    line_discount: str | None = None
    """An amount that is subtracted from unit price times quantity."""
    line_tax: str | None = None
    """An amount that is added to unit price times quantity, where prices exclude taxes."""
    customer_id: str | None = None
    """An empty cell: a guest."""
    line_number: str | None = None
    parent_product_id: str | None = None
    line_type: str | None = None
    channel: str | None = None
    store_id: str | None = None
    recorded_timestamp: Names | None = None
    """When the shop knew the row; default `event_timestamp`."""
    currency: str | None = None
    """Every row must have the mapping's `currency`."""

    @pydantic.model_validator(mode="after")
    def _an_order_id(self) -> Self:
        if self.order_id is None:
            customer = "customer_id" if self.customer_id is None else self.customer_id
            raise ValueError(
                "order_id is missing: name the column, or those that together make an order's id, "
                f'such as order_id: ["{DAY}", {customer}]'
            )
        if set(self.order_id) == {DAY}:
            raise ValueError(f'order_id: "{DAY}" needs a column beside it, such as the receipt')
        return self

    @pydantic.model_validator(mode="after")
    def _one_price(self) -> Self:
        if self.unit_price is not None and self.line_total is not None:
            raise ValueError("name either unit_price or line_total")
        return self


class HeadColumns(Config):
    """A file with one row per order: its columns are added to the order lines by `order_id`.

    The sections `order_lines`, `status` and `where` then name columns of both files; where both
    have a column of one name, that of the lines counts.
    """

    file: Path
    layout: Layout | None = None
    """Where it differs from the layout of the order lines."""
    order_id: str
    line_order_id: str | None = None
    """The same id's column in the file of the order lines; default: as `order_id`."""


Heads = Annotated[
    tuple[HeadColumns, ...],
    pydantic.BeforeValidator(lambda value: value if isinstance(value, list | tuple) else (value,)),
]


class CustomerColumns(Config):
    """Column names of customers; without `file` they are in the file of the order lines."""

    file: Path | None = None
    layout: Layout | None = None
    customer_id: str
    valid_from: Names | None = None
    country: str | None = None


class ProductColumns(Config):
    """Column names of products; without `file` they are in the file of the order lines."""

    file: Path | None = None
    layout: Layout | None = None
    product_id: str
    valid_from: Names | None = None
    parent_product_id: str | None = None
    title: str | None = None
    category: str | None = None


class EventColumns(Config):
    """The events' file and its column names."""

    file: Path
    layout: Layout | None = None
    event_id: str
    type: str
    """product_viewed, product_clicked, product_added, order_completed or order_refunded."""
    customer_id: str
    event_timestamp: Names
    product_id: str | None = None
    recorded_timestamp: Names | None = None


class Status(Config):
    """What the words of a status column mean for their order; a word in no list is refused."""

    column: str
    order: tuple[str, ...] = ()
    """The order stands."""
    leave_out: tuple[str, ...] = ()
    """The order never came to be (cancelled, voided, a test): its lines are left out."""
    refund: tuple[str, ...] = ()
    """The order was made and refunded: its lines stand, and each is returned at the same time."""
    wait: tuple[str, ...] = ()
    """The order is not final (pending): left out until a later export has another word."""


class Rows(Config):
    """The values of a column whose rows are read, or are left out."""

    only: tuple[str, ...] | None = None
    leave_out: tuple[str, ...] = ()


class ShopMapping(Layout, NumberFormat):
    """How to read a shop's files into the canonical tables: layout, spelling, and columns."""

    timezone: str = ""
    """IANA zone of times without a UTC offset, and of the shop's days."""
    currency: str = pydantic.Field(default="", pattern="^([A-Z]{3})?$")
    """ISO 4217."""
    time_format: str = "ISO8601"
    """ISO8601, a strptime format, `excel` (serial days), `epoch_s` or `epoch_ms`."""
    missing: tuple[str, ...] = ()
    """Words that mean an empty cell, in every column."""
    fill_down: tuple[str, ...] = ()
    """Columns that are filled in on the first line of an order only."""
    totals: tuple[str, ...] = ()
    """Rows whose first filled cell is one of these words are totals, and left out."""
    where: Mapping[str, Rows] = pydantic.Field(default_factory=dict)
    status: Status | None = None
    order_lines: OrderLineColumns
    order_heads: Heads = ()
    """Several are joined one after another: the next may use a column of the one before."""
    line_types: Mapping[str, LineType] = pydantic.Field(default_factory=dict)
    """The file's value -> the line type."""
    fee_product_ids: tuple[str, ...] = ()
    discount_product_ids: tuple[str, ...] = ()
    """Lines that are no products but change an order's amount: adjustments."""
    negative_price: Literal["refuse", "return", "adjustment"] = "refuse"
    """What a price or total below 0 with a quantity above 0 is."""
    zero_quantity: Literal["refuse", "adjustment"] = "refuse"
    """What a line with a total, but quantity 0, is."""
    without_prices: bool = False
    """The files have no prices: every unit counts as 1 in the shop's currency."""
    guest_ids: tuple[str, ...] = ()
    """Customer ids that stand for guests."""
    real_ids: tuple[str, ...] = ()
    """Ids that look like a placeholder or like a rounded number, but are not."""
    customer_ids: IdRule | None = None
    product_ids: IdRule | None = None
    order_ids: IdRule | None = None
    unused: tuple[str, ...] = ()
    """Columns whose names say that they matter, but do not: statuses, refunds, times of day."""
    orders_may_span_days: bool = False
    """Sales of one order may lie on several days."""
    customers: CustomerColumns | None = None
    products: ProductColumns | None = None
    events: EventColumns | None = None
    questions: Mapping[str, str] = pydantic.Field(default_factory=dict)
    """Doubts that `inspect` left open: `ingest` refuses the mapping while there is one."""

    @pydantic.field_validator("questions", mode="before")
    @classmethod
    def _all_answered(cls, value: object) -> object:
        return {} if value is None else value  # `questions:` with all lines removed

    @pydantic.field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value or "UTC")
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("not an IANA zone") from None
        return value

    @pydantic.model_validator(mode="after")
    def _complete(self) -> Self:
        missing = [name for name in ("timezone", "currency") if not getattr(self, name)]
        if missing and not self.questions:
            options = " and ".join(f"--{name}" for name in missing)
            raise ValueError(f"{' and '.join(missing)} missing: write it, or give {options}")
        return self

    @pydantic.model_validator(mode="after")
    def _types_have_one_source(self) -> Self:
        lines = self.order_lines
        if self.line_types and lines.line_type is None:
            raise ValueError("line_types needs order_lines.line_type")
        if self.fee_product_ids and lines.line_type is not None:
            raise ValueError(
                "fee_product_ids and order_lines.line_type both name the fees: remove one of them"
            )
        priced = lines.unit_price is not None or lines.line_total is not None
        if priced == self.without_prices:
            raise ValueError(
                "name either unit_price or line_total, or write without_prices: true"
                if not priced
                else "without_prices: true, but order_lines names a price: remove one of them"
            )
        return self


class _TextLoader(yaml.SafeLoader):
    """Reads every scalar as text, except an empty one, which is null; a key appears once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        for place, (key, _) in enumerate(node.value):
            if key.value in keys[:place]:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} appears twice", key.start_mark
                )
        return super().construct_mapping(node, deep=deep)


_TextLoader.yaml_implicit_resolvers = {"": [("tag:yaml.org,2002:null", re.compile(r"^$"))]}


def load_mapping(path: Path, overrides: Sequence[str] = ()) -> ShopMapping:
    """Return the mapping in the YAML file `path`, with `key=value` overrides. ConfigError."""
    return load_config(ShopMapping, path, overrides, loader=_TextLoader)


def preset_file(name: str) -> Path:
    """Return the mapping of the export `name` in `configs/shops/`. Raises ConfigError."""
    file = PRESETS / f"{name}.yaml"
    if not file.is_file():
        known = ", ".join(sorted(path.stem for path in PRESETS.glob("*.yaml")))
        raise ConfigError(f"--preset {name!r}: one of {known}")
    return file


def columns_of(section: Config) -> dict[str, tuple[str, ...]]:
    """Return the file's column names by canonical name."""
    named: dict[str, Any] = section.model_dump(exclude={"file", "layout"}, exclude_none=True)
    return {name: (value,) if isinstance(value, str) else value for name, value in named.items()}
