"""Unlike products side by side: what makes two alike, how a list avoids it, and what that costs."""

from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_array, diags_array, hstack

from training import metrics
from training.inputs import FloatArray, IntArray, Products
from training.ranking import BATCH, Pairs, top_k
from training.recommender import Recommender, Scorer
from training.vocabulary import tokens

if TYPE_CHECKING:
    from training.evaluate import RecommenderJudge

N = TypeVar("N", bound=np.generic)
POOL: Final = 100
LEVELS: Final = tuple(step / 10 for step in range(11))


def pool_size(k: int) -> int:
    """Return among how many of the best products a list of `k` is chosen: POOL, or five each.

    >>> pool_size(10), pool_size(100)
    (100, 500)
    """
    return max(POOL, 5 * k)


def mmr(relevance: FloatArray, alike: FloatArray, *, k: int, diversity: float) -> IntArray:
    """Return which of M products, best first, each of B lists shows: columns (B, min(k, M)).

    After the best, the next one is always that with the most of (1 - diversity) * relevance -
    diversity * likeness to the most alike product above it: maximal marginal relevance (Carbonell
    and Goldstein, 1998). `relevance` (B, M) is scaled to 0..1 within each row, -inf is no product
    (-1 where none is left); `alike` (B, M, M).

    >>> twins = np.float32([[[1, 1, 0], [1, 1, 0], [0, 0, 1]]])
    >>> mmr(np.float32([[5, 4, 1]]), twins, k=3, diversity=0.4)  # .6 * .75 - .4 against .6 * 0 - 0
    array([[0, 1, 2]])
    >>> mmr(np.float32([[5, 4, 1]]), twins, k=3, diversity=0.5)  # .5 * .75 - .5 against 0
    array([[0, 2, 1]])
    """
    there = np.isfinite(relevance)
    low = np.where(there, relevance, np.inf).min(axis=1, initial=np.inf, keepdims=True)
    high = np.where(there, relevance, -np.inf).max(axis=1, initial=-np.inf, keepdims=True)
    scaled = np.where(there, relevance - low, 0) / np.where(high > low, high - low, 1)
    value = np.where(there, scaled, -np.inf)
    nearest = np.full(relevance.shape, -np.inf)
    rows = np.arange(len(relevance))
    chosen = np.full((len(relevance), min(k, relevance.shape[1])), -1, dtype=np.int64)
    for position in range(chosen.shape[1]):
        best = value.argmax(axis=1)
        chosen[:, position] = np.where(np.isinf(value[rows, best]), -1, best)
        there[rows, best] = False
        nearest = np.maximum(nearest, alike[rows, best])
        value = np.where(there, (1 - diversity) * scaled - diversity * nearest, -np.inf)
    return chosen


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


def price_of_diversity(
    model: Recommender, judge: "RecommenderJudge", *, k: int = 10
) -> pd.DataFrame:
    """Return what each diversity of LEVELS costs and brings on the window of `judge`.

    A row for each `list` (all, new) and `diversity`: the means over the customers who bought of
    `ndcg_at_k` and of `intra_list_diversity`, by the content of the products. Nothing else of a
    policy is applied.
    """
    width, scorer = len(judge.products), model.scorer(judge.products)
    vectors = content_vectors(judge.products)
    new = judge.wanted.without(judge.owned, width)
    parts = [
        frame.assign(list=name)
        for name, wanted, exclude in (("all", judge.wanted, None), ("new", new, judge.owned))
        for frame in _levels(judge, scorer, vectors, wanted=wanted, exclude=exclude, k=k)
    ]
    return pd.concat(parts).groupby(["list", "diversity"], as_index=False).mean()


def _levels(
    judge: "RecommenderJudge",
    scorer: Scorer,
    vectors: csr_array,
    *,
    wanted: Pairs,
    exclude: Pairs | None,
    k: int,
) -> list[pd.DataFrame]:
    """Return the figures of each customer at each level, a frame for a batch and level."""
    found = []
    width = len(judge.products)
    for start in range(0, len(judge.queries), BATCH):
        stop = min(start + BATCH, len(judge.queries))
        truth = wanted.mask(start, stop, width)
        scored = truth.any(axis=1)
        if not scored.any():
            continue
        truth = truth[scored]
        scores = scorer(judge.queries[start:stop])[scored]
        barred = None if exclude is None else exclude.mask(start, stop, width)[scored]
        pools = top_k(scores, pool_size(k), exclude=barred)
        relevance = np.where(pools >= 0, _at(scores, pools), -np.inf)
        alike = np.stack([likeness(vectors, pool) for pool in pools])
        for level in LEVELS:
            chosen = mmr(relevance, alike, k=k, diversity=level)
            lists = np.where(chosen >= 0, _at(pools, chosen), -1)
            hits = (lists >= 0) & _at(truth, lists)
            figures = {
                "diversity": level,
                f"ndcg_at_{k}": metrics.ndcg(hits, truth.sum(axis=1)),
                "intra_list_diversity": metrics.diversity(lists, vectors),
            }
            found.append(pd.DataFrame(figures))
    return found


def _at(values: npt.NDArray[N], columns: IntArray) -> npt.NDArray[N]:
    """Return of `values` (B, C) those in `columns` (B, K); where there is no column, the first."""
    return np.take_along_axis(values, np.maximum(columns, 0), axis=1)
