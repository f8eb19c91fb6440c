"""Times that name their zone by a word: `2024-01-05 10:00:00 CET`."""

from pathlib import Path

import pandas as pd

from features.files.cells import refuse
from features.files.zone_words import offsets_of_words
from features.schema import TEXT


def without_words(cells: pd.Series, time_format: str) -> tuple[pd.Series, pd.Series]:
    """Return the cells without their zone's word, and the words (null: none).

    The word stands where the strptime `time_format` has %Z; of ISO 8601 it is the last, after a
    space.

    >>> cells = pd.Series(["Fri Jan 5 10:00:00 CET 2024"])
    >>> rest, words = without_words(cells, "%a %b %d %H:%M:%S %Z %Y")
    >>> rest[0], words[0]
    ('Fri Jan 5 10:00:00 2024', 'CET')
    """
    if not cells.str.contains("[A-Za-z]$|[A-Za-z] ").any():
        return cells, pd.Series(pd.NA, index=cells.index, dtype=TEXT)
    before, _, after = time_format.partition("%Z")
    if time_format == "ISO8601":
        pattern = r"^(.*\d)\s+([A-Za-z]+)()$"
    elif after.strip():
        pattern = rf"^((?:\S+\s+){{{len(before.split())}}})([A-Za-z]+)\s+(.*)$"
    else:
        pattern = r"^(.*?)\s*([A-Za-z]+)()$"
    parts = cells.str.extract(pattern).astype(TEXT)
    rest = (parts[0] + parts[2]).str.strip()
    return cells.mask(parts[1].notna(), rest), parts[1]


def times_with_words(
    column: pd.Series, wall: pd.Series, words: pd.Series, *, timezone: str, file: Path
) -> pd.Series:
    """Return wall-clock times `wall` in UTC, moved by the offsets of their zones' `words`.

    Raises BadInput at a word that is neither UTC, GMT, Z nor shown by clocks in `timezone`, and
    where those clocks show another word at that time (CET in July).
    """
    meanings = offsets_of_words(timezone)
    upper = words.str.upper()
    known = ", ".join(sorted(meanings))
    rule = f"a time whose zone is one of {known} (clocks in {timezone}); others need an offset, %z"
    refuse(column, upper.notna() & ~upper.isin(list(meanings)), file=file, rule=rule)
    moments = pd.Series(pd.NaT, index=wall.index, dtype="datetime64[ns, UTC]", name=column.name)
    for word in upper.dropna().unique():
        for offset in meanings[word]:
            utc = wall.dt.tz_localize("UTC") - offset
            fits = (upper == word).fillna(False).astype(bool)
            if word not in ("UTC", "GMT", "Z"):
                local = utc.dt.tz_convert(timezone).dt.tz_localize(None)
                fits &= local == wall
            moments = moments.mask(fits, utc)
    rule = f"a time with the word that clocks in {timezone} show then"
    refuse(column, moments.isna() & wall.notna(), file=file, rule=rule)
    return moments
