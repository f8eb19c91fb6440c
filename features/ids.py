"""Ids as a shop's files and the API's callers write them, brought into one spelling."""

import re
import unicodedata
from typing import Final, Literal

import pandas as pd
import pydantic

from configs.loader import Config
from features.files.cells import BLANK
from features.schema import TEXT

_GUARD: Final = re.compile(r'^(?:="(.*)"|[\'`](.+))$', re.DOTALL)
"""What spreadsheets put around a number that should stay text: ="00123", '00123 or `00123."""
ROUNDED: Final = re.compile(r"^\d(?:[.,]\d+)?[eE]\+?\d+$")
"""An id that a spreadsheet has rounded, such as 5.01E+12."""


class IdRule(Config):
    """How the ids of a column are brought into one spelling, in this order."""

    form: Literal["NFC", "NFKC"] = "NFC"
    """Unicode form: NFC composes accents; NFKC also makes full-width digits and letters plain."""
    case: Literal["keep", "lower", "upper"] = "keep"
    remove: str = ""
    """An ending that is removed, such as `.0` of ids that were numbers in a data frame."""
    width: int = pydantic.Field(default=0, ge=0, le=128)
    """Ids of digits get leading zeros up to this length; 0: they stay as they are."""

    def clean(self, text: str) -> str:
        """Return the id `text` in this rule's spelling; empty if nothing remains.

        >>> IdRule(case="lower").clean(" Kim@Shop.test ")
        'kim@shop.test'
        >>> IdRule(width=5, remove=".0").clean('="123.0"')
        '00123'
        """
        cleaned = unguarded(text.strip(BLANK))
        if not cleaned.isascii():
            cleaned = unicodedata.normalize(self.form, cleaned)
        if self.case != "keep":
            cleaned = cleaned.lower() if self.case == "lower" else cleaned.upper()
        if self.remove:
            cleaned = cleaned.removesuffix(self.remove)
        return cleaned.zfill(self.width) if self.width and cleaned.isdecimal() else cleaned


PLAIN: Final = IdRule()
"""The rule where a mapping has none: outer white space, guards and the Unicode form only."""
SIMILAR: Final = IdRule(form="NFKC", case="lower", remove=".0")
"""Two ids that are equal under this rule are probably one."""


def unguarded(text: str) -> str:
    """Return `text` without the guard that a spreadsheet puts around a number.

    >>> unguarded('="00123"')
    '00123'
    """
    match = _GUARD.match(text)
    return text if match is None else (match[1] if match[1] is not None else match[2]).strip(BLANK)


def clean_ids(column: pd.Series, rule: IdRule = PLAIN) -> pd.Series:
    """Return the ids of `column` (text) in the spelling of `rule`, null where nothing remains."""
    cells = column.astype(TEXT)
    distinct = pd.Series(cells.dropna().unique(), dtype=object)
    spelled = {text: rule.clean(text) or None for text in distinct}
    if all(text == cleaned for text, cleaned in spelled.items()):
        return cells
    return cells.map(spelled).astype(TEXT)


def guarded(column: pd.Series) -> int:
    """Return the number of cells of `column` with a spreadsheet's guard."""
    return int(column.astype(TEXT).str.strip().str.match(_GUARD).fillna(False).sum())
