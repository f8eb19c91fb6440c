"""Cells of text: cleaned, and refused by row."""

from pathlib import Path
from typing import Final

import pandas as pd

from features.schema import TEXT, BadInput

BLANK: Final = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006"
    "\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\u200b\u200c\u200d\u2060\ufeff"
)
"""White space, characters without width, and the byte order mark."""


def text(column: pd.Series) -> pd.Series:
    """Return `column` as text without blanks at its ends, null where empty.

    Zero-width spaces and no-break spaces are blanks.

    >>> text(pd.Series([" tea\\u200b", "\\u00a0"])).tolist()
    ['tea', <NA>]
    """
    stripped = column.astype(TEXT).str.strip(BLANK)
    return stripped.mask(stripped == "")


def refuse(column: pd.Series, bad: pd.Series, *, file: Path, rule: str) -> None:
    """Raise BadInput at the first row where `bad` is True."""
    if bad.any():
        at = int(bad.to_numpy(dtype=bool).argmax())
        raise BadInput(
            file=str(file),
            row=column.index[at],
            column=str(column.name),
            value=column.iat[at],
            rule=rule,
        )
