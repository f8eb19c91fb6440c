"""The names that shops give to columns, from `names.yaml`."""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final, Literal

import yaml

Sureness = Literal["sure", "perhaps", "contains"]
_BRACKETS: Final = re.compile(r"[(\[（【].*?[)\]）】]")


def normal(text: str) -> str:
    """Return `text` without case, accents, white space and punctuation.

    >>> normal("Lineitem_Quantity "), normal("Numéro de commande"), normal("单价")
    ('lineitemquantity', 'numerodecommande', '单价')
    """
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(char for char in plain if char.isalnum())


def sureness(column: str, role: str) -> tuple[Sureness, int] | None:
    """Return how well the name `column` fits `role`, with its place in the list of names.

    `contains`: a known name is only a part of it. None if the name does not fit.

    >>> sureness("Unit_Price (EUR)", "unit_price")
    ('sure', 0)
    >>> sureness("colour", "unit_price") is None
    True
    """
    spelled = normal(column), normal(_BRACKETS.sub("", unicodedata.normalize("NFKC", column)))
    known = _names()[role]
    for level in ("sure", "perhaps"):
        for name in spelled:
            if name in known[level]:
                return ("sure" if level == "sure" else "perhaps"), known[level].index(name)
    for place, name in enumerate(known["sure"]):
        if len(name) >= (6 if name.isascii() else 2) and name in spelled[1]:
            return "contains", place
    return None


def roles() -> Sequence[str]:
    """Return the roles of columns: the canonical columns, the time of day, and the till."""
    return list(_names())


@cache
def _names() -> dict[str, dict[str, list[str]]]:
    listed = yaml.safe_load((Path(__file__).parent / "names.yaml").read_text(encoding="utf-8"))
    return {
        role: {level: list(map(normal, map(str, names))) for level, names in levels.items()}
        for role, levels in listed.items()
    }
