"""The result of an evaluation: figures of a model and its baselines, by window and segment."""

from dataclasses import dataclass
from typing import Final, Literal

import pandas as pd

from configs.loader import Config
from training.evaluation.intervals import Comparison
from training.evaluation.last_window import Metrics
from training.evaluation.segments import SegmentList

Baselines = Literal["default", "all"]
"""The baselines of the model's spec, or every other recommender."""

LEVELS: Final = tuple(step / 10 for step in range(11))
"""Values of the `diversity` setting at which lists are composed."""


@dataclass(frozen=True, kw_only=True)
class EvaluationWindow:
    """One window; its models were trained on records known before its start."""

    start: pd.Timestamp
    end: pd.Timestamp
    data_digest: str
    """Of all rows known before `end`."""
    customers: int
    newcomers: int
    epochs: dict[str, int]
    """The chosen number, by model that has epochs."""
    history: dict[int, Metrics]
    """The metrics of the first model by epoch, if it has epochs."""
    parts: dict[SegmentList, Comparison]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The figures of a model and its baselines on the windows."""

    model: str
    config: Config
    seed: int
    as_of: pd.Timestamp
    timezone: str
    git_commit: str
    requested_baselines: Baselines
    baselines: tuple[str, ...]
    windows: tuple[EvaluationWindow, ...]  # oldest first
    parts: dict[SegmentList, Comparison]
    """The figures of the one window, or the means of several."""
    run_id: str
    """The MLflow run that stores this and the report."""

    @property
    def models(self) -> tuple[str, ...]:
        """The model and its baselines."""
        return (self.model, *self.baselines)


@dataclass(frozen=True, kw_only=True)
class DiversityCost:
    """A model's NDCG and diversity at each level, on the last window before `as_of`."""

    model: str
    as_of: pd.Timestamp
    timezone: str
    levels: pd.DataFrame
    """As `price_of_diversity` returns it."""
    run_id: str
    """The MLflow run that stores the table and the plot."""
