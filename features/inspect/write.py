"""Write a draft as YAML: each line below the comment of its reasons, the questions at the end."""

import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from features.datasets.mapping import OrderLineColumns
from features.inspect.draft import Draft

_ORDER: Final = (
    "timezone",
    "currency",
    "delimiter",
    "encoding",
    "sheet",
    "header_row",
    "decimal",
    "thousands",
    "time_format",
    "missing",
    "totals",
    "fill_down",
    "where",
    "status",
    "order_lines",
    "order_heads",
    "line_types",
    "fee_product_ids",
    "discount_product_ids",
    "negative_price",
    "zero_quantity",
    "without_prices",
    "guest_ids",
    "customer_ids",
    "product_ids",
    "orders_may_span_days",
    "unused",
    "customers",
    "products",
)
_PLAIN: Final = re.compile(r"[^\W\d][\w ./()+-]*", re.ASCII)
"""Scalars that need no quotes, whatever reads them."""
_NOT_TEXT: Final = frozenset(["null", "true", "false", "yes", "no", "on", "off", "y", "n"])
_WIDTH: Final = 96


def to_yaml(draft: Draft, files: Sequence[Path]) -> str:
    """Return `draft` as the YAML of a mapping, as `load_mapping` reads it."""
    names = ", ".join(file.name for file in files)
    out = [
        f"# A mapping for {_one_line(names)}, written by `features inspect`.",
        "# The comments say what the file shows. Answer each of the `questions` at the end by",
        "# changing or confirming its line, and remove the question; `ingest` refuses before.",
    ]
    out += _comments(draft, "", "")
    tree: dict[str, Any] = {}
    for key, value in draft.values.items():
        section, _, name = key.partition(".")
        if name:
            tree.setdefault(section, {})[name] = value
        else:
            tree[key] = value
    if unknown := sorted(set(tree) - set(_ORDER)):
        raise ValueError(f"draft.values: no place for {unknown} in the mapping")
    order = list(OrderLineColumns.model_fields)
    tree["order_lines"] = dict(
        sorted(tree["order_lines"].items(), key=lambda item: order.index(item[0]))
    )
    for key in _ORDER:
        out += _comments(draft, key, "")
        if key not in tree:
            continue
        sectioned = any(each.startswith(f"{key}.") for each in draft.values)
        if not sectioned:
            out.append(f"{key}: {scalar_or_flow(tree[key])}")
            continue
        out.append(f"{key}:")
        for name, value in tree[key].items():
            out += _comments(draft, f"{key}.{name}", "  ")
            out.append(f"  {name}: {scalar_or_flow(value)}")
    if draft.questions:
        out += ["", "# Remove each line below once it is answered."]
        out.append("questions:")
        for key, questions in draft.questions.items():
            out.append(f"  {scalar_or_flow(key)}: {_quoted(' | '.join(questions))}")
    return "\n".join(out) + "\n"


def scalar_or_flow(value: Any) -> str:
    """Return text, a list or a dictionary of them as YAML on one line.

    >>> scalar_or_flow(["@day", "till no"]), scalar_or_flow({"order": ["no"]})
    ('["@day", till no]', '{order: ["no"]}')
    """
    if isinstance(value, Mapping):
        parts = (f"{scalar_or_flow(k)}: {scalar_or_flow(v)}" for k, v in value.items())
        return f"{{{', '.join(parts)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(scalar_or_flow, value))}]"
    text = str(value)
    plain = _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT and text == text.strip()
    return text if plain else _quoted(text)


def _quoted(text: str) -> str:
    """Return `text` in double quotes; what YAML cannot hold is escaped."""
    escaped = "".join(
        char
        if char.isprintable() and char not in '"\\'
        else json.dumps(char)[1:-1]
        if char in '"\\\n\t'
        else f"\\U{ord(char):08x}"
        for char in text
    )
    return f'"{escaped}"'


def _comments(draft: Draft, key: str, indent: str) -> list[str]:
    """Return the reasons of `key` as comment lines."""
    lines = []
    for reason in draft.reasons.get(key, []):
        lead = f"{indent}# " if key in draft.values or not key else f"{indent}# {key}: "
        lines += textwrap.wrap(
            _one_line(reason),
            width=_WIDTH,
            initial_indent=lead,
            subsequent_indent=f"{indent}#   ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    return lines


def _one_line(text: str) -> str:
    """Return `text` without line breaks and characters that cannot be shown."""
    return "".join(char if char.isprintable() else " " for char in text)
