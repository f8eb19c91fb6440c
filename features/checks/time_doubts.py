"""Doubts about times: dates without a time of day, another zone, gaps, orders far from the rest."""

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd

from features.checks.doubt import Doubt, Evidence, examples

_DATE_ONLY: Final = 3  # orders on as many days
_ONE_TIME: Final = 20  # orders at another time of the day
_NIGHT: Final = 5  # hours, from midnight
_NIGHT_ORDERS: Final = 50
_GAP_DAYS: Final = 14
_GAP_TIMES: Final = 5  # times what is usual among the neighbours
_NEIGHBOURS: Final = 31  # spans between two successive days with orders
_KNOWN_DAYS: Final = 30
_IDLE: Final = pd.Timedelta(weeks=4)
_STRAY: Final = pd.Timedelta(days=3 * 365)
_DAY: Final = pd.Timedelta(days=1)


def time_doubts(evidence: Evidence) -> Iterator[Doubt]:
    """Yield the doubts about the orders' times."""
    yield from _one_time_of_day(evidence)
    yield from _at_night(evidence)
    yield from _gaps(evidence)
    yield from _last_order(evidence)
    yield from _first_order(evidence)
    yield from _after_the_clock(evidence)


def clock_after(last: pd.Timestamp, timezone: str) -> str:
    """Return the `--clock` at the local midnight after `last` (UTC).

    >>> clock_after(pd.Timestamp("2024-01-02T23:30:00Z"), "Europe/Berlin")
    'fixed:2024-01-03T23:00:00Z'
    """
    day = last.tz_convert(timezone).tz_localize(None).normalize() + _DAY
    midnight = day.tz_localize(timezone, nonexistent="shift_forward", ambiguous=True)
    return f"fixed:{midnight.tz_convert('UTC').strftime('%Y-%m-%dT%H:%M:%SZ')}"


def _one_time_of_day(evidence: Evidence) -> Iterator[Doubt]:
    local, zone = evidence.orders["local"], evidence.figures.timezone
    counts = (local - local.dt.normalize()).value_counts()
    time, orders = counts.index[0], int(counts.iloc[0])
    at_time = local[(local - local.dt.normalize() == time).to_numpy(dtype=bool)]
    least = _DATE_ONLY if time == pd.Timedelta(0) else _ONE_TIME
    days = at_time.dt.normalize().nunique()
    if orders < max(least, len(local) / 2) or days < _DATE_ONLY:
        return
    clock = str(pd.Timestamp(0) + time)[11:]
    yield Doubt(
        code="times_at_midnight" if time == pd.Timedelta(0) else "times_at_one_time_of_day",
        summary=f"{orders:,} of {len(local):,} orders ({orders / len(local):.0%}) are at {clock} "
        f"in {zone}",
        detail="Only dates are known, it seems: two orders of one day have no order in time.",
        way_on="if the time stands in another column: `event_timestamp: [date, time]`"
        + ("" if time == pd.Timedelta(0) else "; if the zone is another: `timezone`"),
        examples=examples(at_time.index),
    )


def _at_night(evidence: Evidence) -> Iterator[Doubt]:
    """Doubt a night that is busier than the day: more orders than an even spread by 3 deviations.

    Orders at midnight exactly have no time of day, and do not count.
    """
    local = evidence.orders["local"]
    hours = local[(local != local.dt.normalize()).to_numpy(dtype=bool)].dt.hour
    if len(hours) < _NIGHT_ORDERS:
        return
    even = _NIGHT / 24
    share = float((hours < _NIGHT).mean())
    if share > even + 3 * math.sqrt(even * (1 - even) / len(hours)):
        zone, busiest = evidence.figures.timezone, int(hours.value_counts().index[0])
        yield Doubt(
            code="busy_at_night",
            summary=f"{share:.0%} of the orders are between 0 and {_NIGHT} o'clock in {zone}; the "
            f"busiest hour is {busiest}",
            detail="Shops are quiet then: the times may be of another zone than the mapping says.",
            way_on="`timezone` is the zone of times without a UTC offset, such as UTC; "
            "`time_format` with %z reads the offset that times carry",
        )


