"""iALS: customers and products as vectors, by alternating least squares over every pair."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Self

import numpy as np
import pandas as pd
import pydantic
from safetensors.numpy import load_file, save_file
from scipy.sparse import csr_array, csr_matrix

from configs.loader import Config
from features.ages import PRODUCT_INPUTS
from features.workspace import write_json
from training.inputs import FloatArray, Products, Queries
from training.interactions import faded_history, interactions
from training.item_to_item import LearningHalfLife
from training.recommender import Scorer

if TYPE_CHECKING:
    from training.data import TrainingData
    from training.run import Run

WEIGHTS: Final = "weights.safetensors"
SETTINGS: Final = "ials.json"
_RECENT_BUYERS: Final = PRODUCT_INPUTS.index("log_buyers_28d")


class IALSConfig(Config):
    """How the vectors are fitted, and what counts besides."""

    embedding_dim: int = pydantic.Field(128, ge=1, description="dimensions of a product")
    iterations: int = pydantic.Field(15, ge=1, description="rounds over customers and products")
    confidence: float = pydantic.Field(
        5.0, gt=0, description="what a purchase of now adds to the weight 1 of every pair"
    )
    penalty: float = pydantic.Field(30.0, gt=0, description="weight of the squared vectors")
    half_life_days: float = pydantic.Field(
        200.0, gt=0, description="until a purchase in a customer's history counts half"
    )
    learning_half_life_days: LearningHalfLife = 60.0
    repeat_weight: float = pydantic.Field(
        0.8, ge=0, description="of a purchase for its own product, where a sure purchase scores 1"
    )
    popularity_weight: float = pydantic.Field(
        0.2, gt=0, description="of log(1 + buyers of 28 days) on the same scale"
    )


class IALS:
    """Ranks products by the product of their vector and the customer's, solved from the history.

    Hu, Koren and Volinsky, 2008; that it needs its settings tuned, and many dimensions: Rendle et
    al., 2022.
    """

    name: ClassVar[str] = "ials"

    def __init__(self, config: IALSConfig, *, product_ids: list[str], vectors: FloatArray) -> None:
        self.config = config
        self._product_ids = product_ids
        self._vectors = vectors  # (P, D)

    @classmethod
    def fit(
        cls,
        data: "TrainingData",
        *,
        config: IALSConfig,
        seed: int,
        run: "Run",  # noqa: ARG003  # every model's fit takes it; this one knows no epochs
    ) -> Self:
        """Fit the products' vectors to all purchases before `data.as_of`. Raises NotEnoughData."""
        from implicit.als import AlternatingLeastSquares
        from threadpoolctl import threadpool_limits

        bought = interactions(data, half_life_days=config.learning_half_life_days)
        weights = csr_matrix(bought.matrix, copy=True)
        weights.data = 1 + config.confidence * weights.data
        with threadpool_limits(limits=1, user_api="blas"):  # implicit warns of more
            solver = AlternatingLeastSquares(
                factors=config.embedding_dim,
                regularization=config.penalty,
                alpha=1.0,
                iterations=config.iterations,
                num_threads=1,
                random_state=seed,
                use_gpu=False,
            )
            solver.fit(weights, show_progress=False)
        return cls(config, product_ids=bought.product_ids, vectors=solver.item_factors)

    def scorer(self, products: Products) -> Scorer:
        """Look up the vectors of `products` once; return the function of the queries.

        A product that was not learned is found by its own purchases and its popularity alone.
        """
        config = self.config
        places = pd.Index(self._product_ids, dtype=object).get_indexer(
            pd.Index(products.product_ids, dtype=object)
        )
        vectors = np.where(places[:, None] >= 0, self._vectors[places], 0)
        gram = gram_matrix(vectors, penalty=config.penalty)
        popular = config.popularity_weight * products.features[:, _RECENT_BUYERS]

        def score(queries: Queries) -> FloatArray:
            left = faded_history(queries, width=len(products), half_life_days=config.half_life_days)
            found = customer_vectors(left, vectors, gram, confidence=config.confidence)
            repeats = config.repeat_weight * left.toarray()
            scores: FloatArray = found @ vectors.T + repeats + popular
            return scores

        return score

    def save(self, folder: Path) -> None:
        """Write vectors, product ids and settings into the existing, empty `folder`."""
        save_file({"vectors": self._vectors}, folder / WEIGHTS)
        settings = {
            "config": self.config.model_dump(mode="json"),
            "product_ids": self._product_ids,
        }
        write_json(folder / SETTINGS, settings)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        return cls(
            IALSConfig(**settings["config"]),
            product_ids=settings["product_ids"],
            vectors=load_file(folder / WEIGHTS)["vectors"],
        )


def gram_matrix(vectors: FloatArray, *, penalty: float) -> FloatArray:
    """Return V'V + penalty (D, D), what all customers' equations share, from V = `vectors` (C, D).

    >>> gram_matrix(np.float32([[1], [2]]), penalty=1)
    array([[6.]], dtype=float32)
    """
    dim = vectors.shape[1]
    gram: FloatArray = vectors.T @ vectors + np.float32(penalty) * np.eye(dim, dtype=np.float32)
    return gram


def customer_vectors(
    bought: csr_array, vectors: FloatArray, gram: FloatArray, *, confidence: float
) -> FloatArray:
    """Return the vectors (B, D) of the customers who bought `bought` (B, C), given the products'.

    The minimum of sum_c w_c (p_c - u v_c)^2 + penalty |u|^2 over all C products, where p is 1 and
    w is 1 + confidence * bought for what was bought, else p is 0 and w is 1 (Hu et al., 2008).

    >>> one, vectors = csr_array(np.float32([[1, 0], [0, 0]])), np.float32([[1], [2]])
    >>> customer_vectors(one, vectors, gram_matrix(vectors, penalty=1), confidence=4)  # 5 / 10
    array([[0.5],
           [0. ]], dtype=float32)
    """
    found = np.zeros((bought.shape[0], vectors.shape[1]), dtype=np.float32)
    for row, (start, stop) in enumerate(zip(bought.indptr, bought.indptr[1:], strict=False)):
        own = vectors[bought.indices[start:stop]]
        extra = np.float32(confidence) * bought.data[start:stop]
        found[row] = np.linalg.solve(gram + (own.T * extra) @ own, (1 + extra) @ own)
    return found
