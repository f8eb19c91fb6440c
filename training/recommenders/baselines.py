"""The baselines of every recommender: recent popularity, and the customer's own purchases."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Self

import numpy as np
import pydantic

from configs.json_files import read_json, write_json
from configs.loader import Config
from training.data.inputs import FloatArray, Products, Queries
from training.interfaces import Scorer
from training.kernels.faded_history import add_left, faded_history

if TYPE_CHECKING:
    from training.data.training_data import TrainingData
    from training.run import Run

SETTINGS: Final = "baseline.json"


class PopularityConfig(Config):
    """Popularity has no settings."""


class Popularity:
    """Ranks products by their buyers of the last 28 days; the same list for every customer."""

    name: ClassVar[str] = "popularity"

    def __init__(self, config: PopularityConfig) -> None:
        self.config = config

    @classmethod
    def fit(
        cls,
        data: "TrainingData",
        *,
        config: PopularityConfig,
        seed: int,
        run: "Run",
    ) -> Self:
        """Return the model; it has nothing to learn."""
        return cls(config)

    def scorer(self, products: Products) -> Scorer:
        """Return the function that scores every query by log(1 + buyers)."""
        buyers = products.input("log_buyers_28d").copy()

        def score(queries: Queries) -> FloatArray:
            scores: FloatArray = np.empty((len(queries), len(buyers)), dtype=np.float32)
            scores[:] = buyers
            return scores

        return score

    def save(self, folder: Path) -> None:
        """Write the settings into the existing, empty `folder`."""
        write_json(folder / SETTINGS, self.config.model_dump(mode="json"))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        return cls(PopularityConfig(**read_json(folder / SETTINGS)))


class OwnPurchasesConfig(Config):
    """The decay of purchases, and the weight of popularity."""

    half_life_days: float = pydantic.Field(
        200.0, gt=0, description="days after which a purchase counts half"
    )
    popularity_weight: float = pydantic.Field(
        0.2, ge=0, description="weight of log(1 + buyers of 28 days); a purchase today has weight 1"
    )


class OwnPurchases:
    """Ranks products by the customer's purchases, decayed by half-life, plus popularity."""

    name: ClassVar[str] = "own_purchases"

    def __init__(self, config: OwnPurchasesConfig) -> None:
        self.config = config

    @classmethod
    def fit(
        cls,
        data: "TrainingData",
        *,
        config: OwnPurchasesConfig,
        seed: int,
        run: "Run",
    ) -> Self:
        """Return the model; it has nothing to learn."""
        return cls(config)

    def scorer(self, products: Products) -> Scorer:
        """Return the function that adds the decayed purchases to the weighted popularity."""
        popular = self.config.popularity_weight * products.input("log_buyers_28d")

        def score(queries: Queries) -> FloatArray:
            scores: FloatArray = np.empty((len(queries), len(popular)), dtype=np.float32)
            scores[:] = popular
            left = faded_history(queries, half_life_days=self.config.half_life_days)
            add_left(scores, left)
            return scores

        return score

    def save(self, folder: Path) -> None:
        """Write the settings into the existing, empty `folder`."""
        write_json(folder / SETTINGS, self.config.model_dump(mode="json"))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        return cls(OwnPurchasesConfig(**read_json(folder / SETTINGS)))