def _gaps(evidence: Evidence) -> Iterator[Doubt]:
    days = np.unique(evidence.orders["local"].to_numpy().astype("datetime64[D]"))
    if len(days) < _KNOWN_DAYS:
        return
    between = pd.Series(np.diff(days).astype(int))
    near = between.rolling(_NEIGHBOURS, center=True, min_periods=_NEIGHBOURS // 2)
    usual = near.quantile(0.9)
    stray = days[:-1] < days[math.ceil(0.01 * len(days))] - _STRAY.to_numpy()
    long = (between > (_GAP_TIMES * usual).clip(lower=_GAP_DAYS)) & ~stray
    gaps = between[long].sort_values(ascending=False, kind="stable")
    if len(gaps):
        spans = [f"{days[place] + 1} to {days[place + 1] - 1}" for place in gaps.index]
        yield Doubt(
            code="days_without_orders",
            summary=f"no order for {gaps.iloc[0] - 1:,} days, {spans[0]}"
            + (f", and {len(spans) - 1:,} more such" if len(spans) > 1 else ""),
            detail=f"Around it, most days with orders follow the one before within "
            f"{usual[gaps.index[0]]:.0f} days.",
            way_on="if the shop was open: ingest the export of these days too, and see what "
            "`where` and `status` leave out",
            examples=examples(spans),
        )


def _last_order(evidence: Evidence) -> Iterator[Doubt]:
    figures = evidence.figures
    times = evidence.lines["event_timestamp"]
    first, last = times.min(), times.max()
    if figures.now - last > _IDLE:
        clock = clock_after(last, figures.timezone)
        yield Doubt(
            code="last_order_long_ago",
            summary=f"the last order is of {_local_day(last, figures.timezone)}, "
            f"{(figures.now - last).days:,} days before the workspace's clock",
            detail=f"`build` makes about {_weeks(first, figures.now):,} weekly snapshots, "
            f"{_weeks(last, figures.now):,} of them after the last order, and models find no "
            "customer who bought lately.",
            way_on=f"for an export of the past: `features ingest ... --clock {clock}`",
            examples=(clock,),
        )


def _first_order(evidence: Evidence) -> Iterator[Doubt]:
    figures, orders = evidence.figures, evidence.orders["local"].sort_values(kind="stable")
    usual = orders.iloc[math.ceil(0.01 * (len(orders) - 1))]
    stray = orders[(orders < usual - _STRAY).to_numpy(dtype=bool)]
    if len(stray):
        rest = orders.iloc[len(stray)]
        now = figures.now.tz_convert(figures.timezone).tz_localize(None)
        yield Doubt(
            code="first_order_long_before",
            summary=f"{len(stray):,} of {len(orders):,} orders lie long before the rest, from "
            f"{stray.iloc[0]:%Y-%m-%d}; the others begin at {rest:%Y-%m-%d}",
            detail=f"`build` makes about {_weeks(stray.iloc[0], now):,} weekly snapshots; without "
            f"these orders {_weeks(rest, now):,}.",
            way_on="if these times are wrong: leave the rows out with `where`, or correct "
            "`time_format`",
            examples=examples(f"{order} at {at}" for order, at in stray.items()),
        )


def _after_the_clock(evidence: Evidence) -> Iterator[Doubt]:
    figures, times = evidence.figures, evidence.lines["event_timestamp"]
    late = evidence.lines[(times > figures.now).to_numpy(dtype=bool)]
    if len(late):
        yield Doubt(
            code="orders_after_the_clock",
            summary=f"{late['order_id'].nunique():,} orders lie after the workspace's clock, "
            f"{figures.now.isoformat()}; the last is of "
            f"{_local_day(times.max(), figures.timezone)}",
            detail="No feature sees them before the clock reaches them.",
            way_on="the clock: `features ingest ... --clock "
            f"{clock_after(times.max(), figures.timezone)}`; wrong times: `time_format`, "
            "`timezone`",
            examples=examples(late["order_id"].drop_duplicates()),
        )


def _local_day(time: pd.Timestamp, timezone: str) -> str:
    return str(time.tz_convert(timezone).date())


def _weeks(start: pd.Timestamp, end: pd.Timestamp) -> int:
    """Return the number of weekly snapshots from `start` to `end`, which has one too."""
    return max((end - start).days // 7, 0) + 1
