"""The inputs of customer models."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from features.model_inputs import CUSTOMER_INPUTS
from training.data.inputs import FloatArray

INPUTS: Final = tuple(name for name in CUSTOMER_INPUTS if not name.startswith("season_"))
"""Without the season: models memorise it from one past year, and the level becomes wrong (Online
Retail II at 2010-12-01 and 2011-03-01: Brier .33 and .28 with it, .23 and .19 without it, with the
same order of customers)."""


def columns_of(activity: FloatArray, names: Sequence[str]) -> FloatArray:
    """Return the inputs `names` of `activity` (B, CUSTOMER_INPUTS) as columns (F, B)."""
    places = [CUSTOMER_INPUTS.index(name) for name in names]
    return np.ascontiguousarray(activity[:, places].T)
