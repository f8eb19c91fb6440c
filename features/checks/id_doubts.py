"""Doubts about ids: rounded, cut, spelled in two ways, or words that are no id."""

from collections.abc import Iterator
from typing import Final

import pandas as pd

from features.checks.doubt import Doubt, Evidence, examples, yaml_list
from features.checks.spellings import SPELLINGS, same_but_for
from features.ids import ROUNDED
from features.placeholders import GUESTS, MISSING, TOTALS, plain_word

_SAFE_DIGITS: Final = 15  # what a spreadsheet's number holds
_ROUNDED_SHARE: Final = 0.9  # of the ids with more digits
_CHANCE: Final = 3  # decimal digits: zeros that fall so by chance are rarer than 1 in 1,000
_CUT_IDS: Final = 20
_LOST = (
    "no option brings the digits back: format the column as text and export again "
    "(or take such ids as empty: `missing: {}`)"
)


def id_doubts(evidence: Evidence) -> Iterator[Doubt]:
    """Yield the doubts about the ids of orders, customers and products."""
    lines = evidence.lines
    ids = {
        "order": _distinct(lines["order_id"]),
        "customer": _distinct(lines["customer_id"], evidence.customers["customer_id"]),
        "product": _distinct(lines["product_id"], evidence.products["product_id"]),
    }
    for kind, distinct in ids.items():
        if len(distinct):
            yield from _scientific(kind, distinct)
            yield from _rounded(kind, distinct)
            yield from _words(kind, distinct, lines[f"{kind}_id"])
            if kind != "order":
                yield from _cut(kind, distinct)
                yield from _spelled_twice(kind, distinct)


def _distinct(*columns: pd.Series) -> pd.Series:
    """Return the distinct ids of `columns`, sorted."""
    ids: pd.Series = pd.concat([column.dropna().drop_duplicates() for column in columns])
    return ids.drop_duplicates().sort_values(ignore_index=True)


def _scientific(kind: str, ids: pd.Series) -> Iterator[Doubt]:
    rounded = ids[ids.str.match(ROUNDED).to_numpy(dtype=bool)]
    if len(rounded):
        yield Doubt(
            code=f"{kind}_ids_in_scientific_notation",
            summary=f"{len(rounded):,} of {len(ids):,} {kind} ids are in scientific notation, "
            f"such as {rounded.iloc[0]}",
            detail=f"A spreadsheet has rounded them: several {kind}s have become one.",
            way_on=f"{_LOST.format(yaml_list(rounded))}; if they are real: "
            f"`real_ids: {yaml_list(rounded)}`",
            examples=examples(rounded),
        )


def _rounded(kind: str, ids: pd.Series) -> Iterator[Doubt]:
    long = ids[ids.str.fullmatch(rf"[0-9]{{{_SAFE_DIGITS + 1},}}").to_numpy(dtype=bool)]
    zeros = long.str.slice(_SAFE_DIGITS).str.fullmatch("0+").to_numpy(dtype=bool)
    rounded = long[zeros]
    if len(rounded) == 0 or len(rounded) < _ROUNDED_SHARE * len(long):
        return
    if (rounded.str.len() - _SAFE_DIGITS).sum() >= _CHANCE:
        yield Doubt(
            code=f"{kind}_ids_rounded",
            summary=f"{len(rounded):,} of {len(ids):,} {kind} ids have {_SAFE_DIGITS} digits and "
            f"then only zeros, such as {rounded.iloc[0]}",
            detail=f"A spreadsheet holds {_SAFE_DIGITS} digits of a number: several {kind}s may "
            "have become one.",
            way_on=_LOST.format(yaml_list(rounded)),
            examples=examples(rounded),
        )


def _cut(kind: str, ids: pd.Series) -> Iterator[Doubt]:
    """Doubt ids of free lengths that crowd at the greatest length, as a column's width cuts them.

    Numbers that count up crowd there too, but each length then holds ten times the one before.
    """
    lengths = ids.str.len().value_counts()
    longest = int(lengths.index.max())
    before = [int(lengths.get(longest - step, 0)) for step in (1, 2, 3)]
    crowd = int(lengths[longest])
    natural = before[0] >= 3 * before[1] or min(before) == 0
    if crowd >= max(_CUT_IDS, 5 * max(before)) and not natural:
        cut = ids[(ids.str.len() == longest).to_numpy(dtype=bool)]
        yield Doubt(
            code=f"{kind}_ids_cut",
            summary=f"{crowd:,} of {len(ids):,} {kind} ids are {longest} characters long, none is "
            f"longer, and only {before[0]:,} have one less",
            detail=f"A column of that width may have cut longer ids: several {kind}s become one.",
            way_on=f"map `{kind}_id` to a column that holds the whole id, or export it wider",
            examples=examples(cut),
        )


def _spelled_twice(kind: str, ids: pd.Series) -> Iterator[Doubt]:
    for spelling in SPELLINGS:
        same = same_but_for(ids, spelling)
        if same.empty:
            continue
        distinct = same.index.nunique()
        rule = None if spelling.rule is None else spelling.rule(same)
        yield Doubt(
            code=f"{kind}_ids_differ_by_{spelling.code}",
            summary=f"{len(same):,} {kind} ids are {distinct:,} but for {spelling.by}: "
            f"{', '.join(repr(each) for each in same.iloc[:2])}",
            detail=f"Each spelling is a {kind} of its own, with a part of the history.",
            way_on=f"if they are the same: `{kind}_ids: {rule}`"
            if rule is not None
            else f"if they are the same, write them in one way in the column of `{kind}_id`: "
            "the mapping changes no spaces inside an id",
            examples=examples(same),
        )


def _words(kind: str, ids: pd.Series, of_lines: pd.Series) -> Iterator[Doubt]:
    plain = ids.map(plain_word)
    for words, what, option in (
        (MISSING, "look like an empty cell", "missing"),
        (GUESTS if kind == "customer" else frozenset(), "look like a guest", "guest_ids"),
        (TOTALS, "look like a row of totals", "totals"),
    ):
        found = ids[plain.isin(words).to_numpy(dtype=bool)]
        if found.empty:
            continue
        lines = int(of_lines.isin(found).sum())
        yield Doubt(
            code=f"{kind}_ids_{option}",
            summary=f"{kind} ids {what}: {', '.join(repr(each) for each in found.iloc[:5])} "
            f"({lines:,} order lines)",
            detail=f"As it stands, it is a {kind} like any other.",
            way_on=f"`{option}: {yaml_list(found)}`; if they are real: "
            f"`real_ids: {yaml_list(found)}`",
            examples=examples(found),
        )
