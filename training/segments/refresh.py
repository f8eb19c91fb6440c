"""Compute the segments of all customers at a time, from the shop's tables, on one page.

`refresh` evaluates RFM groups and lifecycle states at the start of each local month since the last
refresh (at the first one: of a year), so that flows between months exist, and all segments at the
data cut. A definition counts from its first refresh on: its past is not made up. Posted events
count once `python -m features materialize` wrote them to the tables.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import duckdb
import pandas as pd

from configs.duck import connect
from features.tables import PinnedTables
from features.views import compute, put_table
from features.workspace import Workspace, WorkspaceError
from training.segments.definitions import BUILT_IN, Definition, Definitions
from training.segments.fields import ORDERS, put_customers
from training.segments.membership import SegmentError, drop, forget, record
from training.segments.states import NotComputed, State, States
from training.segments.vectors import LookalikeConfig, customer_vectors, put_vectors

FOLDER: Final = "segments"
"""In the workspace."""
MONTHS: Final = 12
"""A refresh evaluates the groups at no more month starts before the cut."""


class SegmentStore:
    """The definitions and the states of the segments of one workspace."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws
        self.definitions = Definitions(ws.home / FOLDER)
        self.states = States(ws.home / FOLDER)

    def define(self, key: str, text: str) -> tuple[Definition, State | None]:
        """Store the filter `text` under `key`, and evaluate it on the current state.

        Returns the definition, and the new state; None if nothing was computed yet. Raises
        SegmentError for a key, FilterError for a text.
        """
        with self._ws.lock(FOLDER):
            added = self.definitions.put(key, text, timezone=self._ws.timezone, now=self._ws.now())
            try:
                state = self.states.load()
            except NotComputed:
                return added, None
            if state.definitions.get(key) == added:
                return added, state
            forget(state.con, [key], at=state.as_of)
            record(state.con, {key: added.parsed()}, at=state.as_of)
            definitions = {**state.definitions, key: added}
            return added, self.states.write(
                state.con, as_of=state.as_of, definitions=dict(sorted(definitions.items()))
            )

    def remove(self, key: str) -> None:
        """Remove a definition with all that was recorded of it. Raises SegmentError."""
        with self._ws.lock(FOLDER):
            self.definitions.remove(key)
            try:
                state = self.states.load()
            except NotComputed:
                return
            drop(state.con, [key])
            rest = {k: d for k, d in state.definitions.items() if k != key}
            self.states.write(state.con, as_of=state.as_of, definitions=rest)

    def refresh(
        self,
        as_of: pd.Timestamp,
        *,
        months: int = MONTHS,
        progress: Callable[[int, int], None] | None = None,
    ) -> State:
        """Evaluate all segments at `as_of` (UTC) and make the result the current state.

        The same time again replaces its evaluation. Groups are evaluated at the month starts since
        the last refresh too, at most `months` of them. `progress` is called with the number of
        evaluated times, and of all. Raises SegmentError if the current state is of a later time,
        WorkspaceError if no customer was known before `as_of`.
        """
        tables = PinnedTables(self._ws)
        with self._ws.lock(FOLDER):
            con, earlier = self._before(as_of)
            times = [*_months(earlier, as_of, months=months, timezone=self._ws.timezone), as_of]
            definitions = self.definitions.current()
            parsed = {key: definition.parsed() for key, definition in definitions.items()}
            found = compute(connect(), tables.paths, "customer_activity", times)
            for done, (at, activity) in enumerate(found):
                if progress is not None:
                    progress(done, len(times))
                if at == as_of and not len(activity):
                    raise WorkspaceError(f"as_of = {as_of}: no customer was known before it")
                put_tables(con, tables.paths, at=at)
                put_customers(con, activity, at=at)
                segments = BUILT_IN if at < as_of else {**BUILT_IN, **parsed}
                forget(con, [*segments], at=at)
                record(con, segments, at=at)
            put_vectors(con, customer_vectors(con, LookalikeConfig(), at=as_of))
            return self.states.write(con, as_of=as_of, definitions=definitions)

    def _before(self, as_of: pd.Timestamp) -> tuple[duckdb.DuckDBPyConnection, pd.Timestamp | None]:
        """Return a connection with the memberships so far, and their last time; None: none yet."""
        try:
            state = self.states.load()
        except NotComputed:
            return connect(), None
        if state.as_of > as_of:
            raise SegmentError(
                f"as_of = {as_of}: the segments were computed at {state.as_of} already; refresh "
                "at a later time"
            )
        gone = set(state.definitions) - set(self.definitions.current())
        drop(state.con, sorted(gone))
        return state.con, state.as_of


def _months(
    earlier: pd.Timestamp | None, as_of: pd.Timestamp, *, months: int, timezone: str
) -> list[pd.Timestamp]:
    """Return the last `months` starts (UTC) of local months before `as_of`, after `earlier`."""
    local = as_of.tz_convert(timezone).tz_localize(None)
    first = local.to_period("M") - months
    local_starts = [
        start.tz_localize(timezone, nonexistent="shift_forward", ambiguous=True)
        for start in pd.period_range(first, local.to_period("M"), freq="M").to_timestamp()
    ]
    starts = [start.tz_convert("UTC").as_unit("us") for start in local_starts]
    newer = [at for at in starts if at < as_of and (earlier is None or at > earlier)]
    return newer[max(0, len(newer) - months) :]


def put_tables(
    con: duckdb.DuckDBPyConnection, paths: Mapping[str, Path], *, at: pd.Timestamp
) -> None:
    """Make the canonical tables, and the orders, as they were known at `at`.

    An order that was corrected at `at` or later has its former lines.
    """
    for name in ("order_lines", "products"):
        put_table(con, paths, name, corrected=at)
    put_table(con, paths, "customers", corrected=at, view="shop_customers")
    con.execute(ORDERS)
