"""Lists as a whole: every rule by hand, and by counting what is drawn."""

from collections import Counter
from itertools import permutations

import numpy as np
import pydantic
import pytest

from tests.training.shop import Shop
from training.data.inputs import FloatArray, Products, Queries
from training.kernels.top_k import top_k
from training.lists.slates import ListCatalogue, Policy, compose
from training.recommenders.baselines import OwnPurchases, OwnPurchasesConfig

AT = np.datetime64("2011-01-01", "us")
CATEGORIES = ("tea", "tea", "cup", "", "tea", "", "cup", "pot")
TITLES = ("green tea", "green tea", "red cup", "", "black tea", "blue mat", "red cup", "iron pot")
SCORES = np.array([8, 7, 6, 5, 4, 3, 2, 1], dtype=np.float32)
POPULARITY = np.array([0, 1, 2, 3, 4, 5, 6, 7], dtype=np.float32)


def catalogue() -> Products:
    return Products(
        product_ids=np.array([f"p{i}" for i in range(len(SCORES))], dtype=object),
        at=AT,
        features=np.zeros((len(SCORES), 1), dtype=np.float32),
        titles=list(TITLES),
        categories=list(CATEGORIES),
    )


def customer(bought: dict[int, float]) -> Queries:
    """Return one who bought these places so many days ago; and something nobody knows."""
    return Queries(
        customer_ids=np.array(["c"], dtype=object),
        at=np.array([AT]),
        activity=np.zeros((1, 1), dtype=np.float32),
        history=np.array([[*bought, -1]]),
        history_days=np.array([[*bought.values(), 1.0]], dtype=np.float32),
        history_values=np.ones((1, len(bought) + 1), dtype=np.float32),
    )


SHELF = ListCatalogue.of(catalogue(), popularity=POPULARITY)
BUYER = customer({1: 5.0, 4: 40.0})


def listed(
    policy: Policy,
    *,
    scores: FloatArray = SCORES,
    query: Queries | None = BUYER,
    excluded: tuple[int, ...] = (),
    seed: int = 0,
) -> list[int]:
    exclude = np.isin(np.arange(len(scores)), excluded)
    rng = np.random.default_rng(seed)
    slate = compose(scores, SHELF, policy=policy, query=query, exclude=exclude, rng=rng)
    places: list[int] = slate.places.tolist()
    assert len(set(places)) == len(places) == len(slate.propensities) == len(slate.filled)
    assert len(places) <= policy.k
    assert not set(places) & set(excluded)
    return places


def test_by_default_it_is_the_list_of_top_k(shop: Shop) -> None:
    data = shop.past
    products = data.products(data.as_of)
    queries = data.queries(data.as_of, data.customers(data.as_of)[:30])
    scores = OwnPurchases(OwnPurchasesConfig()).scorer(products)(queries)
    scores[:, ::7] = 0.125  # ties
    shelf = ListCatalogue.of(products, popularity=products.features[:, 0])
    exclude = np.random.default_rng(1).random(scores.shape) < 0.3
    for k in (1, 10, len(products)):
        expected = top_k(scores, k, exclude=exclude)
        for row, best in enumerate(expected):
            slate = compose(
                scores[row],
                shelf,
                policy=Policy(k=k),
                query=queries[row : row + 1],
                exclude=exclude[row],
            )
            assert slate.places.tolist() == best[best >= 0].tolist()
            assert (slate.propensities == 1).all()
            assert not slate.filled.any()


def test_what_was_bought_lately_is_not_listed() -> None:
    assert listed(Policy(k=3, bought_within_days=30)) == [0, 2, 3]
    assert listed(Policy(k=3, bought_within_days=5)) == [0, 1, 2]  # five days ago exactly
    assert listed(Policy(k=5, bought_within_days=41), excluded=(0,)) == [2, 3, 5, 6, 7]
    assert listed(Policy(k=2, bought_within_days=30), query=None) == [0, 1]


def test_strategies() -> None:
    assert listed(Policy(k=3, strategy="buy_again")) == [1, 4]  # short rather than new
    assert listed(Policy(k=3, strategy="buy_again", bought_within_days=30)) == [4]
    assert listed(Policy(k=3, strategy="buy_again"), query=None) == []
    assert listed(Policy(k=8, strategy="new_to_you")) == [0, 2, 3, 5, 6, 7]
    assert listed(Policy(k=2, strategy="new_to_you"), query=None) == [0, 1]
    trending = Policy(k=4, strategy="trending", bought_within_days=50)
    assert listed(trending) == listed(trending, query=None) == [7, 6, 5, 4]


def test_a_category_is_capped_and_its_best_stay() -> None:
    assert listed(Policy(k=6, max_per_category=1)) == [0, 2, 3, 5, 7, 1]
    assert listed(Policy(k=6, max_per_category=2)) == [0, 1, 2, 3, 5, 6]
    assert listed(Policy(k=3, max_per_category=1), excluded=(0, 2)) == [1, 3, 5]


