"""The languages of words for people."""

from typing import Literal

Language = Literal["en", "zh"]
