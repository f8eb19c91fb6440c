"""The served state: products, model versions bound to them, experiments, the store."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from experiments.definition import Experiment
from features.logs.events import NOTHING, LogCut
from features.online.store import OnlineStore
from serving.state.baskets import Baskets
from serving.state.catalogue import Catalogue
from training.bundle import Bundle
from training.data.inputs import Products
from training.families import Prediction, targets
from training.interfaces import Related, Scorer


@dataclass(frozen=True, kw_only=True)
class Ranker:
    """A recommender version bound to the products of a catalogue."""

    bundle: Bundle
    products: Products
    score: Scorer
    related: Related | None
    """Weights of products bought together, if the model has them."""


@dataclass(frozen=True, kw_only=True)
class Served:
    """The state that answers; replaced as a whole, so that a request sees one state."""

    catalogue: Catalogue | None = None
    baskets: Baskets | None = None
    """The rules of the products' cut; None without one, or if older code wrote it."""
    champion: str | None = None
    """`recommender@3`."""
    rankers: Mapping[str, Ranker] = field(default_factory=dict)
    """By `recommender@VERSION`: the champion and the variants of running experiments."""
    predictors: Mapping[str, Bundle] = field(default_factory=dict)
    """The champions of the families that predict, by registered name."""
    experiments: tuple[Experiment, ...] = ()
    store: OnlineStore | None = None
    """The store of customer rows."""
    cut: LogCut = NOTHING
    """What the store's current cut holds of the event log: at most what its rows hold."""
    refused: frozenset[str] = frozenset()
    """Registered names, or `products`, whose newest version cannot answer: the previous one
    answers, if any."""

    def time(self, now: pd.Timestamp) -> pd.Timestamp:
        """Return when the features are read: `now`, or the products' time if that is later.

        Then the clock was set back, and nothing that they hold may count as being to come.
        """
        return now if self.catalogue is None else max(now, self.catalogue.as_of)

    def answers(self, target: str) -> tuple[Bundle, Prediction] | None:
        """Return the champion that predicts `target`, and what it predicts; None without one.

        Nothing is predicted before there is a catalogue.
        """
        return None if self.catalogue is None else self._predicting.get(target)

    @cached_property
    def _predicting(self) -> Mapping[str, tuple[Bundle, Prediction]]:
        """The champion that predicts each target, of its families the preferred one."""
        loaded: dict[str, tuple[Bundle, Prediction]] = {}
        for target, families in targets().items():
            for family, prediction in families.items():
                if family in self.predictors:
                    loaded.setdefault(target, (self.predictors[family], prediction))
        return loaded

    @property
    def answering(self) -> dict[str, str]:
        """The champion that answers, `recommender@3`, by registered name."""
        versions = {} if self.champion is None else {"recommender": self.champion}
        return versions | {
            name: f"{name}@{loaded.version}" for name, loaded in self.predictors.items()
        }
