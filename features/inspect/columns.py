"""Which column is which: by its name, if its cells agree; two of one role are a question."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import pandas as pd

from features.inspect.draft import Draft
from features.inspect.names import Sureness, normal, sureness
from features.inspect.roles import objection

ROLES: Final = (
    "order_id",
    "product_id",
    "event_timestamp",
    "time_of_day",
    "customer_id",
    "quantity",
    "line_number",
    "unit_price",
    "line_total",
    "line_discount",
    "line_tax",
    "currency",
    "status",
    "line_type",
    "store_id",
    "till_id",
    "channel",
    "title",
    "category",
    "country",
)
"""In the order in which they take their columns."""
_ONE_OF_MANY: Final = ("order_id", "product_id", "event_timestamp", "customer_id")
"""Roles whose choice between two columns changes the result."""
_NEEDED: Final = (*_ONE_OF_MANY, "quantity", "unit_price", "line_total")
_PASSES: Final[tuple[tuple[tuple[Sureness, ...], bool], ...]] = (
    (("sure",), False),
    (("perhaps",), False),
    (("sure", "perhaps"), True),
    (("contains",), True),
)
"""How well a name must fit, and whether for all roles or the needed ones, which go first."""
_DOUBTED: Final = ("order_id", "product_id", "customer_id")
"""Roles for which a less usual name alone is a question: any cells agree with them."""


class Candidate(NamedTuple):
    """A column that may have a role."""

    column: str
    level: Sureness
    place: int


def assign(rows: pd.DataFrame, draft: Draft, *, roles: Sequence[str] = ROLES) -> dict[str, str]:
    """Return the column of each of `roles` that has one; write notes and questions to `draft`."""
    taken: dict[str, str] = {}
    for levels, of_all in _PASSES:
        for role in roles:
            if role in taken or not (of_all or role in _NEEDED):
                continue
            candidates = [
                each
                for each in _candidates(rows, role, draft, set(taken.values()))
                if each.level in levels
            ]
            if candidates:
                taken[role] = _choose(rows, role, candidates, draft).column
    return taken


def reason(rows: pd.DataFrame, column: str) -> str:
    """Return what a column holds, for the comment beside it."""
    cells = rows[column].dropna()
    if cells.empty:
        return "empty"
    share = f"{len(cells) / len(rows):.0%} of the rows"
    example = f"{cells.iloc[0]!r} in row {cells.index[0]}"
    if cells.nunique() == 1:
        return f"one value in {share}, {example}"
    return f"{cells.nunique():,} different values in {share}, such as {example}"


def _candidates(rows: pd.DataFrame, role: str, draft: Draft, taken: set[str]) -> list[Candidate]:
    found = []
    for column in rows.columns:
        fit = sureness(column, role)
        if fit is None or column in taken:
            continue
        if fit[0] == "contains" and role not in (*_ONE_OF_MANY, "quantity", "unit_price"):
            continue
        is_name = role == "order_id" and normal(column) == "name"
        against = objection("order_name" if is_name else role, rows[column])
        if against is None:
            found.append(Candidate(column, "sure" if is_name else fit[0], fit[1]))
        elif fit[0] == "sure" and against != "it is empty":
            draft.note("", f"{column!r} has a name of {_spoken(role)}, but is not taken: {against}")
    order = ("sure", "perhaps", "contains")
    return sorted(found, key=lambda each: (order.index(each.level), each.place))


def _choose(
    rows: pd.DataFrame, role: str, candidates: Sequence[Candidate], draft: Draft
) -> Candidate:
    best = candidates[0]
    key = f"order_lines.{role}"
    if best.level == "contains" or (best.level == "perhaps" and role in _DOUBTED):
        draft.ask(
            key,
            f"is {best.column!r} the column of the {_spoken(role)}? Its name alone does not "
            f"say so ({reason(rows, best.column)}): confirm, or name another column",
        )
    rivals = [each for each in candidates[1:] if each.level == best.level]
    for rival in rivals:
        if role not in _ONE_OF_MANY:
            draft.note(key, f"{rival.column!r} is another such column")
        elif _says_no_more(rows[best.column], rows[rival.column]):
            draft.note(key, f"{rival.column!r} says the same")
        else:
            draft.ask(
                key,
                f"{best.column!r} ({reason(rows, best.column)}) or {rival.column!r} "
                f"({reason(rows, rival.column)}): which one is the {_spoken(role)}? Keep the "
                f"first, or write {role}: {rival.column}",
            )
    return best


def _says_no_more(one: pd.Series, other: pd.Series) -> bool:
    """Return whether `one` is filled where `other` is, and each value goes with one of `other`."""
    both = one.notna() & other.notna()
    if not both.any() or bool((other.notna() & one.isna()).any()):
        return False
    pairs = pd.DataFrame({"one": one[both], "other": other[both]}).drop_duplicates()
    return bool(len(pairs) == pairs["one"].nunique() == pairs["other"].nunique())


def _spoken(role: str) -> str:
    return {"event_timestamp": "time of an order", "till_id": "till"}.get(
        role, role.replace("_", " ")
    )
