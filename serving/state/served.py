"""What answers at one moment: products, versions bound to them, experiments, the store."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from experiments.definition import Experiment
from features.online.store import OnlineStore
from serving.state.catalogue import Catalogue
from training.bundle import Bundle
from training.data.inputs import Products
from training.interfaces import Predictor, Related, Scorer


@dataclass(frozen=True, kw_only=True)
class Ranker:
    """A recommender version bound to the products of a catalogue."""

    bundle: Bundle
    products: Products
    score: Scorer
    related: Related | None
    """What is bought along with what, where the model knows it."""


@dataclass(frozen=True, kw_only=True)
class Served:
    """All that answers; replaced whole, so that a request sees one state."""

    catalogue: Catalogue | None = None
    champion: str | None = None
    """`recommender@3`."""
    rankers: Mapping[str, Ranker] = field(default_factory=dict)
    """By `recommender@VERSION`: the champion and what running experiments name."""
    predictors: Mapping[str, Bundle] = field(default_factory=dict)
    """The champions of the families that predict, by registered name."""
    experiments: tuple[Experiment, ...] = ()
    store: OnlineStore | None = None
    """Where stored customer rows are read."""
    refused: frozenset[str] = frozenset()
    """Registered names and `products`, where the newest cannot answer: what stood before it goes
    on, or nothing does."""

    @property
    def answering(self) -> dict[str, str]:
        """The version that answers as champion by its model: `recommender@3`."""
        found = {} if self.champion is None else {"recommender": self.champion}
        return found | {name: f"{name}@{one.version}" for name, one in self.predictors.items()}


def predictor(bundle: Bundle) -> Predictor:
    """Return the bundle's model, which predicts."""
    return cast(Predictor, bundle.model)
