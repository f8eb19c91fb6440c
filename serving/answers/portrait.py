"""What the portrait says beyond the card: from the customer's row, and from the segments."""

import math
import statistics
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

from configs.languages import Language
from features.customer_features import HISTORY_LENGTH
from features.customer_history import Purchase, purchases
from features.customer_row import Row
from features.times import DAY_US, EPOCH
from serving.schemas.portrait import (
    Affinity,
    InSegment,
    PortraitAffinities,
    PortraitChannels,
    PortraitLifecycle,
    PortraitRfm,
    PortraitSegments,
    PortraitTrends,
    PriceBand,
    Rhythm,
    Trend,
)
from serving.state.catalogue import Catalogue
from serving.state.segment_index import SegmentIndex, Stay
from training.segments.definitions import GROUPINGS
from training.segments.lifecycle import STATES
from training.segments.rfm import GROUP_NAMES
from training.segments.words import in_words

CATEGORIES: Final = 20
"""Categories of a portrait, at most."""
TREND_DAYS: Final = 90
_EPOCH: Final = EPOCH.to_pydatetime()
_RFM: Final = dict(zip(GROUPINGS["rfm"], GROUP_NAMES, strict=True))
_LIFECYCLE: Final = dict(zip(GROUPINGS["lifecycle"], STATES, strict=True))


def of_segments(index: SegmentIndex, customer_id: str, *, language: Language) -> dict[str, Any]:
    """Return the portrait's parts from the segments' state: empty if it knows no such customer."""
    stays = index.stays(customer_id)
    now = sorted((stay for stay in stays if stay.left_us is None), key=lambda stay: stay.segment)
    if not stays:
        return {}
    as_of = _time(index.as_of_us)
    return {
        "rfm": _rfm(stays, as_of, language),
        "lifecycle": _lifecycle(now, as_of, language),
        "segments": PortraitSegments(
            as_of=as_of,
            segments=[InSegment(key=s.segment, since=_time(s.entered_us)) for s in now],
        ),
        "channels": PortraitChannels(as_of=as_of, channels=index.channels(customer_id)),
    }


def of_row(row: Row, catalogue: Catalogue | None, *, now_us: int) -> dict[str, Any]:
    """Return the portrait's parts from the customer's `row` at `now_us` (microseconds since 1970).

    Without a catalogue, no category and no price is known.
    """
    bought = purchases(row)
    return {
        "affinities": None if catalogue is None else affinities(bought, catalogue, now_us=now_us),
        "price_band": None if catalogue is None else price_band(row, catalogue, now_us=now_us),
        "rhythm": rhythm(bought, row.get("last_order_timestamp"), now_us=now_us),
        "trends": trends(bought, now_us=now_us),
    }


def affinities(
    bought: Sequence[Purchase], catalogue: Catalogue, *, now_us: int
) -> PortraitAffinities:
    """Return the share of each category in the value of `bought` (newest first), largest first."""
    places, categories = catalogue.products.places, catalogue.products.categories
    spend: dict[str | None, float] = {}
    last: dict[str | None, int] = {}
    for time, product_id, value in bought:
        place = places.get(product_id)
        category = None if place is None else categories[place] or None
        if category not in last:
            last[category], spend[category] = time, 0.0
        spend[category] += value
    total = math.fsum(spend.values())
    largest = sorted(spend.items(), key=lambda entry: (-entry[1], entry[0] is None, entry[0] or ""))
    return PortraitAffinities(
        as_of=_time(now_us),
        categories=[
            Affinity(
                category=name,
                share=part / total,
                spend=round(part, 6),
                last_time=_EPOCH + timedelta(microseconds=last[name]),
            )
            for name, part in largest[:CATEGORIES]
        ],
    )


