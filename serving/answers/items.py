"""From a draft to the items that are shown: the shop's and the request's rules, and the reasons."""

from functools import lru_cache
from typing import Any, Final

import numpy as np
from msgspec import UNSET

from serving.answers.drafts import POPULARITY, Draft
from serving.schemas.products import SimilarRequest
from serving.schemas.recommendations import RecommendationRequest, RecommendedItem
from serving.state.catalogue import Catalogue
from training.lists.reasons import reasons
from training.lists.slates import BoolArray, Policy, compose

_ASKED: Final = ("k", "strategy", "max_per_category", "diversity")
"""What a request may say of its list's policy."""


def policy_of(request: RecommendationRequest, shop: Policy) -> Policy:
    """Return the policy of one list: the shop's, but for what `request` says itself.

    The places that the shop's policy does not draw stay undrawn where the request's list is
    shorter: of `k` 10 and `explore` 2 a list of 9 draws one position, one of 8 none.
    """
    return _policy(shop, request.k, request.strategy, request.max_per_category, request.diversity)


@lru_cache(maxsize=1_024)
def _policy(shop: Policy, *asked: Any) -> Policy:
    given = dict(zip(_ASKED, asked, strict=True))
    given = {name: value for name, value in given.items() if value is not UNSET}
    longer = given.get("k", shop.k) - shop.k
    explore = min(max(shop.explore + longer, 0), shop.explore)
    return shop.model_copy(update=given | {"explore": explore})


def items(
    draft: Draft, request: RecommendationRequest, *, policy: Policy, recommendation_id: str
) -> list[RecommendedItem]:
    """Return the items of `draft` as `policy` and `request` want them; none without a catalogue.

    What is drawn comes from `recommendation_id` (hexadecimal) alone: with it, whoever knows the
    candidates can draw again.
    """
    if draft.catalogue is None or draft.scores is None:
        return []
    products, shelf = draft.catalogue.products, draft.catalogue.shelf
    slate = compose(
        draft.scores,
        shelf,
        policy=policy,
        query=draft.customer,
        exclude=excluded(draft.catalogue, draft.unlisted, request),
        rng=np.random.default_rng(int(recommendation_id, 16)) if policy.explore else None,
    )
    told: list[list[str] | None] = [None] * len(slate.places)
    if request.explain:
        told = [*reasons(products, draft.customer, slate.places, related=draft.related)]
    scores = draft.scores[slate.places]
    scored = np.isfinite(scores)
    shown = zip(
        products.product_ids[slate.places].tolist(),
        np.where(scored, scores, shelf.popularity[slate.places]).tolist(),
        scored.tolist(),
        slate.propensities.tolist(),
        slate.filled.tolist(),
        told,
        strict=True,
    )
    return [
        RecommendedItem(
            product_id=product_id,
            position=position,
            score=score,
            source=draft.source if known else POPULARITY,
            propensity=propensity,
            filled=filled,
            reasons=why,
        )
        for position, (product_id, score, known, propensity, filled, why) in enumerate(shown, 1)
    ]


def excluded(
    catalogue: Catalogue,
    unlisted: tuple[str, ...],
    request: RecommendationRequest | SimilarRequest,
) -> BoolArray:
    """Return (C,), True at what is `unlisted` or unavailable, or what the request leaves out."""
    left_out, asked = catalogue.unavailable.copy(), request.filter
    for name in (*request.exclude_product_ids, *unlisted):
        if (place := catalogue.products.places.get(name)) is not None:
            left_out[place] = True
    if asked is None:
        return left_out
    if asked.categories:
        wanted = np.zeros(len(catalogue.categories) + 1, dtype=np.bool_)  # the last one: -1, none
        wanted[[catalogue.categories.get(name, -1) for name in asked.categories]] = True
        wanted[-1] = False
        left_out |= ~wanted[catalogue.shelf.categories]
    if asked.in_stock:
        left_out |= catalogue.sold_out
    if asked.price_min is not None:
        left_out |= ~(catalogue.prices >= asked.price_min)  # an unknown price is NaN: left out
    if asked.price_max is not None:
        left_out |= ~(catalogue.prices <= asked.price_max)
    return left_out