def test_what_fills_a_list_up_says_so() -> None:
    slate = compose(SCORES, SHELF, policy=Policy(k=7, max_per_category=1))
    assert slate.places.tolist() == [0, 2, 3, 5, 7, 1, 4]  # one of each, then by score
    assert slate.filled.tolist() == [False] * 5 + [True] * 2
    unscored = np.array([np.nan, 7, -np.inf, 5, np.nan, np.nan, np.nan, np.nan], dtype=np.float32)
    slate = compose(unscored, SHELF, policy=Policy(k=5), exclude=np.arange(8) == 7)
    assert slate.places.tolist() == [1, 3, 6, 5, 4]  # two with a score, then by demand
    assert slate.filled.tolist() == [False, False, True, True, True]
    only_tea = Policy(k=8, max_per_category=1, strategy="buy_again")
    slate = compose(SCORES, SHELF, policy=only_tea, query=BUYER)
    assert (slate.places.tolist(), slate.filled.tolist()) == ([1, 4], [False, True])


def test_no_list_is_empty_while_a_product_is_allowed() -> None:
    rng = np.random.default_rng(4)
    for seed in range(200):
        policy = Policy(
            k=int(rng.integers(1, 10)),
            max_per_category=int(rng.integers(1, 3)),
            diversity=float(rng.choice([0, 0.5, 1])),
            explore=int(rng.integers(0, 2)),
            pool=int(rng.integers(1, 6)),
            bought_within_days=float(rng.choice([0, 30])),
        )
        excluded = tuple(np.flatnonzero(rng.random(8) < rng.random()).tolist())
        scores = np.where(rng.random(8) < 0.3, np.nan, SCORES).astype(np.float32)
        places = listed(policy, scores=scores, excluded=excluded, seed=seed)
        barred = {*excluded, *([1] if policy.bought_within_days else [])}
        assert len(places) == min(policy.k, 8 - len(barred))
        assert not set(places) & barred


def test_diversity_passes_over_the_twin() -> None:
    assert listed(Policy(k=3)) == [0, 1, 2]
    assert listed(Policy(k=3, diversity=0.5)) == [0, 2, 3]
    # By unlikeness alone: 2, 3, 5 and 7 have nothing of 0, nor of each other; 4 shares `tea`.
    assert listed(Policy(k=6, diversity=1)) == [0, 2, 3, 5, 7, 4]
    assert listed(Policy(k=4, diversity=1, max_per_category=1)) == [0, 2, 3, 5]
    assert listed(Policy(k=8, diversity=0.3), excluded=(0,))[0] == 1


def test_the_last_positions_are_drawn_as_likely_as_said() -> None:
    policy, draws = Policy(k=4, explore=2, pool=4, max_per_category=2), 3000
    rng = np.random.default_rng(7)
    seen: Counter[tuple[int, ...]] = Counter()
    for _ in range(draws):
        slate = compose(SCORES, SHELF, policy=policy, rng=rng)
        assert slate.propensities.tolist() == [1, 1, 1 / 4, 1 / 4]
        assert not slate.filled.any()
        seen[tuple(slate.places.tolist())] += 1
    # 0 and 1 stand; the cap leaves no more tea, so the next four best are 2, 3, 5 and 6.
    assert set(seen) == {(0, 1, *two) for two in permutations((2, 3, 5, 6), 2)}
    for position in (2, 3):
        at = Counter(dict.fromkeys((2, 3, 5, 6), 0))
        for places, count in seen.items():
            at[places[position]] += count
        error = np.sqrt(draws * 1 / 4 * 3 / 4)
        assert all(abs(count - draws / 4) < 4 * error for count in at.values())
    one = draws * 1 / 12  # (n - e)! / n!
    assert all(abs(count - one) < 5 * np.sqrt(one) for count in seen.values())


def test_drawing_ends_with_what_remains() -> None:
    policy = Policy(k=4, explore=3, pool=50, strategy="new_to_you")
    slate = compose(
        SCORES,
        SHELF,
        policy=policy,
        query=BUYER,
        exclude=np.arange(8) > 3,
        rng=np.random.default_rng(0),
    )
    assert slate.places[0] == 0
    assert set(slate.places.tolist()) == {0, 2, 3}
    assert slate.propensities.tolist() == [1, 1 / 2, 1 / 2]
    assert len(listed(Policy(k=3, explore=3, pool=3), excluded=tuple(range(8)))) == 0


def test_a_drawn_list_may_be_diverse_above() -> None:
    slates = {tuple(listed(Policy(k=4, diversity=0.5, explore=1), seed=s)) for s in range(60)}
    assert {places[:3] for places in slates} == {(0, 2, 3)}
    assert {places[3] for places in slates} == {1, 4, 5, 6, 7}


def test_policies_that_make_no_sense_are_refused() -> None:
    with pytest.raises(pydantic.ValidationError, match="explore = 3: at most k = 2"):
        Policy(k=2, explore=3)
    with pytest.raises(pydantic.ValidationError, match="at most pool = 1"):
        Policy(explore=2, pool=1)
    with pytest.raises(ValueError, match="explore = 1: positions are drawn by rng"):
        compose(SCORES, SHELF, policy=Policy(explore=1))


def test_an_empty_catalogue_gives_an_empty_list() -> None:
    nothing = Products(
        product_ids=np.empty(0, dtype=object),
        at=AT,
        features=np.zeros((0, 1), dtype=np.float32),
        titles=[],
        categories=[],
    )
    scores = np.empty(0, dtype=np.float32)
    shelf = ListCatalogue.of(nothing, popularity=scores)
    for policy in (Policy(), Policy(diversity=0.5, max_per_category=1)):
        assert len(compose(scores, shelf, policy=policy).places) == 0
