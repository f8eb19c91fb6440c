"""The rows of a shop's orders: which of them count, and what their empty cells mean."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pandas as pd

from features.datasets.mapping import DAY, ShopMapping, columns_of
from features.datasets.source import Source, read_source
from features.files.cells import refuse, text
from features.files.headers import MissingColumn
from features.files.tables import read_header
from features.ids import clean_ids
from features.schema import BadInput

FIRST_LINE: Final = "if only the first line of an order has it, write fill_down: [{}]"


@dataclass(kw_only=True)
class OrderRows:
    """The rows of order lines that count, with those of their order heads."""

    source: Source
    read: int
    dropped: Counter[str] = field(default_factory=Counter)
    """Rows that do not count, by reason."""
    refunded: pd.Series
    """Whether the row's order was refunded."""
    left_out: pd.DataFrame = field(default_factory=pd.DataFrame)
    """Rows of orders that never came to be, by their status."""


def order_rows(files: Sequence[Path], mapping: ShopMapping) -> OrderRows:
    """Return the rows of `files` that count by the rules of `mapping`. Raises BadInput."""
    source = _with_heads(files, mapping)
    rows = OrderRows(
        source=source,
        read=len(source.rows),
        refunded=pd.Series(False, index=source.rows.index),
    )
    _leave_out_totals(rows)
    _fill_down(source)
    _leave_out_by_column(rows)
    _apply_status(rows)
    if source.rows.empty:
        counts = ", ".join(f"{reason}: {count}" for reason, count in rows.dropped.items())
        raise BadInput(file=source.file, rule=f"no row remains ({counts})")
    return rows


def _with_heads(files: Sequence[Path], mapping: ShopMapping) -> Source:
    """Return the rows of the order lines' files, joined with those of the heads' file."""
    columns = columns_of(mapping.order_lines)
    rules = [*mapping.fill_down, *mapping.where]
    rules += [] if mapping.status is None else [mapping.status.column]
    for section in (mapping.products, mapping.customers):
        if section is None:
            continue
        if section.file is None or in_order_rows(section.file, files):
            rules += [part for parts in columns_of(section).values() for part in parts]
    if not mapping.order_heads:
        try:
            return read_source(files, columns, mapping, others=rules, orders=True)
        except MissingColumn as error:
            raise _with_way_on(error, columns, heads=False) from error
    named = [part for parts in columns.values() for part in parts if part != DAY]
    keys = [heads.line_order_id or heads.order_id for heads in mapping.order_heads]
    wanted = dict.fromkeys([*named, *rules, *keys])
    known, added = set(read_header(files[0], mapping)), []
    for heads in mapping.order_heads:
        header = read_header(files[0].parent / heads.file, heads.layout or mapping)
        added.append([name for name in wanted if name not in known and name in header])
        known.update(added[-1])
    own = [name for name in wanted if not any(name in names for names in added)]
    try:
        lines = read_source(files, {}, mapping, others=own, orders=True)
    except MissingColumn as error:
        raise _with_way_on(error, columns, heads=True) from error
    for heads, key, names in zip(mapping.order_heads, keys, added, strict=True):
        orders = read_source(
            [files[0].parent / heads.file],
            {"order_id": (heads.order_id,)},
            mapping,
            layout=heads.layout,
            others=names,
            orders=True,
        )
        lines.columns = {"order_id": (key,)}
        lines.rows = _joined(lines, orders, names)
    return Source(lines.rows, columns, mapping, file=lines.file, files=lines.files)


def _with_way_on(
    error: MissingColumn, columns: Mapping[str, tuple[str, ...]], *, heads: bool
) -> BadInput:
    """Return `error` with the options that may solve it, unless the file shows what is wrong."""
    if error.hint:
        return error
    rule = error.rule
    if error.column in columns.get("quantity", ()):
        rule += "; leave quantity out if every row is one unit"
    if not heads:
        order = columns["order_id"][-1]
        heads_option = f"order_heads: {{file: ..., order_id: {order}}}"
        rule += f"; if another file has a row per order, write {heads_option}"
    return BadInput(file=error.file, column=error.column, rule=rule)


