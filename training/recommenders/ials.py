"""iALS: vectors of customers and products, by alternating least squares over all pairs."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Self

import numpy as np
import pydantic
from safetensors.numpy import load_file, save_file
from scipy.linalg import solve_triangular
from scipy.sparse import csr_matrix

from configs.json_files import read_json, write_json
from configs.loader import Config
from training.data.inputs import FloatArray, Products, Queries
from training.data.interactions import interactions
from training.interfaces import Scorer
from training.kernels.dot_products import DotScorer, QueryVectors
from training.kernels.faded_history import add_left, faded_history
from training.kernels.least_squares import customer_vectors
from training.recommenders.item_to_item import LearningHalfLife

if TYPE_CHECKING:
    from training.data.training_data import TrainingData
    from training.run import Run

WEIGHTS: Final = "weights.safetensors"
SETTINGS: Final = "ials.json"


class IALSConfig(Config):
    """How the vectors are fitted, and the weights of the other terms."""

    embedding_dim: int = pydantic.Field(128, ge=1, description="dimensions of a vector")
    iterations: int = pydantic.Field(15, ge=1, description="rounds over customers and products")
    confidence: float = pydantic.Field(
        5.0, gt=0, description="added to the weight 1 of every pair by a purchase today"
    )
    penalty: float = pydantic.Field(30.0, gt=0, description="weight of the squared vectors")
    half_life_days: float = pydantic.Field(
        200.0, gt=0, description="days after which a purchase in a customer's history counts half"
    )
    learning_half_life_days: LearningHalfLife = 60.0
    repeat_weight: float = pydantic.Field(
        0.8,
        ge=0,
        description="weight of a purchase for its own product; a certain purchase scores 1",
    )
    popularity_weight: float = pydantic.Field(
        0.2, gt=0, description="weight of log(1 + buyers of 28 days), on the same scale"
    )


class IALS:
    """Ranks products by their vector's product with the customer's, solved from the history.

    Hu, Koren and Volinsky, 2008; it needs tuned settings and many dimensions: Rendle et al., 2022.
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
        run: "Run",
    ) -> Self:
        """Fit the products' vectors to all purchases before `data.as_of`. Raises NotEnoughData."""
        from implicit.als import AlternatingLeastSquares
        from threadpoolctl import threadpool_limits

        bought = interactions(data, half_life_days=config.learning_half_life_days)
        weights = csr_matrix(bought.matrix, copy=True)
        weights.data = 1 + config.confidence * weights.data
        with threadpool_limits(limits=1, user_api="blas"):  # implicit warns about more threads
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

        A product without a vector is scored by its own purchases and its popularity only.
        """
        config = self.config
        places = products.among(self._product_ids)
        vectors = np.where(places[:, None] >= 0, self._vectors[places], np.float32(0))
        vectors = whitened(vectors, penalty=config.penalty)
        popular = config.popularity_weight * products.input("log_buyers_28d")

        def query_vectors(queries: Queries) -> QueryVectors:
            left = faded_history(queries, half_life_days=config.half_life_days)

            def add(scores: FloatArray) -> None:
                add_left(scores, left, weight=config.repeat_weight)
                np.add(scores, popular, out=scores)

            return customer_vectors(left, vectors, confidence=config.confidence), add

        return DotScorer(vectors, query_vectors)

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
        settings = read_json(folder / SETTINGS)
        return cls(
            IALSConfig(**settings["config"]),
            product_ids=settings["product_ids"],
            vectors=load_file(folder / WEIGHTS)["vectors"],
        )


def whitened(vectors: FloatArray, *, penalty: float) -> FloatArray:
    """Return `vectors` V (C, D) in coordinates in which V'V + penalty becomes the unit matrix.

    This solves the part that all customers' equations share, once. Dot products of customers' and
    products' vectors do not change.

    >>> whitened(np.float32([[1], [2]]), penalty=4)  # by the root of 1 + 4 + 4
    array([[0.33333334],
           [0.6666667 ]], dtype=float32)
    """
    exact = vectors.astype(np.float64)
    gram = exact.T @ exact + penalty * np.eye(vectors.shape[1])
    solved = solve_triangular(np.linalg.cholesky(gram), exact.T, lower=True)
    return np.ascontiguousarray(solved.T, dtype=np.float32)
