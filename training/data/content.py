"""What products are by their texts: vectors of titles and categories, and how alike two are."""

import numpy as np
import pandas as pd
from scipy.sparse import csr_array, diags_array, hstack

from training.data.inputs import FloatArray, IntArray, Products
from training.data.vocabulary import tokens


def likeness(vectors: csr_array, places: IntArray) -> FloatArray:
    """Return the cosines (M, M) of the products at `places` (M,) by their unit `vectors` (C, D)."""
    chosen = vectors[places]
    cosines: FloatArray = (chosen @ chosen.T).toarray()
    return cosines


def content_vectors(products: Products) -> csr_array:
    """Return unit vectors (C, D) of titles and categories, which weigh the same.

    A title is its tokens by TF-IDF, as scikit-learn smooths it; a category a dimension of its own.
    Where one of both is not known, the other speaks alone; without either the vector is 0.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    titles = csr_array(np.zeros((len(products), 0)))
    if any(tokens(title) for title in products.titles):  # an empty vocabulary is refused
        titles = csr_array(TfidfVectorizer(analyzer=tokens).fit_transform(products.titles))
    numbers = category_numbers(products)
    named = np.flatnonzero(numbers >= 0)
    categories = csr_array(
        (np.ones(len(named)), (named, numbers[named])),
        shape=(len(products), numbers.max(initial=-1) + 1),
    )
    both = hstack([titles, categories], format="csr")
    lengths = np.sqrt(both.power(2).sum(axis=1))
    unit = csr_array(diags_array(1 / np.where(lengths > 0, lengths, 1)) @ both)
    return unit.astype(np.float32)


def category_numbers(products: Products) -> IntArray:
    """Return (C,): a number for each category, in the order they come; -1 where there is none."""
    names = np.array([name or None for name in products.categories], dtype=object)
    return pd.factorize(names)[0].astype(np.int64)
