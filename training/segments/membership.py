"""Who was in a segment when: memberships with the time of entry and of leaving.

`record` evaluates the filters of segments over the customers at a time T and keeps the table
`membership`: segment, customer_id, entered_timestamp (the first evaluation of this stay at which
the filter held), left_timestamp (the first at which it no longer did; null: it still does). A
customer is a member at `at` when entered_timestamp <= at < left_timestamp: between two evaluations
the earlier one holds. `membership_evaluations` holds every segment's evaluation times.

Segments are separate, or the groups of one column (`groups_of`), which exclude each other.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import duckdb
import pandas as pd

from configs.errors import UserError
from features.schema import TEXT, TIME
from training.segments.filters import Compare, Filter, to_sql
from training.segments.names import quoted

OUTSIDE: Final = "outside"
"""In `flows`: in none of the groups."""
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS membership (
    segment VARCHAR, customer_id VARCHAR,
    entered_timestamp TIMESTAMPTZ, left_timestamp TIMESTAMPTZ
);
CREATE TABLE IF NOT EXISTS membership_evaluations (
    segment VARCHAR, evaluated_timestamp TIMESTAMPTZ
);
"""


class SegmentError(UserError, ValueError):
    """A segment cannot be recorded, read or exported so; the message says why."""


def groups_of(column: str, groups: Sequence[str]) -> dict[str, Filter]:
    """Return a segment for each of the `groups` of the text `column`, by its name.

    >>> print(groups_of("rfm_group", ["Champions"])["Champions"])
    rfm_group = "Champions"
    """
    return {group: Compare(column, "text", "=", group) for group in groups}


def record(
    con: duckdb.DuckDBPyConnection,
    segments: Mapping[str, Filter],
    *,
    at: pd.Timestamp,
    customers: str = "customers",
) -> None:
    """Evaluate the filters of `segments` (by key) at `at` (UTC), and date who entered and who left.

    `customers` is a table or view of `con` as of `at`: customer_id, and the filters' columns. A
    customer whom it no longer holds has left. All or nothing is recorded; `con` is in no
    transaction. Raises SegmentError for a key `outside`, and unless `at` is after every earlier
    evaluation of these segments.
    """
    if OUTSIDE in segments:
        raise SegmentError(f"segments: {OUTSIDE!r} is who is in no group; name it otherwise")
    if not segments:
        return
    keys, time = list(segments), _time(at)
    con.begin()
    try:
        con.execute(_TABLES)
        _refuse_earlier(con, keys, at)
        selects, values = [], []
        for key, node in segments.items():
            sql, parameters = to_sql(node)
            selects.append(
                f"SELECT ? AS segment, customer_id FROM {quoted(customers)} "
                f"WHERE customer_id IS NOT NULL AND {sql}"
            )
            values += [key, *parameters]
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE matching AS {' UNION '.join(selects)}",
            values,
        )
        con.execute(
            """
            UPDATE membership SET left_timestamp = ?
            WHERE left_timestamp IS NULL AND segment IN (SELECT unnest(?::VARCHAR[]))
                AND (segment, customer_id) NOT IN (SELECT (segment, customer_id) FROM matching)
            """,
            [time, keys],
        )
        con.execute(
            """
            INSERT INTO membership
            SELECT segment, customer_id, ?, NULL FROM matching
            ANTI JOIN (FROM membership WHERE left_timestamp IS NULL) AS open
                USING (segment, customer_id)
            """,
            [time],
        )
        con.execute(
            "INSERT INTO membership_evaluations SELECT unnest(?::VARCHAR[]), ?", [keys, time]
        )
        con.execute("DROP TABLE matching")
        con.commit()
    except BaseException:
        con.rollback()
        raise


def forget(con: duckdb.DuckDBPyConnection, keys: Sequence[str], *, at: pd.Timestamp) -> None:
    """Undo the evaluation at `at` (UTC) of the segments `keys`, which was the last one of each.

    A segment that was not evaluated then stays as it is. Raises SegmentError, and undoes nothing,
    if a segment was evaluated later.
    """
    con.execute(_TABLES)
    _refuse_earlier(con, list(keys), at + pd.Timedelta(microseconds=1))
    for change in (
        "DELETE FROM membership WHERE entered_timestamp",
        "UPDATE membership SET left_timestamp = NULL WHERE left_timestamp",
        "DELETE FROM membership_evaluations WHERE evaluated_timestamp",
    ):
        con.execute(
            f"{change} = ? AND segment IN (SELECT unnest(?::VARCHAR[]))", [_time(at), list(keys)]
        )


def drop(con: duckdb.DuckDBPyConnection, keys: Sequence[str]) -> None:
    """Remove all that was recorded of the segments `keys`."""
    con.execute(_TABLES)
    for table in ("membership", "membership_evaluations"):
        con.execute(
            f"DELETE FROM {table} WHERE segment IN (SELECT unnest(?::VARCHAR[]))", [list(keys)]
        )


def _refuse_earlier(con: duckdb.DuckDBPyConnection, keys: list[str], at: pd.Timestamp) -> None:
    rows = con.execute(
        "SELECT segment, evaluated_timestamp FROM membership_evaluations "
        "WHERE segment IN (SELECT unnest(?::VARCHAR[])) AND evaluated_timestamp >= ? "
        "ORDER BY evaluated_timestamp DESC, segment LIMIT 1",
        [keys, _time(at)],
    ).fetchall()
    for segment, evaluated in rows:
        last = pd.Timestamp(evaluated).tz_convert("UTC")
        raise SegmentError(
            f"at = {at}: segment {segment!r} was evaluated at {last}; record later times only"
        )


