"""EASE: item-to-item weights in closed form: each product is regressed on all others."""

from typing import Any, ClassVar, Final

import numpy as np
import pydantic
import scipy.linalg
from scipy.sparse import csr_array

from training.data.inputs import FloatArray
from training.errors import TooManyProducts
from training.recommenders.item_to_item import ItemToItem, ItemToItemConfig

MOST_PRODUCTS: Final = 20_000


class EaseConfig(ItemToItemConfig):
    """The regularisation of the weights."""

    penalty: float = pydantic.Field(
        200.0, gt=0, description="weight of the squared weights, in buyers"
    )


class Ease(ItemToItem[EaseConfig]):
    """Item-to-item by the linear autoencoder without self-weights (Steck, 2019)."""

    name: ClassVar[str] = "ease"
    config_class: ClassVar[type[Any]] = EaseConfig

    @staticmethod
    def similarity(matrix: csr_array, config: EaseConfig) -> FloatArray:
        """Return the regression's weights. Raises TooManyProducts."""
        return ease(matrix, penalty=config.penalty)


def ease(matrix: csr_array, *, penalty: float) -> FloatArray:
    """Return the weights W (P, P), 0 on the diagonal, that predict X = `matrix` (U, P) by X W.

    They minimise |X - X W|^2 + penalty |W|^2: with Q the inverse of X'X + penalty,
    W_ij = -Q_ij / Q_jj (Steck, 2019). Raises TooManyProducts where P is above MOST_PRODUCTS.

    >>> ease(csr_array(np.float32([[1, 1]])), penalty=1).round(3)
    array([[0. , 0.5],
           [0.5, 0. ]], dtype=float32)
    """
    count = matrix.shape[1]
    if count > MOST_PRODUCTS:
        raise TooManyProducts(
            f"products = {count}: ease holds a dense matrix of all pairs in memory, so it takes at "
            f"most {MOST_PRODUCTS}; use cosine, rp3beta, two_tower, or other sources of two_stage"
        )
    gram = (matrix.T @ matrix).toarray()
    gram[np.diag_indices(count)] += penalty
    weights: FloatArray = scipy.linalg.inv(gram, overwrite_a=True)
    weights /= -np.diag(weights)
    weights[np.diag_indices(count)] = 0
    return weights
