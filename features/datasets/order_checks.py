"""Doubts that refuse a shop's orders: each names the key of the mapping that settles it."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from features.datasets.mapping import DAY
from features.datasets.source import Source
from features.files.tables import read_header
from features.ids import ROUNDED, SIMILAR
from features.placeholders import is_missing, is_placeholder
from features.schema import BadInput

_ONE_ORDER: Final = pd.Timedelta(hours=12)
"""Sales further apart than this are not of one order."""
_ZONE: Final = re.compile(r"(?:UTC|GMT|(?<![A-Za-z])Z)(?![A-Za-z])|[+-]\d\d:?\d\d$")
_TIME_OF_DAY: Final = re.compile(r"time|uhr|hour|stunde|heure|hora|时间|時刻|時間", re.IGNORECASE)


def check_ids(source: Source, lines: pd.DataFrame) -> None:
    """Raise BadInput where ids were rounded, stand for nobody, or differ in their spelling only."""
    mapping = source.mapping
    for name in ("order_id", "customer_id", "product_id"):
        if name not in source.columns:
            continue
        distinct = lines[name].dropna().drop_duplicates()
        suspects = distinct[~distinct.isin(mapping.real_ids).fillna(False)]
        _refuse_rounded(source, name, suspects)
        if name == "order_id":
            continue
        _refuse_placeholders(source, name, suspects)
        if getattr(mapping, f"{name}s") is None:
            _refuse_similar(source, name, distinct)


def _refuse(source: Source, name: str, row: object, value: object, rule: str) -> None:
    column = source.origin.columns[name]
    raise BadInput(file=source.file, row=row, column=column, value=value, rule=rule)


def _refuse_rounded(source: Source, name: str, ids: pd.Series) -> None:
    rounded = ids.str.match(ROUNDED).fillna(False)
    if rounded.any():
        row = rounded.idxmax()
        rule = (
            "a spreadsheet has rounded this id, so that several ids are now one: export the file "
            f"again with the column as text; if the id is real, write real_ids: [{ids[row]}]"
        )
        _refuse(source, name, row, ids[row], rule)


def _refuse_placeholders(source: Source, name: str, ids: pd.Series) -> None:
    if name == "customer_id":
        doubtful, option = ids.map(is_placeholder).astype(bool), "guest_ids"
    else:
        doubtful, option = ids.map(is_missing).astype(bool), "missing"
    suspicious = ids[doubtful.to_numpy()]
    if len(suspicious):
        listed = ", ".join(json.dumps(each, ensure_ascii=False) for each in suspicious)
        rule = (
            f"no {name.removesuffix('_id')}'s id in most shops: write {option}: [{listed}]; those "
            "that are ids here go into real_ids: [...] instead"
        )
        _refuse(source, name, suspicious.index[0], suspicious.iloc[0], rule)


def _refuse_similar(source: Source, name: str, ids: pd.Series) -> None:
    spellings = ids.map({each: SIMILAR.clean(each) for each in ids})
    several = ids[spellings.duplicated(keep=False).to_numpy()]
    if len(several):
        first = spellings[several.index[0]]
        shown = ", ".join(repr(each) for each in several[spellings[several.index] == first])
        count = spellings[several.index].nunique()
        rule = (
            f"{shown} differ only in case, Unicode form or a final .0 ({count} ids have several "
            f'spellings): write {name}s: {{case: lower, form: NFKC, remove: ".0"}} if they are one '
            f"id, {name}s: {{case: keep}} if they are not"
        )
        _refuse(source, name, several.index[0], several.iloc[0], rule)


def check_files(source: Source, lines: pd.DataFrame) -> None:
    """Raise BadInput where two of the files hold the same line of an order: they may overlap."""
    if source.files is None or "line_number" in source.columns:
        return
    content = [name for name in lines.columns if name != "line_number"]
    files = source.files.loc[lines.index].to_numpy()
    once = lines[content].assign(file=files).drop_duplicates()
    again = once.duplicated(content)
    if again.any():
        row = again.idxmax()
        orders = once.loc[again, "order_id"].nunique()
        rule = (
            f"two files hold the same line of this order ({orders} orders are like this): if the "
            "files overlap, ingest them one after the other, so that known lines are left out; if "
            "the order's lines are divided between them, name a column that numbers them, "
            "order_lines: {line_number: ...}"
        )
        _refuse(source, "order_id", row, once["order_id"][row], rule)


def check_orders(source: Source, lines: pd.DataFrame) -> None:
    """Raise BadInput where one order id has several customers or several days."""
    bought = lines[lines["line_type"].isin(["sale", "fee"])]
    columns = ", ".join(part for part in source.columns["order_id"] if part != DAY)
    unique = (
        f'if order ids start again, name the columns that make them unique: order_id: ["{DAY}", '
        f"{columns}] with the till or the shop, if there are several"
    )
    if "customer_id" in source.columns:
        _refuse_several_customers(source, bought, unique)
    if not source.mapping.orders_may_span_days:
        span = bought.groupby("order_id")["event_timestamp"].agg(["min", "max"])
        wide = span[(span["max"] - span["min"]) > _ONE_ORDER]
        if len(wide):
            order = wide.index[0]
            rule = (
                f"sales of one order lie between {wide['min'].iloc[0]} and {wide['max'].iloc[0]} "
                f"({len(wide)} orders are like this): {unique}; if orders last that long, write "
                "orders_may_span_days: true"
            )
            row = bought.index[(bought["order_id"] == order).to_numpy()][-1]
            _refuse(source, "order_id", row, order, rule)


def _refuse_several_customers(source: Source, bought: pd.DataFrame, unique: str) -> None:
    marked = bought["customer_id"].fillna("")
    by_order = bought.assign(customer=marked).drop_duplicates(["order_id", "customer"])
    several = by_order[by_order["order_id"].duplicated(keep=False)]
    if several.empty:
        return
    order = several["order_id"].iloc[0]
    names = [name or "a guest" for name in several.loc[several["order_id"] == order, "customer"]]
    rule = (
        f"one order has several customers: {', '.join(names[:5])} "
        f"({several['order_id'].nunique()} orders are like this): {unique}"
    )
    if "a guest" in names:
        column = source.columns["customer_id"][0]
        rule += f"; if only the first line of an order has it, write fill_down: [{column}, ...]"
    row = several.index[(several["order_id"] == order).to_numpy()][1]
    _refuse(source, "order_id", row, order, rule)


def check_times(files: Sequence[Path], source: Source, lines: pd.DataFrame) -> None:
    """Raise BadInput if times lose their zone, or their time of day, which the files have."""
    mapping, columns = source.mapping, source.columns["event_timestamp"]
    zone = _ZONE.search(re.sub("%.", " ", mapping.time_format))
    if zone and not re.search("%[zZ]", mapping.time_format) and mapping.timezone != "UTC":
        rule = (
            f"time_format {mapping.time_format!r} leaves out the zone {zone[0]!r}, so that times "
            f"are of {mapping.timezone}: write %Z in its place, or %z for an offset or Z"
        )
        raise BadInput(file=source.file, column=", ".join(columns), rule=rule)
    local = lines["event_timestamp"].dt.tz_convert(mapping.timezone)
    if len(columns) > 1 or not (local == local.dt.normalize()).all():
        return
    used = {part for parts in source.columns.values() for part in parts} | {*mapping.unused}
    header = read_header(files[0], mapping)
    names = [name for name in header if name not in used and _TIME_OF_DAY.search(name)]
    if names:
        listed = ", ".join(names)
        rule = (
            "all times are midnight, and this column is not used: write event_timestamp: "
            f"[{columns[0]}, {listed}] with a time_format of them all, or unused: [{listed}]"
        )
        raise BadInput(file=source.file, column=names[0], rule=rule)