def members(
    con: duckdb.DuckDBPyConnection,
    segment: str,
    *,
    at: pd.Timestamp,
    opt_outs: Collection[str] = (),
    after: str | None = None,
    limit: int | None = None,
) -> pd.DataFrame:
    """Return the members of `segment` at `at` (UTC), except `opt_outs`, by customer_id.

    Columns: customer_id, entered_timestamp (UTC). For pages: at most `limit`, the ones whose
    customer_id comes `after` the given one. Raises SegmentError for a segment that was not
    evaluated at `at` or before.
    """
    query, values = members_query(con, [segment], at=at, opt_outs=opt_outs)
    frame = con.execute(
        f"""
        SELECT customer_id, entered_timestamp AT TIME ZONE 'UTC' AS entered_timestamp FROM ({query})
        WHERE ?::VARCHAR IS NULL OR customer_id > ? ORDER BY customer_id LIMIT ?
        """,
        [*values, after, after, limit],
    ).df()
    entered = frame["entered_timestamp"].dt.tz_localize("UTC").astype(TIME)
    return frame.assign(entered_timestamp=entered).astype({"customer_id": TEXT})


def counts(
    con: duckdb.DuckDBPyConnection, segments: Sequence[str], *, at: pd.Timestamp
) -> dict[str, int]:
    """Return the number of `members` of each of `segments`. Raises SegmentError as they do."""
    query, values = members_query(con, segments, at=at)
    rows = con.execute(f"SELECT segment, count(*) FROM ({query}) GROUP BY ALL", values).fetchall()
    return dict.fromkeys(segments, 0) | {str(segment): int(number) for segment, number in rows}


def count(
    con: duckdb.DuckDBPyConnection,
    segment: str,
    *,
    at: pd.Timestamp,
    opt_outs: Collection[str] = (),
) -> int:
    """Return the number of `members`. Raises SegmentError as they do."""
    query, values = members_query(con, [segment], at=at, opt_outs=opt_outs)
    rows = con.execute(f"SELECT count(*) FROM ({query})", values).fetchall()
    return int(rows[0][0])


def flows(
    con: duckdb.DuckDBPyConnection,
    groups: Sequence[str],
    *,
    before: pd.Timestamp,
    after: pd.Timestamp,
) -> pd.DataFrame:
    """Return how many customers went from which to which of the `groups` between two times (UTC).

    Columns: from_group, to_group (a segment, or `outside`: in none of them), customers; a row for
    every pair with a customer, those who stayed included, but not for the unnumbered who were
    outside both times. The rows from a group add up to its count `before`, the rows to it to its
    count `after`. Raises SegmentError if a customer is in two groups, or as `members` does.
    """
    earlier, values = members_query(con, groups, at=before)
    later, more = members_query(con, groups, at=after)
    for query, parameters, at in ((earlier, values, before), (later, more, after)):
        twice = con.execute(
            f"SELECT list(segment ORDER BY segment) FROM ({query}) "
            "GROUP BY customer_id HAVING count(*) > 1 LIMIT 1",
            parameters,
        ).fetchall()
        if twice:
            raise SegmentError(
                f"groups: at {at} a customer is in {' and '.join(twice[0][0])}; flows are between "
                "groups that exclude each other"
            )
    frame = con.execute(
        f"""
        SELECT coalesce(earlier.segment, '{OUTSIDE}') AS from_group,
            coalesce(later.segment, '{OUTSIDE}') AS to_group, count(*) AS customers
        FROM ({earlier}) AS earlier FULL JOIN ({later}) AS later USING (customer_id)
        GROUP BY ALL ORDER BY ALL
        """,
        [*values, *more],
    ).df()
    return frame.astype({"from_group": TEXT, "to_group": TEXT})


def members_query(
    con: duckdb.DuckDBPyConnection,
    segments: Sequence[str],
    *,
    at: pd.Timestamp,
    opt_outs: Collection[str] = (),
) -> tuple[str, list[Any]]:
    """Return the one query of members, and the values of its `?`: counts and exports read it too.

    Its rows are segment, customer_id, entered_timestamp. Raises SegmentError as `members` does.
    """
    if isinstance(opt_outs, str):
        raise ValueError("opt_outs: a collection of customer_ids, not one text")
    time, keys = _time(at), list(segments)
    try:
        evaluated = con.execute(
            "SELECT DISTINCT segment FROM membership_evaluations WHERE evaluated_timestamp <= ?",
            [time],
        ).fetchall()
    except duckdb.CatalogException:  # nothing was ever recorded
        evaluated = []
    if missing := sorted(set(keys) - {segment for (segment,) in evaluated}):
        raise SegmentError(f"segment {missing[0]!r}: it was not evaluated at {at} or before")
    query = """
        WITH opted_out AS (SELECT unnest(?::VARCHAR[]) AS customer_id)
        SELECT segment, customer_id, entered_timestamp FROM membership
        WHERE segment IN (SELECT unnest(?::VARCHAR[]))
            AND entered_timestamp <= ? AND (left_timestamp IS NULL OR left_timestamp > ?)
            AND customer_id NOT IN (SELECT * FROM opted_out WHERE customer_id IS NOT NULL)
    """
    return query, [list(opt_outs), keys, time, time]


def _time(at: pd.Timestamp) -> Any:
    """Return `at` as a parameter. Raises ValueError without a time zone."""
    if at.tzinfo is None:
        raise ValueError(f"at = {at}: a time in UTC")
    return at.tz_convert("UTC").to_pydatetime()
