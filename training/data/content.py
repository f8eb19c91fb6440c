"""Content vectors of products from titles and categories, and their similarity."""

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
    """Return unit vectors (C, D) of titles and categories, with equal weights.

    A title is the TF-IDF of its tokens, smoothed as in scikit-learn; a category is one dimension.
    Where one of the two is unknown, the vector is the other; without both it is 0.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    titles = csr_array(np.zeros((len(products), 0)))
    if any(tokens(title) for title in products.titles):  # scikit-learn refuses an empty vocabulary
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
    """Return (C,): a number for each category, in order of appearance; -1 for no category."""
    names = np.array([name or None for name in products.categories], dtype=object)
    return pd.factorize(names)[0].astype(np.int64)
