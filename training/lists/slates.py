"""The list for one customer, from scores, with the probability of each position.

Exclusions, recent purchases and the strategy are strict rules: a list is short where they leave too
few products. The cap on categories and missing scores are not: the list is then filled up by the
scores, then by recent demand, and those places are marked.
"""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import pydantic
from scipy.sparse import csr_array

from configs.loader import Config
from features.customer_features import RETURN_DAYS
from training.data.content import category_numbers, content_vectors, likeness
from training.data.inputs import FloatArray, IntArray, Products, Queries
from training.kernels.top_k import top_k
from training.lists.diversity import mmr, pool_size

BoolArray = npt.NDArray[np.bool_]
Strategy = Literal["for_you", "buy_again", "new_to_you", "trending", "content"]


class Policy(Config):
    """The rules of a list."""

    k: int = pydantic.Field(10, ge=1, description="positions")
    strategy: Strategy = pydantic.Field(
        "for_you",
        description="for_you: anything; buy_again: only from the history; new_to_you: nothing from "
        "the history; trending: recent demand, the same for every customer; content: what is like "
        "the history, without data of other customers",
    )
    bought_within_days: float = pydantic.Field(
        0.0, ge=0, description="days in which a bought product is not listed again"
    )
    returned_within_days: float = pydantic.Field(
        0.0,
        ge=0,
        le=RETURN_DAYS,
        description="days in which a returned product is not listed again",
    )
    max_per_category: int | None = pydantic.Field(
        None, ge=1, description="products of one category; products without a category do not count"
    )
    diversity: float = pydantic.Field(
        0.0,
        ge=0,
        le=1,
        description="weight of the difference from the products above, against the score",
    )
    explore: int = pydantic.Field(
        0, ge=0, description="last positions of k that are drawn at random"
    )
    pool: int = pydantic.Field(50, ge=1, description="next best products from which they are drawn")

    @pydantic.model_validator(mode="after")
    def _explore_what_there_is(self) -> Self:
        if self.explore > min(self.k, self.pool):
            raise ValueError(
                f"explore = {self.explore}: at most k = {self.k} and at most pool = {self.pool}"
            )
        return self


@dataclass(frozen=True, kw_only=True)
class ListCatalogue:
    """The data of a catalogue of C products that `compose` reads, computed once."""

    popularity: FloatArray  # (C,) recent demand
    categories: IntArray  # (C,) a number for each category, -1 where a product has none
    vectors: csr_array  # (C, D) of length 1, or 0 where nothing is known

    @classmethod
    def of(cls, products: Products, *, popularity: FloatArray) -> Self:
        """Return the catalogue of `products`, with vectors of their content."""
        return cls(
            popularity=popularity,
            categories=category_numbers(products),
            vectors=content_vectors(products),
        )


@dataclass(frozen=True, kw_only=True)
class Slate:
    """A list of K products, best first; K is below the policy's k where too few are allowed."""

    places: IntArray  # (K,) indices of the catalogue
    propensities: npt.NDArray[np.float64]  # (K,) see `compose`
    filled: BoolArray  # (K,) listed although over the cap or without a score


def compose(
    scores: FloatArray,
    catalogue: ListCatalogue,
    *,
    policy: Policy,
    query: Queries | None = None,
    exclude: BoolArray | None = None,
    rng: np.random.Generator | None = None,
) -> Slate:
    """Return the list for one customer from `scores` (C,); by default exactly that of `top_k`.

    `query` (B = 1) has the customer's purchases in its history; None: nothing is known. `exclude`
    (C,) marks products that may not be listed. `rng` draws the last positions.

    A propensity is the probability, over the draws, that this product has this position, given
    everything before the drawn positions: 1 at a position that is not drawn, and 1 / n at each
    drawn one, where n is the number of products (`pool`, or fewer if fewer remain) to draw from. Of
    e drawn positions, any order of any e products is equally likely: (n - e)! / n!. ValueError if
    positions are to be drawn without `rng`.
    """
    forbidden = _forbidden(catalogue, policy, query, exclude)
    base = catalogue.popularity if policy.strategy == "trending" else scores
    places, propensities = _chosen(base, catalogue, policy, forbidden, rng)
    count = len(places)
    for order in (base, catalogue.popularity):
        if len(places) < policy.k:
            taken = forbidden.copy()
            taken[places] = True
            fill = _best(order, policy.k - len(places), taken)
            places = np.concatenate([places, fill])
    return Slate(
        places=places,
        propensities=np.concatenate([propensities, np.ones(len(places) - count)]),
        filled=np.arange(len(places)) >= count,
    )


