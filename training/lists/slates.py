"""The list as a whole: from one customer's scores to what is shown, and how likely each place was.

What is excluded, what was bought lately and what the strategy asks for are rules without exception:
a list is short where they leave too few products. A cap on categories and missing scores are not:
the list is then filled up by the scores, then by recent demand, and says which places those are.
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
Strategy = Literal["for_you", "buy_again", "new_to_you", "trending"]


class Policy(Config):
    """What a list is to be, besides good."""

    k: int = pydantic.Field(10, ge=1, description="positions")
    strategy: Strategy = pydantic.Field(
        "for_you",
        description="for_you: anything; buy_again: only from the history; new_to_you: nothing from "
        "the history; trending: recent demand, without a look at the customer",
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
        None, ge=1, description="products of one category; those without category are not counted"
    )
    diversity: float = pydantic.Field(
        0.0,
        ge=0,
        le=1,
        description="weight of being unlike what stands above, against the score",
    )
    explore: int = pydantic.Field(0, ge=0, description="last positions of k that are drawn")
    pool: int = pydantic.Field(
        50, ge=1, description="next best products that the drawn ones are drawn from"
    )

    @pydantic.model_validator(mode="after")
    def _explore_what_there_is(self) -> Self:
        if self.explore > min(self.k, self.pool):
            raise ValueError(
                f"explore = {self.explore}: at most k = {self.k} and at most pool = {self.pool}"
            )
        return self


@dataclass(frozen=True, kw_only=True)
class ListCatalogue:
    """What composing reads of a catalogue of C products, made once."""

    popularity: FloatArray  # (C,) recent demand
    categories: IntArray  # (C,) a number for each category, -1 where a product has none
    vectors: csr_array  # (C, D) of length 1, or 0 where nothing is known

    @classmethod
    def of(cls, products: Products, *, popularity: FloatArray) -> Self:
        """Return the shelf of `products`, likened by their content."""
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
    filled: BoolArray  # (K,) stands there although a cap withheld it or it has no score


def compose(
    scores: FloatArray,
    shelf: ListCatalogue,
    *,
    policy: Policy,
    query: Queries | None = None,
    exclude: BoolArray | None = None,
    rng: np.random.Generator | None = None,
) -> Slate:
    """Return the list for one customer from `scores` (C,); by default exactly that of `top_k`.

    `query` (B = 1) says what the customer bought, as far as its history goes; None: nothing is
    known. `exclude` (C,) marks what may not be listed. `rng` draws the last positions.

    A propensity is the probability, over the draws, that this product stands at this position,
    where everything before the drawn positions is as it is: 1 at a position that is not drawn, and
    1 / n at each drawn one, n being the number of products (`pool`, or what remains) that were
    drawn from. Of e drawn positions, any order of any e products is equally likely:
    (n - e)! / n!. ValueError if positions are to be drawn without `rng`.
    """
    barred = _forbidden(shelf, policy, query, exclude)
    base = shelf.popularity if policy.strategy == "trending" else scores
    places, propensities = _chosen(base, shelf, policy, barred, rng)
    count = len(places)
    for order in (base, shelf.popularity):
        if len(places) < policy.k:
            taken = barred.copy()
            taken[places] = True
            more = _best(order, policy.k - len(places), taken)
            places = np.concatenate([places, more])
    return Slate(
        places=places,
        propensities=np.concatenate([propensities, np.ones(len(places) - count)]),
        filled=np.arange(len(places)) >= count,
    )


def _forbidden(
    shelf: ListCatalogue, policy: Policy, query: Queries | None, exclude: BoolArray | None
) -> BoolArray:
    """Return (C,), True at what may not be listed at all."""
    width = len(shelf.popularity)
    barred = np.zeros(width, dtype=np.bool_) if exclude is None else exclude
    if policy.strategy == "trending" or (
        policy.strategy == "for_you" and not policy.bought_within_days
    ):
        return barred
    barred = barred.copy()
    bought, days = _history(query)
    if policy.strategy == "buy_again":
        barred |= ~np.isin(np.arange(width), bought)
    elif policy.strategy == "new_to_you":
        barred[bought] = True
    barred[bought[days < policy.bought_within_days]] = True
    return barred


def _history(query: Queries | None) -> tuple[IntArray, FloatArray]:
    if query is None:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
    known = query.history[0] >= 0
    return query.history[0, known], query.history_days[0, known]


def _chosen(
    base: FloatArray,
    shelf: ListCatalogue,
    policy: Policy,
    barred: BoolArray,
    rng: np.random.Generator | None,
) -> tuple[IntArray, npt.NDArray[np.float64]]:
    """Return the places that keep every rule, and their propensities."""
    if policy.max_per_category is not None:
        barred = barred | _over_the_cap(policy.max_per_category, base, shelf.categories, barred)
    fixed = policy.k - policy.explore
    most = pool_size(policy.k) if policy.diversity else fixed
    ranked = _best(base, max(most, fixed + policy.pool if policy.explore else 0, 1), barred)
    places = ranked[:fixed]
    if policy.diversity and fixed:
        pool = ranked[:most]
        alike = likeness(shelf.vectors, pool)[None]
        places = pool[mmr(base[pool][None], alike, k=fixed, diversity=policy.diversity)[0]]
    propensities = np.ones(len(places))
    if policy.explore:
        if rng is None:
            raise ValueError(f"explore = {policy.explore}: positions are drawn by rng, not None")
        rest = ranked[~np.isin(ranked, places)][: policy.pool]
        drawn = rng.choice(rest, min(policy.explore, len(rest)), replace=False)
        places = np.concatenate([places, drawn])
        propensities = np.append(propensities, np.full(len(drawn), 1 / max(len(rest), 1)))
    return places, propensities


def _best(scores: FloatArray, count: int, barred: BoolArray) -> IntArray:
    """Return the places of at most `count` best of `scores` (C,) that are not `barred`."""
    (found,) = top_k(scores[None], count, exclude=barred[None])
    best: IntArray = found[found >= 0]
    return best


def _over_the_cap(
    cap: int, scores: FloatArray, categories: IntArray, barred: BoolArray
) -> BoolArray:
    """Return (C,), True at what has `cap` better products of its category before it."""
    beyond = np.zeros(len(scores), dtype=np.bool_)
    if len(scores):
        order = _best(scores, len(scores), barred)
        order = order[categories[order] >= 0]
        grouped = order[np.argsort(categories[order], kind="stable")]
        numbers = categories[grouped]
        beyond[grouped[np.arange(len(grouped)) - np.searchsorted(numbers, numbers) >= cap]] = True
    return beyond
