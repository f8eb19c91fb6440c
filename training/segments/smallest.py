"""The smallest group of customers that leaves the shop, read by commands, API and export alike."""

from typing import Final

SMALLEST: Final = 10
"""By default no smaller segment or audience is given out: it would tell about single persons."""
