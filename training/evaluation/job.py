"""One piece of work: which model to train, on which data, with which config and seed."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from configs.code import git_commit
from configs.loader import Config
from features.feast_store import register
from features.model_inputs import CUSTOMER_INPUTS, PRODUCT_INPUTS
from features.offline import OfflineFeatures
from features.snapshots import CODE_VERSION
from features.workspace import Workspace
from training.data.training_data import TrainingData
from training.evaluation.last_window import window_days
from training.models import config_class

Code = tuple[str, tuple[str, ...], tuple[str, ...]]
CODE: Final[Code] = (CODE_VERSION, CUSTOMER_INPUTS, PRODUCT_INPUTS)
"""What the features are by this code: the snapshots' version, and what models read of them."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is to be trained, and on what: two jobs of one `key` give bit-equal weights."""

    ws: Workspace
    client: OfflineFeatures
    model: str
    config: Config
    seed: int
    as_of: pd.Timestamp
    past: TrainingData
    """What was known before the last window."""
    full: TrainingData
    data_digest: str
    code: Code = CODE

    @property
    def key(self) -> str:
        """The name of this work: a digest of model, data, config, seed and the features' code."""
        asked = [self.model, self.config.model_dump(mode="json"), self.seed, self.code]
        text = json.dumps([*asked, self.as_of.isoformat(), self.data_digest], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def tags(self) -> dict[str, str]:
        """What this work is made of, as tags of its MLflow run."""
        return {
            "model": self.model,
            "as_of": self.as_of.isoformat(),
            "data_digest": self.data_digest,
            "git_commit": git_commit(),
            "seed": str(self.seed),
        }

    @property
    def checkpoints(self) -> Path:
        """Where this work keeps what it must not do twice."""
        return self.ws.checkpoints / self.key


def prepare(
    ws: Workspace,
    model: str,
    *,
    as_of: pd.Timestamp,
    config: Config | None = None,
    seed: int = 0,
    on_build: Callable[[int, int], None] | None = None,
) -> Job:
    """Build the features up to `as_of` (UTC) and return what is to be trained on them.

    `config` is by default the model's own.
    """
    from features import snapshots

    config = config_class(model)() if config is None else config
    cut = as_of - pd.Timedelta(days=window_days(model, config))
    for time in (cut, as_of):
        snapshots.build(ws, as_of=time, progress=on_build)
    register(ws)
    client = OfflineFeatures(ws)
    return Job(
        ws=ws,
        client=client,
        model=model,
        config=config,
        seed=seed,
        as_of=as_of,
        past=TrainingData(ws, client, as_of=cut),
        full=TrainingData(ws, client, as_of=as_of),
        data_digest=snapshots.cut_digest(ws, as_of),
    )
