"""Flows between the groups of a grouping as a table whose changes add up to 0."""

from dataclasses import dataclass

import pandas as pd

from training.segments.definitions import GROUPINGS
from training.segments.membership import OUTSIDE, SegmentError, flows
from training.segments.states import State


@dataclass(frozen=True, kw_only=True)
class Flows:
    """Who went from which group of a grouping to which, between two times."""

    groups: tuple[str, ...]
    """The keys of the groups, and `outside` last."""
    customers: pd.DataFrame
    """A row and a column for each of `groups`: from, to; numbers of customers."""

    @property
    def net(self) -> dict[str, int]:
        """The change of each group's size; they add up to 0."""
        change = self.customers.sum(axis=0) - self.customers.sum(axis=1)
        return {group: int(change[group]) for group in self.groups}


def grouped(state: State, grouping: str, *, before: pd.Timestamp, after: pd.Timestamp) -> Flows:
    """Return the flows of `grouping` (a key of GROUPINGS) between two times (UTC).

    Raises SegmentError for another grouping, unless `before` is earlier than `after`, and for a
    time before the first evaluation.
    """
    if grouping not in GROUPINGS:
        raise SegmentError(f"grouping {grouping!r}: one of {', '.join(GROUPINGS)}")
    if not before < after <= state.as_of:
        raise SegmentError(
            f"from {before} to {after}: the first is earlier, and the second not after the state's "
            f"time, {state.as_of}"
        )
    keys = [*GROUPINGS[grouping]]
    groups = (*keys, OUTSIDE)
    rows = flows(state.con, keys, before=before, after=after)
    matrix = rows.pivot(index="from_group", columns="to_group", values="customers")
    matrix = matrix.reindex(index=groups, columns=groups).fillna(0).astype("int64")
    return Flows(groups=groups, customers=matrix)
