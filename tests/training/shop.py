"""What the tests of training share: one small simulated shop."""

from dataclasses import dataclass

import pandas as pd

from features.offline import OfflineFeatures
from features.workspace import Workspace
from training.data.training_data import TrainingData

DAYS = pd.Timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A workspace whose snapshots stand, and what was known 28 days before its end and there."""

    ws: Workspace
    client: OfflineFeatures
    past: TrainingData
    full: TrainingData
    tables: dict[str, pd.DataFrame]
