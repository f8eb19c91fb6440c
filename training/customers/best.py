"""The best of the customer models: whichever predicted held-out windows best is fitted on all data.

A deep or clever model that a simple one beats is not used.
"""

import logging
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import pandas as pd
import pydantic

from configs.json_files import read_json, write_json
from configs.loader import Config
from training.customers.lifetime.maximum_likelihood import NotConverged
from training.customers.lifetime.models import BgNbdModel, LifetimeConfig, ParetoNbdModel
from training.customers.lifetime_trees import LifetimeTrees, LifetimeTreesConfig
from training.customers.orders import CustomerOrders
from training.customers.past_rate import PastRate, PastRateConfig
from training.customers.proper_scores import proper_scores
from training.customers.season import APART_DAYS, LEAST_DAYS
from training.customers.trees import CustomerTrees, CustomerTreesConfig
from training.data.inputs import Queries
from training.data.windows import spaced
from training.errors import NotEnoughData
from training.interfaces import CustomerModel, CustomerPredictions
from training.run import Run

if TYPE_CHECKING:
    from training.data.training_data import TrainingData

logger: Final = logging.getLogger(__name__)
CANDIDATES: Final[dict[str, tuple[type[CustomerModel], type[Config]]]] = {
    cls.name: (cls, config)
    for cls, config in (
        (CustomerTrees, CustomerTreesConfig),
        (LifetimeTrees, LifetimeTreesConfig),
        (ParetoNbdModel, LifetimeConfig),
        (BgNbdModel, LifetimeConfig),
        (PastRate, PastRateConfig),
    )
}
"""By name; of two with the same score the first one is taken."""
CHOICE: Final = "best.json"
_SHORTER: Final = (180, 90, 60, 28)
_HELD_OUT_APART_DAYS: Final = 28
_LEARNED: Final = 4
"""Finished windows that a candidate learns from before each held-out one, at least: with fewer, a
model that learns from many windows would look worse than it will be on all data."""
Scores = dict[str, float]


class BestCustomersConfig(Config):
    """How the best model is found."""

    horizon_days: int = pydantic.Field(90, ge=1, description="days that are predicted")
    windows: int = pydantic.Field(
        2, ge=1, description="held-out windows, four weeks apart, at most"
    )


class BestCustomers:
    """The model of CANDIDATES with the best proper score on the last windows that have ended."""

    name: ClassVar[str] = "customers"

    def __init__(self, model: CustomerModel, scores: Scores) -> None:
        self._model = model
        self.scores = scores
        """By candidate, on the held-out windows: lower is better, and 3 is what happened on
        average, for everyone."""
        self.horizon_days = model.horizon_days

    @property
    def chosen(self) -> str:
        """The name of the model that was the best."""
        return self._model.name

    @classmethod
    def fit(cls, data: "TrainingData", *, config: BestCustomersConfig, seed: int, run: Run) -> Self:
        """Compare the candidates before `data.as_of`; fit the best one on all data.

        Where the data are too short to hold out a window of the horizon, shorter ones are. Raises
        NotEnoughData if no candidate can be fitted.
        """
        scores = _compare(data, config=config, seed=seed, run=run)
        reasons = []
        for name in sorted(CANDIDATES, key=lambda name: scores.get(name, float("inf"))):
            try:
                model = _fit(name, data, horizon_days=config.horizon_days, seed=seed)
            except (NotEnoughData, NotConverged) as error:
                reasons.append(f"{name}: {error}")
                continue
            return cls(model, scores)
        raise NotEnoughData("; ".join(reasons))

    def predict(self, queries: Queries) -> CustomerPredictions:
        """Return predictions (B,) about the `horizon_days` after `queries.at`."""
        return self._model.predict(queries)

    def save(self, folder: Path) -> None:
        """Write the choice, and the chosen model below it, into the existing, empty `folder`."""
        inner = folder / self.chosen
        inner.mkdir()
        self._model.save(inner)
        write_json(folder / CHOICE, {"model": self.chosen, "scores": self.scores})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        content = read_json(folder / CHOICE)
        model, _ = CANDIDATES[content["model"]]
        return cls(model.load(folder / content["model"]), content["scores"])


def _compare(data: "TrainingData", *, config: BestCustomersConfig, seed: int, run: Run) -> Scores:
    """Return the mean proper score of each candidate, over the same held-out windows for all."""
    horizon, times = held_out(
        data.times, start=data.start, horizon_days=config.horizon_days, windows=config.windows
    )
    measured: list[Scores] = []
    orders = CustomerOrders(data)
    for at in times:
        past, outcomes = data.before(at), orders.outcomes(at, horizon_days=horizon)
        if outcomes.churned.min() == outcomes.churned.max():
            continue  # all came back, or none: no score compares with the average
        queries, found = data.queries(at, orders.active(at)), Scores()
        for name in CANDIDATES:
            try:
                model = _fit(name, past, horizon_days=horizon, seed=seed)
            except (NotEnoughData, NotConverged) as error:
                logger.info("%s: not compared at %s: %s", name, at.date(), error)
                continue
            found[name] = sum(proper_scores(outcomes, model.predict(queries)).values())
            run.on_part(f"{name} at {at:%Y-%m-%d}", 1, {"proper_score": -found[name]})
        measured.append(found)
    return _means(measured)


def _means(windows: Sequence[Scores]) -> Scores:
    """Return each candidate's mean score over the windows in which most candidates were fitted.

    `windows` holds their scores in each. Who was not fitted in all of these windows is left out: a
    mean over other windows does not compare.

    >>> _means([{"a": 1.0}, {"a": 2.0, "b": 4.0}])
    {'a': 2.0, 'b': 4.0}
    """
    most = max(map(len, windows), default=0)
    full = [found for found in windows if len(found) == most > 0]
    names = full[0] if full else Scores()
    return {n: mean(w[n] for w in full) for n in names if all(n in w for w in full)}


def held_out(
    times: Sequence[pd.Timestamp], *, start: pd.Timestamp, horizon_days: int, windows: int
) -> tuple[int, list[pd.Timestamp]]:
    """Return the days and the beginnings of the windows to compare on; none in a very short shop.

    They begin at some of `times`, of which the last is the cut, after orders since `start`. The
    longest horizon is taken that leaves _LEARNED windows to learn from; if none does, the longest
    that leaves one.
    """
    shorter = (days for days in _SHORTER if days < horizon_days)
    for learned, days in product((_LEARNED, 1), (horizon_days, *shorter)):
        rounded = -(-days // APART_DAYS) * APART_DAYS
        needed = LEAST_DAYS + (learned - 1) * APART_DAYS + rounded
        found = spaced(
            times,
            days=_HELD_OUT_APART_DAYS,
            first=start + pd.Timedelta(days=needed),
            last=times[-1] - pd.Timedelta(days=days),
        )
        if found:
            return days, found[-windows:]
    return horizon_days, []


def _fit(name: str, data: "TrainingData", *, horizon_days: int, seed: int) -> CustomerModel:
    cls, config = CANDIDATES[name]
    settings: dict[str, Any] = {"horizon_days": horizon_days}
    return cls.fit(data, config=config(**settings), seed=seed, run=Run(device="cpu"))
