"""Which of a shop's files holds the order lines, and what the others hold."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from features.files.layout import Layout
from features.ids import clean_ids
from features.inspect.columns import assign, reason
from features.inspect.draft import Draft
from features.inspect.layout import find_layout
from features.inspect.lines import Lines
from features.inspect.names import sureness
from features.inspect.order_rows import total_rows
from features.inspect.table import Table, read_table
from features.schema import BadInput

_LOOKED_AT = 20_000
"""Rows that decide the columns' roles."""
_SECTIONS = {"product_id": "products", "customer_id": "customers"}
_TEXTS = {"product_id": ("title", "category"), "customer_id": ("country",)}
_SHARED = 0.5
"""Share of the order lines' ids that a file about them holds, at the least."""


@dataclass(frozen=True)
class ShopFile:
    """Files with the same columns, the columns' roles, and what the layout's draft says."""

    table: Table
    roles: dict[str, str]
    draft: Draft

    @property
    def name(self) -> str:
        """The name of the first file."""
        return self.table.files[0].name


def read_files(files: Sequence[Path]) -> list[ShopFile]:
    """Return the tables in `files`, those with the same columns as one. Raises BadInput."""
    drafts: dict[Path, Draft] = {}
    groups: dict[tuple[str, ...], list[tuple[Path, Layout]]] = {}
    for file in files:
        drafts[file] = Draft()
        layout = find_layout(file, drafts[file])
        names = read_table([file], layout).names if len(files) > 1 else []
        groups.setdefault(tuple(sorted(names)), []).append((file, layout))
    found = []
    for group in groups.values():
        first, layout = group[0]
        for file, other in group:
            if other != layout:
                rule = f"is not laid out as {first.name}: {other} and {layout}"
                raise BadInput(file=str(file), rule=f"{rule}; bring them into one form")
        table = read_table([file for file, _ in group], layout)
        draft = drafts[first]
        rows = table.rows.head(_LOOKED_AT)
        roles = assign(rows[~total_rows(rows)], draft) if len(rows) else {}
        found.append(ShopFile(table, roles, draft))
    return found


def order_lines_of(found: Sequence[ShopFile]) -> ShopFile:
    """Return the table of the order lines: with products, and orders or times, and most rows."""

    def rank(each: ShopFile) -> tuple[bool, bool, int]:
        roles = each.roles
        amounts = {"quantity", "unit_price", "line_total"} & set(roles)
        dated = {"order_id", "event_timestamp"} & set(roles)
        return "product_id" in roles and bool(dated), bool(amounts), len(each.table.rows)

    return max(found, key=rank)


def add_others(lines: Lines, own: ShopFile, others: Sequence[ShopFile], draft: Draft) -> Lines:
    """Write the sections of the other files into `draft`; return the lines with their heads.

    What a file holds follows from the ids that it shares with the order lines.
    """
    for other in others:
        role, key = _shared_key(lines, other)
        if role == "order_id" and "order_heads.file" not in draft.values:
            lines = _with_heads(lines, own, other, draft, key=key)
        elif role in _SECTIONS and f"{_SECTIONS[role]}.file" not in draft.values:
            _put_file(draft, _SECTIONS[role], other, own)
            _section(other, draft, role, key)
        else:
            draft.note("", f"{other.name} is not used: no column of it holds ids of the orders")
    return lines


def _shared_key(lines: Lines, other: ShopFile) -> tuple[str, str]:
    """Return the role and the column of the ids in `other` that the order lines have too."""
    best = (0, 0.0, "", "")
    for role in ("order_id", "product_id", "customer_id"):
        if role not in lines:
            continue
        ids = lines.ids(role).dropna().drop_duplicates()
        for name, cells in other.table.rows.items():
            keys = clean_ids(cells).dropna()
            shared = float(ids.isin(keys).mean()) if len(ids) else 0.0
            if shared > _SHARED and not keys.duplicated().any():
                named = sureness(str(name), role) is not None
                best = max(best, (named, shared, role, str(name)))
    return best[2], best[3]


def _put_file(draft: Draft, section: str, other: ShopFile, own: ShopFile) -> None:
    """Write the path of a file, and its layout where it differs from that of the order lines."""
    path = os.path.relpath(other.table.files[0], own.table.files[0].parent)
    draft.put(f"{section}.file", path, f"{len(other.table.rows):,} rows")
    if other.table.layout != own.table.layout:
        layout = other.table.layout.model_dump(exclude_defaults=True)
        draft.put(f"{section}.layout", layout, "it is laid out in another way")


def _with_heads(lines: Lines, own: ShopFile, other: ShopFile, draft: Draft, *, key: str) -> Lines:
    _put_file(draft, "order_heads", other, own)
    own_key = lines.roles["order_id"]
    draft.put("order_heads.order_id", key, reason(other.table.rows, key))
    if key != own_key:
        draft.put("order_heads.line_order_id", own_key, "the same id in the order lines")
    heads = other.table.rows.set_axis(clean_ids(other.table.rows[key]))
    ids = clean_ids(lines.rows[own_key])
    added = {
        name: ids.map(heads[name].to_dict()).astype("string[pyarrow]")
        for name in heads.columns
        if name not in lines.rows.columns
    }
    rows = lines.rows.assign(**added)
    roles = {r: name for r, name in other.roles.items() if name in added and r not in lines.roles}
    return Lines(lines.file, rows, {**lines.roles, **roles})


def _section(other: ShopFile, draft: Draft, role: str, key: str) -> None:
    rest = other.table.rows.drop(columns=key)
    for name, column in {role: key, **assign(rest, draft, roles=_TEXTS[role])}.items():
        draft.put(f"{_SECTIONS[role]}.{name}", column, reason(other.table.rows, column))


def texts_of_lines(lines: Lines, draft: Draft) -> None:
    """Write the products' and customers' texts that stand in the order lines into `draft`."""
    for key, section in _SECTIONS.items():
        texts = [role for role in _TEXTS[key] if role in lines]
        if not texts or key not in lines or f"{section}.{key}" in draft.values:
            continue
        draft.put(f"{section}.{key}", lines.roles[key], "the texts stand in the order lines")
        for role in texts:
            draft.put(f"{section}.{role}", lines.roles[role], reason(lines.rows, lines.roles[role]))
