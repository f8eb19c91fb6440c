"""The simulated shop's time: days of opening hours, and their traffic.

The unit of time is the shop day since the world's start: 3.5 is the middle of the opening hours of
the fourth day (08:00 to 20:00 UTC).
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from features.simulator.catalogue import Floats, Integers

DAY: Final = 86_400_000_000  # microseconds
YEAR: Final = 365.25  # days
_OPENS, _OPEN = DAY // 3, DAY // 2  # 08:00, for 12 hours
_WEEKDAYS: Final = np.array([0.90, 0.90, 0.95, 1.00, 1.15, 1.30, 0.80])  # from Monday


def microseconds(day: Floats) -> Integers:
    """Return shop days as microseconds since the midnight at which the world starts.

    >>> (microseconds(np.array([0.0, 3.5])) / 3_600_000_000).tolist()
    [8.0, 86.0]
    """
    whole = np.floor(day)
    return whole.astype(np.int64) * DAY + _OPENS + ((day - whole) * _OPEN).astype(np.int64)


def shop_day(moment: Integers) -> Floats:
    """Invert `microseconds`; a moment outside opening hours becomes the nearest one of its day.

    >>> shop_day(np.array([8, 86, 72]) * 3_600_000_000).tolist()
    [0.0, 3.5, 3.0]
    """
    whole, rest = np.divmod(moment, DAY)
    return whole + np.clip((rest - _OPENS) / _OPEN, 0, np.nextafter(1, 0))


def intensity(start: np.datetime64, days: int) -> Floats:
    """Return (days + 1,) the shop's cumulative traffic at the days 0..`days` from day `start`.

    An average day counts 1; the peak of the year is in early December, that of the week on
    Saturday.
    """
    dates = start.astype("datetime64[D]") + np.arange(days)
    year = 1 + 0.25 * np.cos(2 * np.pi * (day_of_year(dates) - 338) / YEAR)
    weekday = (dates.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    return np.concatenate([[0.0], np.cumsum(year * _WEEKDAYS[weekday])])


def day_of_year(dates: npt.NDArray[np.datetime64]) -> Integers:
    """Return the day of the year, 1 for the first of January.

    >>> day_of_year(np.array(["2024-01-01", "2024-12-31"], "datetime64[D]")).tolist()
    [1, 366]
    """
    since_new_year = dates - dates.astype("datetime64[Y]")
    day: Integers = since_new_year.astype("timedelta64[D]").astype(np.int64) + 1
    return day
