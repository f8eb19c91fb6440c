"""Items of a list from a draft: the rules of the shop and the request, and the reasons."""

from functools import lru_cache
from typing import Any, Final

import numpy as np
from msgspec import UNSET

from serving.answers.drafts import CONTENT, POPULARITY, Draft
from serving.schemas.recommendations import RecommendationRequest, RecommendedItem
from serving.schemas.similar import SimilarRequest
from serving.state.catalogue import Catalogue
from training.data.inputs import FloatArray, IntArray
from training.interfaces import Related
from training.lists.reasons import reasons
from training.lists.slates import BoolArray, Policy, compose

_OVERRIDES: Final = ("k", "strategy", "max_per_category", "diversity")
"""Policy fields that a request can override."""


def policy_of(request: RecommendationRequest, shop: Policy) -> Policy:
    """Return the policy of one list: the shop's policy with the overrides of `request`.

    A shorter list keeps the number of positions that are not drawn at random: with `k` 10 and
    `explore` 2, a list of 9 draws one position and a list of 8 none.
    """
    return _policy(shop, request.k, request.strategy, request.max_per_category, request.diversity)


@lru_cache(maxsize=1_024)
def _policy(shop: Policy, *overrides: Any) -> Policy:
    given = dict(zip(_OVERRIDES, overrides, strict=True))
    given = {name: value for name, value in given.items() if value is not UNSET}
    longer = given.get("k", shop.k) - shop.k
    explore = min(max(shop.explore + longer, 0), shop.explore)
    return shop.model_copy(update=given | {"explore": explore})


def items(
    draft: Draft, request: RecommendationRequest, *, policy: Policy, recommendation_id: str
) -> list[RecommendedItem]:
    """Return the items of `draft` by `policy` and `request`; none without a catalogue.

    `recommendation_id` (hexadecimal) is the only seed of the random positions: with it and the
    candidates, the draw can be repeated.
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
    explanations: list[list[str] | None] = [None] * len(slate.places)
    if request.explain:
        explanations = [
            *reasons(
                products,
                draft.customer,
                slate.places,
                related=draft.related,
                alike=_alike(draft.catalogue) if draft.source == CONTENT else None,
                language=request.language,
            )
        ]
    scores = draft.scores[slate.places]
    scored = np.isfinite(scores)
    shown = zip(
        products.product_ids[slate.places].tolist(),
        np.where(scored, scores, shelf.popularity[slate.places]).tolist(),
        scored.tolist(),
        slate.propensities.tolist(),
        slate.filled.tolist(),
        explanations,
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
            reasons=explanation,
        )
        for position, (product_id, score, known, propensity, filled, explanation) in enumerate(
            shown, 1
        )
    ]


def _alike(catalogue: Catalogue) -> Related:
    """Return the function of the likeness of bought products (L,) and others (K,)."""

    def likeness_of(bought: IntArray, others: IntArray) -> FloatArray:
        vectors = catalogue.shelf.vectors
        cosines: FloatArray = (vectors[bought] @ vectors[others].T).toarray()
        return cosines

    return likeness_of


def excluded(
    catalogue: Catalogue,
    unlisted: tuple[str, ...],
    request: RecommendationRequest | SimilarRequest,
) -> BoolArray:
    """Return (C,): True for products `unlisted`, unavailable or excluded by the request."""
    mask, conditions = catalogue.unavailable.copy(), request.filter
    for name in (*request.exclude_product_ids, *unlisted):
        if (place := catalogue.products.places.get(name)) is not None:
            mask[place] = True
    if conditions is None:
        return mask
    if conditions.categories:
        wanted = np.zeros(len(catalogue.categories) + 1, dtype=np.bool_)  # last: -1, no category
        wanted[[catalogue.categories.get(name, -1) for name in conditions.categories]] = True
        wanted[-1] = False
        mask |= ~wanted[catalogue.shelf.categories]
    if conditions.in_stock:
        mask |= catalogue.sold_out
    if conditions.store_id is not None:
        mask |= catalogue.stores.lacking(conditions.store_id, len(mask))
    if conditions.price_min is not None:
        mask |= ~(catalogue.prices >= conditions.price_min)  # an unknown price is NaN: excluded
    if conditions.price_max is not None:
        mask |= ~(catalogue.prices <= conditions.price_max)
    return mask
