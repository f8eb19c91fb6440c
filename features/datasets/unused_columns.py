"""Columns that a mapping does not use, though their names say that they matter."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from features.datasets.mapping import ShopMapping, columns_of
from features.files.cells import refuse, text

_STATUS: Final = re.compile(
    r"status|\bstate\b|zustand|cancel|refund|void|storn|annul|estado|stato|état|状态|状態|取消|退款|ステータス",
    re.IGNORECASE,
)
_NO_ORDER: Final = re.compile(
    r"^(?:cancel|refund|return|void|fail|storn|annul|rembours|erstattet|reembols|on.hold"
    r"|partially.refund|chargeback|pending|expired|已?取消|已?退款|退货|已?关闭|作废|待付款)",
    re.IGNORECASE,
)
_END: Final = re.compile(r"cancel|refund|void|storn|annul|取消|退款|作废", re.IGNORECASE)
"""Columns whose filled cells, even times and amounts, say that something was taken back."""
_NO: Final = re.compile(r"^(?:[0.,]+|no?|false|none|nein|nicht.*|not .*|never|否|无|-+)$", re.I)
_CURRENCY: Final = re.compile(
    r"(?:^|[ _])(?:currency|currency[ _]code|währung|devise|moneda|valuta)$|币种|货币|幣別|通貨",
    re.IGNORECASE,
)
_AMOUNT: Final = re.compile(
    r"discount|shipping|freight|\btax|\btip\b|rabatt|versand|steuer|remise|frais|descuento|env[ií]o"
    r"|优惠|折扣|运费|税额|値引|送料",
    re.IGNORECASE,
)
_NOT_ZERO: Final = re.compile(r"[1-9]")
_AN_AMOUNT: Final = re.compile(r"^[^\w]*[A-Za-z]{0,3}[^\w]*[\d.,' ]+\D{0,4}$")


def watched(header: Sequence[str], mapping: ShopMapping) -> list[str]:
    """Return the names in `header` that `mapping` does not use, of a status, currency or amount."""
    used = {*mapping.where, *mapping.unused}
    for section in (mapping.order_lines, mapping.customers, mapping.products):
        if section is not None:
            used |= {part for parts in columns_of(section).values() for part in parts}
    free = [name for name in header if name not in used]
    return [name for name in free if _AMOUNT.search(name) or _may_refuse(name, mapping)]


def _may_refuse(name: str, mapping: ShopMapping) -> bool:
    """Return whether a column of this `name` may say that orders do not stand."""
    of_status = mapping.status is None and _STATUS.search(name) is not None
    return of_status or _CURRENCY.search(name) is not None


def refuse_unused(rows: pd.DataFrame, mapping: ShopMapping, *, file: str) -> None:
    """Raise BadInput if a watched column of `rows` says that orders do not stand as they are read.

    Such a column is named like a status and holds a word like `cancelled`, is named like a
    cancellation and is filled, or is named like a currency and holds another one.
    """
    for name in watched(list(rows.columns), mapping):
        if not _may_refuse(name, mapping):
            continue
        bad, way_on = _unused_column(name, text(rows[name]).dropna(), mapping)
        if len(bad):
            rule = (
                f"the mapping does not use this column, but {len(bad)} rows {way_on}, or "
                f"unused: [{name}]"
            )
            refuse(bad, pd.Series(True, index=bad.index), file=Path(file), rule=rule)


def unused_amounts(rows: pd.DataFrame, mapping: ShopMapping) -> Iterator[tuple[str, int]]:
    """Yield each watched column of amounts, such as an order's shipping, and its rows above 0."""
    for name in watched(list(rows.columns), mapping):
        if _AMOUNT.search(name):
            cells = text(rows[name]).dropna()
            count = int((cells.str.match(_AN_AMOUNT) & cells.str.contains(_NOT_ZERO)).sum())
            if count:
                yield name, count


def _unused_column(name: str, cells: pd.Series, mapping: ShopMapping) -> tuple[pd.Series, str]:
    """Return the filled `cells` of an unused column that matter, and the option that reads it."""
    if _CURRENCY.search(name):
        other = cells[(cells != mapping.currency).fillna(False).to_numpy(dtype=bool)]
        return other, f"have another currency: write order_lines: {{currency: {name}}}"
    words = cells[cells.str.match(_NO_ORDER).fillna(False).to_numpy(dtype=bool)]
    if len(words):
        listed = ", ".join(dict.fromkeys(cells))
        return words, (
            f"say that their order may not stand: write status: {{column: {name}, order: [...], "
            f"leave_out: [...], refund: [...], wait: [...]}} with its words ({listed})"
        )
    if not _END.search(name):
        return words, ""
    stands = cells.str.match(_NO).fillna(False).to_numpy(dtype=bool)
    listed = ", ".join(json.dumps(each) for each in ("", *dict.fromkeys(cells[stands])))
    return cells[~stands], (
        "say that their order may not stand: to leave them out, write where: "
        f"{{{name}: {{only: [{listed}]}}}}"
    )
