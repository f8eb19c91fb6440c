"""Item-to-item models: a purchase raises the scores of products that are often bought with it.

Each model learns a weight for every ordered pair of products. A customer's score of a product is
the sum of the weights from their purchases, decayed by age, plus terms for repeats and popularity.
"""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Generic, Self, TypeVar

import numpy as np
import pydantic
from safetensors.numpy import load_file, save_file
from scipy.sparse import csr_array, diags_array, eye_array, vstack

from configs.json_files import read_json, write_json
from configs.loader import Config
from training.data.inputs import FloatArray, IntArray, Products, Queries
from training.data.interactions import interactions
from training.interfaces import Related, Scorer
from training.kernels.faded_history import faded_history
from training.kernels.sparse_rows import add_weights

if TYPE_CHECKING:
    from training.data.training_data import TrainingData
    from training.run import Run

WEIGHTS: Final = "weights.safetensors"
SETTINGS: Final = "item_to_item.json"
_BLOCK: Final = 256  # rows converted to dense at once


def cosine(matrix: csr_array, *, shrinkage: float) -> csr_array:
    """Return the shrunk cosine of every two columns of `matrix` (U, P), as (P, P).

    x_i x_j / (|x_i| |x_j| + shrinkage): Sarwar et al., 2001; the shrinkage lowers the cosines of
    products with few buyers, as in Ferrari Dacrema et al., 2019.

    >>> cosine(csr_array(np.float32([[1, 1], [1, 0]])), shrinkage=0).toarray().round(3)
    array([[1.   , 0.707],
           [0.707, 1.   ]], dtype=float32)
    """
    together = (matrix.T @ matrix).tocoo()
    norms = np.sqrt(matrix.power(2).sum(axis=0))
    rows, columns = together.coords
    denominator = norms[rows] * norms[columns] + shrinkage
    values = np.divide(
        together.data, denominator, out=np.zeros_like(denominator), where=denominator > 0
    )
    return csr_array((values.astype(np.float32), (rows, columns)), shape=together.shape)


def rp3beta(matrix: csr_array, *, alpha: float, beta: float) -> csr_array:
    """Return the end weights (P, P) of walks product-customer-product on `matrix` (U, P).

    Each step's probability is raised to the power `alpha`; the result is divided by the end
    product's purchases to the power `beta`: Paudel et al., 2017.

    >>> rp3beta(csr_array(np.float32([[1, 1], [1, 0]])), alpha=1, beta=0).toarray()
    array([[0.75, 0.25],
           [0.5 , 0.5 ]], dtype=float32)
    """
    by_customer, by_product = matrix.sum(axis=1), matrix.sum(axis=0)
    to_customer = (diags_array(1 / by_product) @ matrix.T).power(alpha)
    to_product = (diags_array(1 / by_customer) @ matrix).power(alpha)
    return csr_array(to_customer @ to_product @ diags_array(by_product**-beta), dtype=np.float32)


def prune_and_scale(weights: csr_array | FloatArray, count: int) -> csr_array:
    """Return the `count` weights of each row of (P, P) farthest from 0, without the diagonal.

    All weights get one scale, at which the strongest weights of the rows that have any average 1.
    So repeats and popularity have the same relative weight for every kind of `weights`.

    >>> prune_and_scale(np.float32([[9, 1, -4], [3, 9, 2], [0, 0, 9]]), 1).toarray().round(2)
    array([[ 0.  ,  0.  , -1.14],
           [ 0.86,  0.  ,  0.  ],
           [ 0.  ,  0.  ,  0.  ]], dtype=float32)
    """
    width = weights.shape[0]
    blocks = []
    for start in range(0, width, _BLOCK):
        part = weights[start : start + _BLOCK]
        block = part.toarray() if isinstance(part, csr_array) else part.copy()
        rows = np.arange(len(block))
        block[rows, start + rows] = 0
        if count < width:
            weak = np.argpartition(-np.abs(block), count, axis=1)[:, count:]
            np.put_along_axis(block, weak, 0, axis=1)
        blocks.append(csr_array(block))
    pruned = csr_array(vstack(blocks))
    if pruned.nnz:
        strongest = abs(pruned).max(axis=1).toarray()
        pruned.data /= strongest[strongest > 0].mean()
    return pruned


Neighbours = Annotated[int, pydantic.Field(ge=1, description="weights stored per product")]
LearningHalfLife = Annotated[
    float | None,
    pydantic.Field(
        gt=0, description="days after which a training purchase counts half; null: no decay"
    ),
]
RepeatWeight = Annotated[
    float,
    pydantic.Field(
        ge=0,
        description="weight of a purchase for its own product; the closest other has 1",
    ),
]


class ItemToItemConfig(Config):
    """Settings that the item-to-item models share."""

    neighbours: Neighbours = 50
    half_life_days: float = pydantic.Field(
        200.0, gt=0, description="days after which a purchase in a customer's history counts half"
    )
    learning_half_life_days: LearningHalfLife = 45.0
    repeat_weight: RepeatWeight = 20.0
    popularity_weight: float = pydantic.Field(
        2.0, gt=0, description="weight of log(1 + buyers of 28 days), on the same scale"
    )


