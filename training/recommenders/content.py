"""Content: products like those that the customer bought, by title, category and price.

It reads no behaviour of other customers: a list follows from the customer's own history and from
what the shop says about its products.
"""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Self

import numpy as np
import pydantic
from scipy.sparse import csr_array, diags_array

from configs.json_files import read_json, write_json
from configs.loader import Config
from training.data.content import content_vectors
from training.data.inputs import FloatArray, Products, Queries
from training.interfaces import Scorer
from training.kernels.faded_history import faded_history

if TYPE_CHECKING:
    from training.data.training_data import TrainingData
    from training.run import Run

SETTINGS: Final = "content.json"


class ContentConfig(Config):
    """The decay of purchases, and the weights of price and of typical products."""

    half_life_days: float = pydantic.Field(
        200.0, gt=0, description="days after which a purchase in a customer's history counts half"
    )
    price_weight: float = pydantic.Field(
        0.3, ge=0, description="weight of the nearness in price; that of titles and category is 1"
    )
    typical_weight: float = pydantic.Field(
        0.01, gt=0, description="weight of a product's likeness to the whole catalogue"
    )


class Content:
    """Ranks products by their likeness to the customer's decayed purchases (Pazzani and Billsus,
    2007).

    The score adds the cosine to the sum of the purchases' content vectors, exp(-|log price - mean
    log price of the purchases|), and the cosine to the sum of all products' vectors, which alone
    ranks for a customer without purchases. A price is the shop's last known one.
    """

    name: ClassVar[str] = "content"

    def __init__(self, config: ContentConfig) -> None:
        self.config = config

    @classmethod
    def fit(
        cls,
        data: "TrainingData",
        *,
        config: ContentConfig,
        seed: int,
        run: "Run",
    ) -> Self:
        """Return the model; it has nothing to learn."""
        return cls(config)

    def scorer(self, products: Products) -> Scorer:
        """Compute the vectors of `products` once; return the function of the queries."""
        return content_scorer(products, content_vectors(products), config=self.config)

    def save(self, folder: Path) -> None:
        """Write the settings into the existing, empty `folder`."""
        write_json(folder / SETTINGS, self.config.model_dump(mode="json"))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        return cls(ContentConfig(**read_json(folder / SETTINGS)))


def content_scorer(products: Products, vectors: csr_array, *, config: ContentConfig) -> Scorer:
    """Return the function that scores queries by `vectors` (C, D), the content of `products`."""
    width, log_prices = len(products), products.input("log_price")
    transposed = csr_array(vectors.T)
    whole = np.asarray(vectors.sum(axis=0), dtype=np.float32)
    typical = config.typical_weight * (vectors @ whole) / max(float(np.linalg.norm(whole)), 1e-12)

    def score(queries: Queries) -> FloatArray:
        starts, places, left = faded_history(queries, half_life_days=config.half_life_days)
        count = int(starts[-1])
        bought = csr_array((left[:count], places[:count], starts), shape=(len(queries), width))
        profiles = bought @ vectors
        lengths = np.sqrt(profiles.power(2).sum(axis=1))
        unit = diags_array(1 / np.where(lengths > 0, lengths, 1)) @ profiles
        scores: FloatArray = (unit @ transposed).toarray().astype(np.float32)
        totals: FloatArray = bought.sum(axis=1)
        means = (bought @ log_prices) / np.where(totals > 0, totals, 1)
        near = np.exp(-np.abs(log_prices - means[:, None]))
        scores += np.float32(config.price_weight) * near * (totals > 0)[:, None]
        scores += typical
        return scores

    return score
