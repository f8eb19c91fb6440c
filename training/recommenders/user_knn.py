"""User-to-user: products that customers with similar purchases bought."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Self

import numpy as np
import pydantic
from safetensors.numpy import load_file, save_file
from scipy.sparse import csr_array, diags_array

from configs.json_files import read_json, write_json
from configs.loader import Config
from training.data.inputs import FloatArray, Products, Queries
from training.data.interactions import interactions
from training.interfaces import Scorer
from training.kernels.faded_history import Faded, add_left, faded_history
from training.kernels.top_k import top_k
from training.recommenders.item_to_item import LearningHalfLife

if TYPE_CHECKING:
    from training.data.training_data import TrainingData
    from training.run import Run

WEIGHTS: Final = "purchases.safetensors"
SETTINGS: Final = "user_knn.json"
_BLOCK: Final = 2**24  # similarities held at once


class UserKNNConfig(Config):
    """How similar customers are chosen, and the weights of the other terms."""

    neighbours: int = pydantic.Field(100, ge=1, description="most similar customers that count")
    shrinkage: float = pydantic.Field(
        1.0, ge=0, description="added to the cosine's denominator, in purchases"
    )
    buyers_power: float = pydantic.Field(
        0.5, ge=0, description="a product with n buyers weighs 1 / n to this power in the cosine"
    )
    half_life_days: float = pydantic.Field(
        200.0, gt=0, description="days after which a purchase in a customer's history counts half"
    )
    learning_half_life_days: LearningHalfLife = 90.0
    repeat_weight: float = pydantic.Field(
        10.0, ge=0, description="weight of the customer's own purchase today"
    )
    popularity_weight: float = pydantic.Field(
        0.5, gt=0, description="weight of log(1 + buyers of 28 days), on the same scale"
    )


class UserKNN:
    """Ranks products by what the most similar customers bought (Resnick et al., 1994).

    The similarity is the shrunk cosine of the two customers' decayed purchases, as in Ferrari
    Dacrema et al., 2019. A version holds the purchases of all customers, without their ids: a
    customer who was there at the fit may be a neighbour of their own.
    """

    name: ClassVar[str] = "user_knn"

    def __init__(
        self, config: UserKNNConfig, *, product_ids: list[str], purchases: csr_array
    ) -> None:
        self.config = config
        self._product_ids = product_ids
        self._purchases = purchases  # (U, P) float32, decayed

    @classmethod
    def fit(
        cls,
        data: "TrainingData",
        *,
        config: UserKNNConfig,
        seed: int,
        run: "Run",
    ) -> Self:
        """Store all purchases before `data.as_of`. Raises NotEnoughData."""
        bought = interactions(data, half_life_days=config.learning_half_life_days)
        purchases = bought.matrix.sorted_indices()
        return cls(config, product_ids=bought.product_ids, purchases=purchases)

    def scorer(self, products: Products) -> Scorer:
        """Look up the purchases of `products` once; return the function of the queries.

        A product that was not learned is scored by its own purchases and its popularity only.
        """
        config, width = self.config, len(products)
        others = self._purchases @ self._chosen(products)  # (U, C)
        weights = self._product_weights(products)
        similar = csr_array((others @ diags_array(weights**2)).T, dtype=np.float32)  # (C, U)
        norms = _lengths(self._purchases @ diags_array(self._learned_weights()))
        popular = config.popularity_weight * products.input("log_buyers_28d")

        def score(queries: Queries) -> FloatArray:
            left = faded_history(queries, half_life_days=config.half_life_days)
            scores = np.empty((len(queries), width), dtype=np.float32)
            rows = max(1, _BLOCK // max(1, len(norms)))
            bought = _matrix(left, len(queries), width)
            for start in range(0, len(queries), rows):
                part = bought[start : start + rows]
                lengths = _lengths(part @ diags_array(weights))
                cosines = (part @ similar).toarray()
                cosines /= np.maximum(np.outer(lengths, norms) + config.shrinkage, 1e-30)
                nearest = _nearest(cosines.astype(np.float32), config.neighbours)
                scores[start : start + rows] = (nearest @ others).toarray()
            add_left(scores, left, weight=config.repeat_weight)
            scores += popular
            return scores

        return score

    def _chosen(self, products: Products) -> csr_array:
        """Return (P, C): 1 where a learned product is in the catalogue."""
        places = products.among(self._product_ids)
        known = np.flatnonzero(places >= 0)
        ones = np.ones(len(known), dtype=np.float32)
        shape = (len(self._product_ids), len(products))
        return csr_array((ones, (places[known], known)), shape=shape)

    def _learned_weights(self) -> FloatArray:
        """Return (P,) the weight of each learned product in the cosine."""
        buyers = np.bincount(self._purchases.indices, minlength=len(self._product_ids))
        weights: FloatArray = (np.maximum(buyers, 1.0) ** -self.config.buyers_power).astype("f4")
        return weights

    def _product_weights(self, products: Products) -> FloatArray:
        """Return (C,) the weight of each product of the catalogue; 1 for one not learned."""
        places = products.among(self._product_ids)
        weights: FloatArray = np.where(
            places >= 0, self._learned_weights()[np.maximum(places, 0)], np.float32(1)
        )
        return weights

    def save(self, folder: Path) -> None:
        """Write purchases, product ids and settings into the existing, empty `folder`."""
        stored = self._purchases
        parts = {"data": stored.data, "indices": stored.indices, "indptr": stored.indptr}
        save_file(parts, folder / WEIGHTS)
        settings = {
            "config": self.config.model_dump(mode="json"),
            "product_ids": self._product_ids,
        }
        write_json(folder / SETTINGS, settings)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        settings, parts = read_json(folder / SETTINGS), load_file(folder / WEIGHTS)
        product_ids = settings["product_ids"]
        shape = (len(parts["indptr"]) - 1, len(product_ids))
        return cls(
            UserKNNConfig(**settings["config"]),
            product_ids=product_ids,
            purchases=csr_array((parts["data"], parts["indices"], parts["indptr"]), shape=shape),
        )


def _matrix(bought: Faded, rows: int, width: int) -> csr_array:
    """Return the decayed purchases as a matrix (B, C)."""
    starts, places, left = bought
    count = int(starts[-1])
    return csr_array((left[:count], places[:count], starts), shape=(rows, width))


def _lengths(matrix: csr_array) -> FloatArray:
    """Return the Euclidean length of each row."""
    lengths: FloatArray = np.sqrt(matrix.power(2).sum(axis=1), dtype=np.float32)
    return lengths


def _nearest(cosines: FloatArray, count: int) -> csr_array:
    """Return (B, U) the `count` highest cosines above 0 of each row; of equal ones the first.

    >>> _nearest(np.float32([[0.5, 0, 0.25, 0.5]]), 2).toarray()
    array([[0.5, 0. , 0. , 0.5]], dtype=float32)
    """
    places = top_k(cosines, min(count, cosines.shape[1]))  # at least one customer was learned
    rows, slots = np.nonzero(np.take_along_axis(cosines, places, axis=1) > 0)
    columns = places[rows, slots]
    nearest: csr_array = csr_array((cosines[rows, columns], (rows, columns)), shape=cosines.shape)
    return nearest
