"""The window of recommenders: what a customer buys in the days after a moment."""

from datetime import timedelta
from typing import Final

WINDOW_DAYS: Final = 28
"""Models learn to predict the purchases of so many days, and are measured on as many."""
WINDOW: Final = timedelta(days=WINDOW_DAYS)
