"""Time zones by name: the words that clocks of a zone show, such as CET and CEST."""

import datetime
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

_UNIVERSAL: Final = ("UTC", "GMT", "Z")
_YEARS: Final = range(2000, 2036)


@cache
def offsets_of_words(timezone: str) -> dict[str, tuple[datetime.timedelta, ...]]:
    """Return the UTC offsets that each word meant in `timezone` since 2000; UTC, GMT, Z are 0.

    >>> offsets_of_words("Europe/Berlin")["CEST"]
    (datetime.timedelta(seconds=7200),)
    """
    zone = ZoneInfo(timezone)
    words: dict[str, tuple[datetime.timedelta, ...]] = {}
    for year in _YEARS:
        for month in range(1, 13):
            moment = datetime.datetime(year, month, 15, tzinfo=datetime.UTC).astimezone(zone)
            word, offset = moment.tzname(), moment.utcoffset()
            if word and word.isalpha() and offset is not None:
                words[word] = tuple(dict.fromkeys((*words.get(word, ()), offset)))
    return {**words, **dict.fromkeys(_UNIVERSAL, (datetime.timedelta(0),))}
