"""Inspect a shop's files: a mapping with its reasons, open questions, and what would come in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from features.checks.doubt import Doubt
from features.checks.figures import Figures
from features.datasets.mapping import ShopMapping, load_mapping
from features.inspect import amounts, identity, ids, order_rows, status
from features.inspect.columns import reason
from features.inspect.draft import STAND_INS, Draft
from features.inspect.formats import formats
from features.inspect.line_numbers import identical_lines, line_number
from features.inspect.lines import Lines
from features.inspect.presets import fitting_presets
from features.inspect.preview import preview
from features.inspect.shop_files import add_others, order_lines_of, read_files, texts_of_lines
from features.inspect.write import to_yaml
from features.schema import BadInput


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What inspect saw in a shop's files."""

    mapping: str
    """The YAML of the mapping, with a comment of reasons at each line, and the questions."""
    questions: Mapping[str, tuple[str, ...]]
    """What only the shop can answer, by the mapping's key; `ingest` refuses until it is."""
    evidence: Mapping[str, tuple[str, ...]]
    """What the files show, by the mapping's key."""
    order_files: tuple[Path, ...]
    """The files of the order lines, which `ingest` takes as `--file`."""
    figures: Figures | None
    """What would come in with the mapping as it stands; None if `ingest` would refuse it."""
    doubts: tuple[Doubt, ...]
    """What is odd about the data that would come in, as `features check` shows it."""
    refusal: str | None
    """Why `ingest` would refuse the files even with every question confirmed."""


def inspect(
    files: Sequence[Path], *, timezone: str | None = None, currency: str | None = None
) -> Inspection:
    """Return a mapping for `files`, which hold a shop's orders, and perhaps heads, products, ...

    `timezone` (IANA) and `currency` (ISO 4217) are the shop's, if they are known. At most
    2,000,000 rows are looked at; the figures rest on all. Raises BadInput if a file cannot be read,
    or no column holds the orders' times or products.
    """
    found = read_files(files)
    own = order_lines_of(found)
    draft = own.draft
    if not own.table.whole:
        draft.note("", f"only the first {len(own.table.rows):,} rows were looked at")
    fitting_presets(own.table.names, draft)
    lines = Lines(own.table.files[0], own.table.rows, own.roles)
    if lines.rows.empty:
        raise BadInput(file=str(lines.file), rule="holds no rows below its header")
    lines = add_others(lines, own, [each for each in found if each is not own], draft)
    lines = _with_products(lines, draft)
    lines = order_rows.without_totals(lines, draft)
    lines = order_rows.without_missing(lines, draft)
    lines = order_rows.filled_down(lines, draft)
    lines = formats(lines, draft, timezone=timezone, currency_code=currency)
    _write_lines(lines, draft)
    text = to_yaml(draft, own.table.files)
    coming = preview(
        own.table.files, _loaded(text, draft), now=pd.Timestamp.now(tz="UTC").as_unit("us")
    )
    return Inspection(
        mapping=text,
        questions={key: tuple(each) for key, each in draft.questions.items()},
        evidence={key: tuple(each) for key, each in draft.reasons.items()},
        order_files=own.table.files,
        figures=coming.figures,
        doubts=coming.doubts,
        refusal=coming.refusal,
    )


def _with_products(lines: Lines, draft: Draft) -> Lines:
    """Return the lines with a column of product ids; a question where only its cells say so."""
    if "product_id" in lines:
        return lines
    free = {
        name: cells.nunique()
        for name, cells in lines.rows.items()
        if name not in lines.roles.values()
        and cells.notna().mean() > 0.9
        and not cells.str.contains(r"\d[.,]\d", na=False).any()
    }
    if not free:
        shown = ", ".join(map(repr, lines.rows.columns[:20]))
        rule = f"no column holds product ids; the file has {shown}: write a mapping by hand"
        raise BadInput(file=str(lines.file), rule=rule)
    likely = str(max(free, key=lambda name: free[name] if free[name] < len(lines.rows) else 0))
    draft.ask(
        "order_lines.product_id",
        f"no column has a name of product ids; is it {likely!r} ({reason(lines.rows, likely)})? "
        "Confirm, or name another column",
    )
    return Lines(lines.file, lines.rows, {**lines.roles, "product_id": likely})


def _write_lines(lines: Lines, draft: Draft) -> None:
    """Write everything about the order lines into `draft`, once their formats are known."""
    for role in ("product_id", "customer_id", "channel", "store_id"):
        if role in lines:
            name = lines.roles[role]
            draft.put(f"order_lines.{role}", name, reason(lines.rows, name))
    amounts.prices(lines, draft)
    status.line_types(lines, draft)
    moments = lines.moments(draft)
    orders = identity.order_id(lines, moments, amounts.sold(lines, draft), draft)
    line_number(lines, orders, draft)
    identical_lines(lines, draft)
    ids.rounded(lines, draft)
    ids.without_product(lines, draft)
    ids.guests(lines, orders, draft)
    ids.spellings(lines, draft)
    amounts.negative(lines, draft)
    amounts.fees(lines, draft)
    status.status(lines, draft)
    texts_of_lines(lines, draft)


def _loaded(text: str, draft: Draft) -> ShopMapping:
    """Return the mapping in `text`, with stand-ins for what is open."""
    stand_ins = [f"{key}={value}" for key, value in STAND_INS.items() if key not in draft.values]
    with TemporaryDirectory() as folder:
        file = Path(folder) / "shop.yaml"
        file.write_text(text, encoding="utf-8")
        return load_mapping(file, stand_ins)
