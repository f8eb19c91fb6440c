"""The window of recommenders: the days after a time whose purchases they predict."""

from typing import Final

import pandas as pd

WINDOW_DAYS: Final = 28
"""Models are trained to predict the purchases of this many days, and measured on as many."""
WINDOW: Final = pd.Timedelta(days=WINDOW_DAYS)
