"""The words that shops write into cells, from `words.yaml`."""

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final, cast

import pandas as pd
import yaml

from features.inspect.names import normal
from features.placeholders import GUESTS, MISSING, TOTALS

_PLACEHOLDERS: Final = {"guest": GUESTS, "missing": MISSING, "total": TOTALS}


def word(text: str) -> str:
    """Return the word in a cell in one spelling; digits and single letters keep their marks.

    >>> word(" N/A"), word("-1"), word("Partially_Refunded"), word("合计:")
    ('na', '-1', 'partiallyrefunded', '合计')
    """
    plain = normal(text)
    stripped = unicodedata.normalize("NFKC", text).strip().casefold()
    return plain if len(plain) > 1 and not plain.isdecimal() else stripped


def words(kind: str) -> frozenset[str]:
    """Return the words of a `kind` that has no parts, spelled as by `word`."""
    listed = _PLACEHOLDERS[kind] if kind in _PLACEHOLDERS else _words()[kind]
    return frozenset(map(word, listed))


def meanings(kind: str) -> dict[str, str]:
    """Return word (spelled as by `word`) -> meaning, of `status` or `line_type`."""
    listed = cast(Mapping[str, Sequence[str]], _words()[kind])
    return {word(each): meaning for meaning, known in listed.items() for each in known}


def in_words(cells: pd.Series, kind: str) -> pd.Series:
    """Return whether each cell is a word of `kind`."""
    known = words(kind)
    found = [cell for cell in cells.dropna().unique() if word(str(cell)) in known]
    return cells.isin(found).fillna(False).astype(bool)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> counted(1, "row"), counted(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(values: Iterable[object]) -> str:
    """Return `values` as a YAML list on one line.

    >>> listed(["0", "散客"])
    '["0", "散客"]'
    """
    return json.dumps([str(value) for value in values], ensure_ascii=False)


@cache
def _words() -> dict[str, Sequence[str] | Mapping[str, Sequence[str]]]:
    listed: dict[str, Sequence[str] | Mapping[str, Sequence[str]]] = yaml.safe_load(
        (Path(__file__).parent / "words.yaml").read_text(encoding="utf-8")
    )
    return listed
