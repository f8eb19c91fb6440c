"""Any shop: a YAML mapping from the columns of its files to the canonical columns.

    timezone: Europe/Berlin         # of times without a UTC offset and of the shop's days
    currency: EUR
    delimiter: ";"
    decimal: ","
    time_format: "%d.%m.%Y %H:%M"   # strptime; default ISO 8601
    order_lines:                    # the files given by --file
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

`features/MAPPING.md` shows every key. `python -m features inspect FILE --output shop.yaml` proposes
a mapping. The files may be delimited text, workbooks or Parquet, also in a .gz or .zip.

Without a `line_type` column, a line with price or quantity 0 is an adjustment, a product of
`fee_product_ids` is a fee, a negative quantity is a return, and any other line is a sale. A
customer or product without `valid_from` is known from its first order line, or from the files' last
order line if it has none. Without a `file`, customers and products are taken from the order lines'
files: their texts are versions, each valid from the first order line that has it.

Without `line_number`, the lines of an order are numbered in the file's order, and identical lines
are separate units, as from a till that scans each piece. With it, an exact duplicate row repeats
its line: it is dropped and counted.

Mappings of platforms' exports and of public data sets are in `configs/shops/`.
"""

import html
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from configs.loader import ConfigError
from features.datasets.mapping import (
    CustomerColumns,
    EventColumns,
    ProductColumns,
    ShopMapping,
    columns_of,
)
from features.datasets.order_checks import (
    check_files,
    check_ids,
    check_orders,
    check_times,
)
from features.datasets.order_lines import order_lines, orders_left_out
from features.datasets.order_rows import FIRST_LINE, in_order_rows, order_rows
from features.datasets.source import Source, read_source
from features.datasets.unused_columns import unused_amounts
from features.datasets.versions import versions
from features.schema import TABLES, TEXT, TIME, RetailDataset, empty

ENTITIES: Final = "HTML entities: decoded"
Section = CustomerColumns | ProductColumns | EventColumns
_TEXTS: Final = {
    "products": ("parent_product_id", "title", "category"),
    "customers": ("country",),
}
_KEYS: Final = {"products": "product_id", "customers": "customer_id", "events": "event_id"}


def load(files: Path | Sequence[Path], mapping: ShopMapping) -> RetailDataset:
    """Return the shop whose order lines are in `files`, read by `mapping`.

    Corrected cells are counted in `warnings`. Raises BadInput for a row that breaks a rule or whose
    meaning is in doubt, and ConfigError for a mapping with open questions.
    """
    paths = [files] if isinstance(files, Path) else list(files)
    if mapping.questions:
        key, question = next(iter(mapping.questions.items()))
        more = f" ({len(mapping.questions)} questions are open)"
        raise ConfigError(f"questions.{key}: {question}{more}")
    rows = order_rows(paths, mapping)
    source = rows.source
    _require_currency(source)
    lines = order_lines(rows)
    check_times(paths, source, lines)
    check_ids(source, lines)
    check_files(source, lines)
    check_orders(source, lines)
    repeated = 0
    if "line_number" in source.columns:
        duplicates = lines.duplicated()
        repeated, lines = int(duplicates.sum()), lines[~duplicates]
    sources = {"order_lines": source}
    tables = {}
    for name in ("customers", "products", "events"):
        section: Section | None = getattr(mapping, name)
        tables[name] = empty(name)
        if section is None:
            continue
        if section.file is None or in_order_rows(section.file, paths):
            tables[name] = _from_orders(name, columns_of(section), source, lines, mapping)
        else:
            sources[name] = read_source(
                [paths[0].parent / section.file],
                columns_of(section),
                mapping,
                layout=section.layout,
            )
            tables[name] = _table(name, sources[name], lines, mapping)
    warnings = sum((each.mended for each in sources.values()), Counter[str]())
    return RetailDataset(
        source=source.file,
        order_lines=lines,
        customers=tables["customers"],
        products=tables["products"],
        events=tables["events"],
        read=rows.read,
        kept={str(kind): int(n) for kind, n in lines["line_type"].value_counts().items()},
        dropped={"exact_duplicate": repeated, **rows.dropped},
        warnings={fault: count for fault, count in warnings.items() if count},
        timezone=mapping.timezone,
        currency=mapping.currency,
        origins={name: each.origin for name, each in sources.items()},
        numbered="line_number" in source.columns,
        left_out=orders_left_out(rows) - frozenset(lines["order_id"]),
        notes=_notes(source, lines),
    )


