"""The spellings in which one id may stand twice, each with the rule that makes them equal."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Spelling:
    """One way to write ids differently."""

    code: str
    by: str
    """What differs, for a sentence."""
    key: Callable[[pd.Series], pd.Series]
    """Returns ids (text, not null) in one spelling."""
    rule: Callable[[pd.Series], str] | None
    """Returns the mapping's rule that makes the given ids equal; None: no rule does."""


def _lower(ids: pd.Series) -> pd.Series:
    return ids.str.lower()


def _composed(ids: pd.Series) -> pd.Series:
    """Return `ids` in NFKC: full-width characters become plain, accents are composed."""
    foreign = ids.str.contains(r"[^\x00-\x7f]").to_numpy(dtype=bool)
    if not foreign.any():
        return ids
    plain = ids.astype(object)
    plain[foreign] = [unicodedata.normalize("NFKC", text) for text in plain[foreign]]
    return plain


def _without_zeros(ids: pd.Series) -> pd.Series:
    """Return `ids` without the leading zeros of those that are numbers."""
    digits = ids.str.fullmatch(r"[0-9]+").to_numpy(dtype=bool)
    return ids.where(~digits, ids.str.lstrip("0"))


def _without_suffix(ids: pd.Series) -> pd.Series:
    return ids.str.replace(r"^([0-9]+)\.0$", r"\1", regex=True)


def _without_spaces(ids: pd.Series) -> pd.Series:
    return ids.str.replace(r"\s+", "", regex=True)


def _width(ids: pd.Series) -> str:
    return f"{{width: {ids.str.len().max()}}}"


SPELLINGS: Final = (
    Spelling(code="case", by="upper and lower case", key=_lower, rule=lambda _: "{case: lower}"),
    Spelling(
        code="form",
        by="the Unicode form (full-width characters, accents)",
        key=_composed,
        rule=lambda _: "{form: NFKC}",
    ),
    Spelling(code="zeros", by="leading zeros", key=_without_zeros, rule=_width),
    Spelling(
        code="suffix",
        by="an ending .0",
        key=_without_suffix,
        rule=lambda _: '{remove: ".0"}',
    ),
    Spelling(code="spaces", by="spaces", key=_without_spaces, rule=None),
)


def same_but_for(ids: pd.Series, spelling: Spelling) -> pd.Series:
    """Return those of the distinct `ids` that are equal to another but for `spelling`, by key."""
    keys = spelling.key(ids)
    same = keys.duplicated(keep=False).to_numpy(dtype=bool)
    return ids[same].set_axis(keys[same]).sort_index(kind="stable")
