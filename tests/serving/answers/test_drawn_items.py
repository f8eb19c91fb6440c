"""From a draft to its items: whose rules hold, and what is drawn."""

import uuid
from collections import Counter

import numpy as np
import pytest
from msgspec.structs import replace

from serving.answers.drafts import Draft
from serving.answers.items import items, policy_of
from serving.schemas.recommendations import RecommendationRequest
from serving.state.catalogue import Catalogue
from tests.serving.shop import NOW
from training.data.inputs import Products
from training.lists.slates import ListCatalogue, Policy

NAMES = tuple("abcdef")
REQUEST = RecommendationRequest(k=4)


@pytest.fixture(scope="module")
def draft() -> Draft:
    """Six products, the first the best, of which nothing else is known."""
    scores = np.arange(6, 0, -1, dtype=np.float32)
    products = Products(
        product_ids=np.array(NAMES, dtype=object),
        at=NOW.tz_localize(None).to_datetime64(),
        features=np.zeros((6, 1), dtype=np.float32),
        titles=[""] * 6,
        categories=[""] * 6,
    )
    catalogue = Catalogue(
        as_of=NOW,
        changes=-1,
        products=products,
        shelf=ListCatalogue.of(products, popularity=scores),
        categories={},
        prices=np.ones(6),
        unavailable=np.zeros(6, dtype=np.bool_),
        sold_out=np.zeros(6, dtype=np.bool_),
    )
    return Draft(catalogue=catalogue, scores=scores)


def test_the_request_overrides_what_it_can_say() -> None:
    shop = Policy(k=5, bought_within_days=7, max_per_category=3, diversity=0.5, pool=20)
    request = RecommendationRequest(k=4, strategy="buy_again", max_per_category=1, diversity=0.25)
    assert policy_of(request, shop) == Policy(
        k=4,
        strategy="buy_again",
        bought_within_days=7,
        max_per_category=1,
        diversity=0.25,
        pool=20,
    )


@pytest.mark.parametrize(("k", "drawn"), [(1, 0), (8, 0), (9, 1), (10, 2), (50, 2)])
def test_a_shorter_list_draws_fewer(k: int, drawn: int) -> None:
    assert policy_of(RecommendationRequest(k=k), Policy(k=10, explore=2)).explore == drawn


def test_drawn_items_are_as_likely_as_they_say(draft: Draft) -> None:
    policy, draws = Policy(k=4, explore=2, pool=3), 1500
    rng = np.random.default_rng(11)
    seen: tuple[Counter[str], ...] = (Counter(), Counter(), Counter(), Counter())
    for _ in range(draws):
        recommendation_id = uuid.UUID(bytes=rng.bytes(16), version=4).hex
        listed = items(draft, REQUEST, policy=policy, recommendation_id=recommendation_id)
        assert [item.propensity for item in listed] == [1, 1, 1 / 3, 1 / 3]
        for position, item in enumerate(listed):
            seen[position][item.product_id] += 1
    assert seen[:2] == (Counter(a=draws), Counter(b=draws))
    error = np.sqrt(draws * 1 / 3 * 2 / 3)
    for drawn in seen[2:]:  # of the three next best, one as often as the other
        assert drawn.keys() == {"c", "d", "e"}
        assert all(abs(count - draws / 3) < 4 * error for count in drawn.values())


def test_the_same_id_draws_the_same(draft: Draft) -> None:
    policy = Policy(k=4, explore=4)

    def drawn(recommendation_id: str, scores: float = 1) -> list[str]:
        scaled = replace(draft, scores=None if draft.scores is None else scores * draft.scores)
        listed = items(scaled, REQUEST, policy=policy, recommendation_id=recommendation_id)
        return [item.product_id for item in listed]

    ids = [f"{number:032x}" for number in range(8)]
    assert [drawn(one) for one in ids] == [drawn(one, scores=2) for one in ids]
    assert len({tuple(drawn(one)) for one in ids}) > 4