def _require_currency(source: Source) -> None:
    """Raise BadInput at the first row with another currency than the mapping's."""
    if "currency" in source.columns:
        currency = source.mapping.currency
        cells = source.text("currency")
        column = source.columns["currency"][0]
        only = f"where: {{{column}: {{only: [{currency}]}}}}"
        rule = f"the mapping's currency is {currency}; to leave other rows out, write {only}"
        if cells.isna().any():
            rule += "; " + FIRST_LINE.format(column)
        source.refuse("currency", cells.fillna("") != currency, rule)


def _notes(source: Source, lines: pd.DataFrame) -> dict[str, int]:
    """Return what was left out of the rows that count, and of how many."""
    counts = {
        f"amounts in the column {name!r}, which the mapping does not use": rows
        for name, rows in unused_amounts(source.rows, source.mapping)
    }
    nameless = int(((lines["line_type"] == "sale") & lines["product_id"].isna()).sum())
    if nameless:
        counts["sales without a product id: they belong to no product"] = nameless
    return counts


def _table(name: str, source: Source, lines: pd.DataFrame, mapping: ShopMapping) -> pd.DataFrame:
    """Return canonical table `name` from a file of its own; texts are decoded."""
    source.rows = source.rows[~source.rows.duplicated()]
    rules = {"customer_id": mapping.customer_ids, "product_id": mapping.product_ids}
    rules["parent_product_id"] = mapping.product_ids
    frame = pd.DataFrame(index=source.rows.index)
    for column, definition in TABLES[name].columns.items():
        if str(definition.dtype) == str(TIME):
            missing = pd.Series(pd.NaT, index=frame.index, dtype=TIME)
            frame[column] = source.time(column) if column in source.columns else missing
        elif column in rules or column == _KEYS[name]:
            frame[column] = source.id(column, rules.get(column))
        else:
            frame[column] = _decoded(source, source.text(column))
    if "valid_from" in frame:
        key = _KEYS[name]
        first = frame[key].map(lines.groupby(key)["event_timestamp"].min()).astype(TIME)
        known = first.fillna(lines["event_timestamp"].max())
        frame["valid_from"] = frame["valid_from"].fillna(known)
    if "recorded_timestamp" in frame:
        frame["recorded_timestamp"] = frame["recorded_timestamp"].fillna(frame["event_timestamp"])
    return frame


def _from_orders(
    name: str,
    columns: dict[str, tuple[str, ...]],
    source: Source,
    lines: pd.DataFrame,
    mapping: ShopMapping,
) -> pd.DataFrame:
    """Return canonical table `name` from the rows of the order lines, as versions by time."""
    key = _KEYS[name]
    own = Source(source.rows, columns, mapping, file=source.file)
    first = lines[~lines.index.duplicated()]
    if name == "products":
        first = first[first["line_type"] == "sale"]
    texts = [text for text in _TEXTS[name] if text in columns]
    decoded = {text: _decoded(source, own.text(text)) for text in texts}
    rows = pd.DataFrame(decoded, index=source.rows.index)
    rows = rows.loc[first.index].assign(
        **{key: first[key], "event_timestamp": first["event_timestamp"]}
    )
    return versions(name, rows, key=key, texts=texts)


def _decoded(source: Source, texts: pd.Series) -> pd.Series:
    """Return `texts` with HTML entities decoded; count those that had one."""
    coded = (
        texts.str.contains(r"&(?:#\d+|#x[0-9a-fA-F]+|\w+);", regex=True).fillna(False).astype(bool)
    )
    if not coded.any():
        return texts
    source.mended[ENTITIES] += int(coded.sum())
    return texts.map(html.unescape, na_action="ignore").astype(TEXT)
