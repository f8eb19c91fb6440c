"""The window that recommenders are for: what a customer buys in the days after a moment."""

from typing import Final

import pandas as pd

WINDOW_DAYS: Final = 28
"""Models learn to find the purchases of so many days, and are measured on as many."""
WINDOW: Final = pd.Timedelta(days=WINDOW_DAYS)