C = TypeVar("C", bound=ItemToItemConfig)


class ItemToItem(ABC, Generic[C]):
    """Ranks products by the weights to them from a customer's decayed purchases."""

    name: ClassVar[str]
    config_class: ClassVar[type[Any]]

    def __init__(self, config: C, *, product_ids: list[str], weights: csr_array) -> None:
        self.config = config
        self._product_ids = product_ids
        self._weights = weights  # (P, P): from row to column

    @staticmethod
    @abstractmethod
    def similarity(matrix: csr_array, config: C) -> csr_array | FloatArray:
        """Return the weights (P, P), from row to column, of the purchases `matrix` (U, P)."""

    @classmethod
    def fit(
        cls,
        data: "TrainingData",
        *,
        config: C,
        seed: int,
        run: "Run",
    ) -> Self:
        """Learn the weights from all purchases before `data.as_of`. Raises NotEnoughData."""
        bought = interactions(data, half_life_days=config.learning_half_life_days)
        weights = prune_and_scale(cls.similarity(bought.matrix, config), config.neighbours)
        return cls(config, product_ids=bought.product_ids, weights=weights)

    def scorer(self, products: Products) -> Scorer:
        """Look up the weights between `products` once; return the function of the queries.

        A product that was not learned is scored by its own purchases and its popularity only.
        """
        width = len(products)
        places = products.among(self._product_ids)
        known = np.flatnonzero(places >= 0)
        chosen = csr_array(
            (np.ones(len(known), dtype=np.float32), (known, places[known])),
            shape=(width, len(self._product_ids)),
        )
        repeats = self.config.repeat_weight * eye_array(width, dtype=np.float32)
        matrix = csr_array(chosen @ self._weights @ chosen.T + repeats, dtype=np.float32)
        weights = (matrix.indptr, matrix.indices, matrix.data)
        popular = self.config.popularity_weight * products.input("log_buyers_28d")

        def score(queries: Queries) -> FloatArray:
            left = faded_history(queries, half_life_days=self.config.half_life_days)
            scores = np.zeros((len(queries), width), dtype=np.float32)
            add_weights(tuple(left), weights, popular, scores)
            return scores

        return score

    def related(self, products: Products) -> Related:
        """Return the weights from bought products to others; 0 if either was not learned."""
        learned = products.among(self._product_ids)

        def weights(bought: IntArray, others: IntArray) -> FloatArray:
            rows, columns = learned[bought], learned[others]
            learned_weights: FloatArray = self._weights[np.maximum(rows, 0)][
                :, np.maximum(columns, 0)
            ].toarray()
            return np.where((rows >= 0)[:, None] & (columns >= 0), learned_weights, np.float32(0))

        return weights

    def save(self, folder: Path) -> None:
        """Write weights, product ids and settings into the existing, empty `folder`."""
        stored = self._weights
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
        settings = read_json(folder / SETTINGS)
        parts = load_file(folder / WEIGHTS)
        count = len(settings["product_ids"])
        return cls(
            cls.config_class(**settings["config"]),
            product_ids=settings["product_ids"],
            weights=csr_array(
                (parts["data"], parts["indices"], parts["indptr"]), shape=(count, count)
            ),
        )


class CosineConfig(ItemToItemConfig):
    """How the similarity of two products is computed."""

    neighbours: Neighbours = 20
    learning_half_life_days: LearningHalfLife = 60.0
    repeat_weight: RepeatWeight = 10.0
    shrinkage: float = pydantic.Field(
        0.0, ge=0, description="added to the cosine's denominator, in buyers"
    )


class Cosine(ItemToItem[CosineConfig]):
    """Item-to-item by the shrunk cosine of the products' buyers (Sarwar et al., 2001)."""

    name: ClassVar[str] = "cosine"
    config_class: ClassVar[type[Any]] = CosineConfig

    @staticmethod
    def similarity(matrix: csr_array, config: CosineConfig) -> csr_array:
        """Return the shrunk cosines."""
        return cosine(matrix, shrinkage=config.shrinkage)


class RP3BetaConfig(ItemToItemConfig):
    """The weights of a walk from product to customer to product."""

    learning_half_life_days: LearningHalfLife = None
    repeat_weight: RepeatWeight = 8.0
    alpha: float = pydantic.Field(0.4, gt=0, description="power of each step's probability")
    beta: float = pydantic.Field(0.8, ge=0, description="power of the popularity in the divisor")


class RP3Beta(ItemToItem[RP3BetaConfig]):
    """Item-to-item by a random walk of three steps from the customer (Paudel et al., 2017)."""

    name: ClassVar[str] = "rp3beta"
    config_class: ClassVar[type[Any]] = RP3BetaConfig

    @staticmethod
    def similarity(matrix: csr_array, config: RP3BetaConfig) -> csr_array:
        """Return the end weights of the walks."""
        return rp3beta(matrix, alpha=config.alpha, beta=config.beta)