def price_band(row: Row, catalogue: Catalogue, *, now_us: int) -> PriceBand | None:
    """Return where the mean spend on a unit lies among the catalogue's prices; None if unknown."""
    units, thirds = row.get("units_365d") or 0, catalogue.price_thirds
    if units <= 0 or thirds is None:
        return None
    mean, (low, high) = row["spend_365d"] / units, thirds
    return PriceBand(
        as_of=_time(now_us),
        code="low" if mean < low else ("high" if mean > high else "mid"),
        mean_unit_spend=round(mean, 6),
        mid_from=round(low, 6),
        mid_to=round(high, 6),
    )


def rhythm(bought: Sequence[Purchase], last_us: int | None, *, now_us: int) -> Rhythm | None:
    """Return the rhythm of the orders in `bought`, and of the last one; None without an order.

    A median and quartiles resist the few long pauses that a mean would follow.
    """
    times = sorted({time for time, _, _ in bought} | ({last_us} if last_us is not None else set()))
    if not times:
        return None
    gaps = [(later - time) / DAY_US for time, later in pairwise(times)]
    median, spread = statistics.median(gaps) if gaps else None, None
    since = max(0.0, (now_us - times[-1]) / DAY_US)
    overdue = None
    if len(gaps) > 1 and median is not None:
        first, _, third = statistics.quantiles(gaps, n=4, method="inclusive")
        spread = third - first
        overdue = since > median + spread
    return Rhythm(
        as_of=_time(now_us),
        median_days=median,
        spread_days=spread,
        days_since_last_order=since,
        overdue=overdue,
    )


def trends(bought: Sequence[Purchase], *, now_us: int) -> PortraitTrends:
    """Return orders and spend of [now - 90 days, now] and of the 90 days before them.

    `bought` is newest first.
    """
    middle = now_us - TREND_DAYS * DAY_US
    start = middle - TREND_DAYS * DAY_US
    times: tuple[set[int], set[int]] = set(), set()
    spend = [0.0, 0.0]
    for time, _, value in bought:
        if time < start:
            break
        window = 0 if time >= middle else 1
        times[window].add(time)
        spend[window] += value
    full = len(bought) >= HISTORY_LENGTH  # then purchases before the oldest one are not known
    knows_last, knows_before = (not full or bought[-1][0] < since for since in (middle, start))

    def trend(now: float, then: float) -> Trend:
        known = knows_before and then > 0
        return Trend(
            last_90_days=now if knows_last else None,
            previous_90_days=then if knows_before else None,
            change=(now - then) / then if known else None,
        )

    return PortraitTrends(
        as_of=_time(now_us),
        orders=trend(len(times[0]), len(times[1])),
        spend=trend(round(spend[0], 6), round(spend[1], 6)),
    )


def _rfm(stays: Sequence[Stay], as_of: datetime, language: Language) -> PortraitRfm | None:
    of_groups = [stay for stay in stays if stay.segment in _RFM]
    stay = next((stay for stay in of_groups if stay.left_us is None), None)
    if stay is None:
        return None
    left = [(s.left_us, s.segment) for s in of_groups if s.left_us is not None]
    code, before = _RFM[stay.segment], _RFM[max(left)[1]] if left else None
    return PortraitRfm(
        as_of=as_of,
        code=code,
        name=in_words(code, language=language),
        since=_time(stay.entered_us),
        previous_code=before,
        previous_name=None if before is None else in_words(before, language=language),
    )


def _lifecycle(
    now: Sequence[Stay], as_of: datetime, language: Language
) -> PortraitLifecycle | None:
    stay = next((stay for stay in now if stay.segment in _LIFECYCLE), None)
    if stay is None:
        return None
    code = _LIFECYCLE[stay.segment]
    return PortraitLifecycle(
        as_of=as_of,
        code=code,
        name=in_words(code, language=language),
        since=_time(stay.entered_us),
    )


@lru_cache(maxsize=256)
def _time(unix_microseconds: int) -> datetime:
    """Return a time that recurs: of an evaluation, or now."""
    return _EPOCH + timedelta(microseconds=unix_microseconds)  # a tenth of what pandas takes