def _forbidden(
    catalogue: ListCatalogue, policy: Policy, query: Queries | None, exclude: BoolArray | None
) -> BoolArray:
    """Return (C,), True at products that may not be listed."""
    width = len(catalogue.popularity)
    forbidden = np.zeros(width, dtype=np.bool_) if exclude is None else exclude
    if policy.strategy == "trending" or (
        policy.strategy in {"for_you", "content"} and not policy.bought_within_days
    ):
        return forbidden
    forbidden = forbidden.copy()
    bought, days = _history(query)
    if policy.strategy == "buy_again":
        forbidden |= ~np.isin(np.arange(width), bought)
    elif policy.strategy == "new_to_you":
        forbidden[bought] = True
    forbidden[bought[days < policy.bought_within_days]] = True
    return forbidden


def _history(query: Queries | None) -> tuple[IntArray, FloatArray]:
    if query is None:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
    valid = query.history[0] >= 0
    return query.history[0, valid], query.history_days[0, valid]


def _chosen(
    base: FloatArray,
    catalogue: ListCatalogue,
    policy: Policy,
    forbidden: BoolArray,
    rng: np.random.Generator | None,
) -> tuple[IntArray, npt.NDArray[np.float64]]:
    """Return the places that satisfy every rule, and their propensities."""
    if policy.max_per_category is not None:
        forbidden = forbidden | _over_the_cap(
            policy.max_per_category, base, catalogue.categories, forbidden
        )
    fixed = policy.k - policy.explore
    pool_k = pool_size(policy.k) if policy.diversity else fixed
    ranked = _best(base, max(pool_k, fixed + policy.pool if policy.explore else 0, 1), forbidden)
    places = ranked[:fixed]
    if policy.diversity and fixed:
        pool = ranked[:pool_k]
        similarity = likeness(catalogue.vectors, pool)[None]
        places = pool[mmr(base[pool][None], similarity, k=fixed, diversity=policy.diversity)[0]]
    propensities = np.ones(len(places))
    if policy.explore:
        if rng is None:
            raise ValueError(f"explore = {policy.explore}: positions are drawn by rng, not None")
        remaining = ranked[~np.isin(ranked, places)][: policy.pool]
        drawn = rng.choice(remaining, min(policy.explore, len(remaining)), replace=False)
        places = np.concatenate([places, drawn])
        propensities = np.append(propensities, np.full(len(drawn), 1 / max(len(remaining), 1)))
    return places, propensities


def _best(scores: FloatArray, count: int, forbidden: BoolArray) -> IntArray:
    """Return the places of the best `scores` (C,), at most `count`, that are not `forbidden`."""
    (ranked_places,) = top_k(scores[None], count, exclude=forbidden[None])
    best: IntArray = ranked_places[ranked_places >= 0]
    return best


def _over_the_cap(
    cap: int, scores: FloatArray, categories: IntArray, forbidden: BoolArray
) -> BoolArray:
    """Return (C,), True at products with `cap` better products of their category."""
    over = np.zeros(len(scores), dtype=np.bool_)
    if len(scores):
        order = _best(scores, len(scores), forbidden)
        order = order[categories[order] >= 0]
        grouped = order[np.argsort(categories[order], kind="stable")]
        numbers = categories[grouped]
        over[grouped[np.arange(len(grouped)) - np.searchsorted(numbers, numbers) >= cap]] = True
    return over