def _joined(lines: Source, orders: Source, added: Sequence[str]) -> pd.DataFrame:
    """Return the rows of `lines` with the columns `added` of their order's row."""
    rule = lines.mapping.order_ids
    keys = orders.id("order_id", rule)
    rule_once = "an order has one row in the file of order heads"
    orders.refuse("order_id", keys.duplicated() & keys.notna(), rule_once)
    heads = orders.rows.set_axis(keys)
    own = lines.id("order_id", rule)
    missing = own.notna() & ~own.isin(keys.dropna())
    lines.refuse("order_id", missing, f"the order has no row in {orders.file}")
    joined = lines.rows.copy()
    for name in added:
        joined[name] = own.map(heads[name].to_dict()).astype(orders.rows[name].dtype)
    return joined


def in_order_rows(file: Path, files: Sequence[Path]) -> bool:
    """Return whether a section's `file` is one of the order lines' `files`."""
    own = (files[0].parent / file).resolve()
    return any(own == each.resolve() for each in files)


def _leave_out_totals(rows: OrderRows) -> None:
    source, words = rows.source, rows.source.mapping.totals
    if not words:
        return
    filled = source.rows.apply(text).bfill(axis="columns")
    totals = filled.iloc[:, 0].isin(words).fillna(False).astype(bool)
    _drop(rows, totals, "totals")


def _fill_down(source: Source) -> None:
    """Fill empty cells of the mapping's `fill_down` columns from the row above, within an order."""
    names = list(source.mapping.fill_down)
    if not names:
        return
    filled = source.rows.copy()
    keys = [part for part in source.columns["order_id"] if part != DAY]
    for name in keys:
        if name in names:
            filled[name] = filled[name].ffill()
    ids = pd.DataFrame({name: clean_ids(filled[name]) for name in keys})
    same = pd.Series(True, index=filled.index)
    for name in keys:
        same &= (ids[name] == ids[name].shift()).fillna(False).astype(bool)
    order = (~same).cumsum()
    others = [name for name in names if name not in keys]
    if others:
        filled[others] = filled.groupby(order)[others].ffill()
    source.rows = filled


def _leave_out_by_column(rows: OrderRows) -> None:
    for name, rule in rows.source.mapping.where.items():
        cells = text(rows.source.rows[name]).fillna("")
        out = cells.isin(rule.leave_out).fillna(False)
        if rule.only is not None:
            out |= ~cells.isin(rule.only).fillna(False)
        _drop(rows, out.astype(bool), f"where: {name}")


def _apply_status(rows: OrderRows) -> None:
    source, status = rows.source, rows.source.mapping.status
    if status is None:
        return
    words = text(source.rows[status.column])
    known = {*status.order, *status.leave_out, *status.refund, *status.wait}
    listed = ", ".join(sorted(known))
    rule = (
        f"no word of `status` ({listed}): add it to order, leave_out, refund or wait; "
        + FIRST_LINE.format(status.column)
    )
    unknown = ~words.isin(known).fillna(False).astype(bool)
    refuse(source.rows[status.column], unknown, file=Path(source.file), rule=rule)
    rows.refunded = words.isin(status.refund).fillna(False).astype(bool)
    rows.left_out = source.rows[words.isin(status.leave_out).fillna(False).astype(bool)]
    for meaning, out in (("left out", status.leave_out), ("waiting", status.wait)):
        for word in out:
            mask = text(rows.source.rows[status.column]) == word
            _drop(rows, mask.fillna(False).astype(bool), f"{meaning}: {status.column} is {word}")


def _drop(rows: OrderRows, out: pd.Series, reason: str) -> None:
    if out.any():
        rows.dropped[reason] += int(out.sum())
        rows.source.rows = rows.source.rows[~out]
        rows.refunded = rows.refunded[~out]
