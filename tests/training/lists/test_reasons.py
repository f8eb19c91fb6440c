"""Reasons in words: each from what it says."""

from dataclasses import astuple
from string import Formatter

import numpy as np

from features.model_inputs import NEVER_DAYS, PRODUCT_INPUTS
from tests.training.shop import Shop
from training.data.inputs import FloatArray, IntArray, Products, Queries
from training.lists.reasons import MOST, TEXTS, reasons

AT = np.datetime64("2011-01-01", "us")
COUNT = 40


def catalogue() -> Products:
    """Return 40 products: 7 and 8 have most buyers, 9 is 28 days old, 10 came but never sold."""
    features = np.zeros((COUNT, len(PRODUCT_INPUTS)), dtype=np.float32)
    buyers, age = np.arange(COUNT) % 5, np.full(COUNT, 400.0)
    buyers[[7, 8]] = 50
    age[[9, 10]] = 28, 0
    since = np.where(np.arange(COUNT) == 10, NEVER_DAYS, 1.0)
    for name, values in (
        ("log_buyers_28d", buyers),
        ("log_age_days", age),
        ("log_days_since_sale", since),
    ):
        features[:, PRODUCT_INPUTS.index(name)] = np.log1p(values)
    return Products(
        product_ids=np.array([f"p{i}" for i in range(COUNT)], dtype=object),
        at=AT,
        features=features,
        titles=[*(f"TITLE {i} " for i in range(COUNT - 1)), ""],
        categories=[""] * COUNT,
    )


def customer(*bought: tuple[int, float]) -> Queries:
    return Queries(
        customer_ids=np.array(["c"], dtype=object),
        at=np.array([AT]),
        activity=np.zeros((1, 1), dtype=np.float32),
        history=np.array([[place for place, _ in bought] + [-1]]),
        history_days=np.array([[days for _, days in bought] + [0]], dtype=np.float32),
        history_values=np.ones((1, len(bought) + 1), dtype=np.float32),
    )


def told(query: Queries | None, *places: int) -> list[list[str]]:
    return reasons(catalogue(), query, np.array(places, dtype=np.int64))


def test_own_purchases() -> None:
    query = customer((1, 12.3), (2, 0.2), (3, 1.4), (4, 10), (4, 49.6), (4, 200), (4, 241))
    assert told(query, 1, 2, 3, 4, 5) == [
        ["you bought this 12 days ago"],
        ["you bought this today"],
        ["you bought this 1 day ago"],
        ["you buy this about every 41 days"],  # gaps of 39.6, 150.4 and 41 days
        [],
    ]


def test_two_orders_of_one_day_are_no_rhythm() -> None:
    assert told(customer((1, 3.2), (1, 3.4)), 1) == [["you bought this 3 days ago"]]
    assert told(customer((1, 3), (1, 4.2)), 1) == [["you buy this about every day"]]


def test_popular_and_new() -> None:
    assert told(None, 7, 8, 9, 10, 4) == [
        ["popular now"],
        ["popular now"],
        ["new in the shop"],
        [],
        [],
    ]
    assert told(None) == []


def test_the_product_that_speaks_most() -> None:
    def related(bought: IntArray, places: IntArray) -> FloatArray:
        weights = np.zeros((COUNT, COUNT), dtype=np.float32)
        weights[1, 5], weights[2, 5], weights[39, 6], weights[5, 5] = 0.5, 0.2, 0.1, 9
        weights[1, 7] = -1
        return weights[np.ix_(bought, places)]

    query = customer((2, 50), (1, 60), (39, 70), (5, 80))
    found = reasons(catalogue(), query, np.array([5, 6, 7, 8]), related=related)
    assert found == [
        ["you bought this 80 days ago", "often bought with TITLE 1"],
        ["often bought with p39"],  # it has no title
        ["popular now"],  # against: no reason
        ["popular now"],
    ]
    assert reasons(catalogue(), customer(), np.array([5]), related=related) == [[]]


def test_the_most_personal_two_are_told() -> None:
    def related(bought: IntArray, places: IntArray) -> FloatArray:
        return np.ones((len(bought), len(places)), dtype=np.float32)

    query = customer((7, 4), (1, 5))
    (found,) = reasons(catalogue(), query, np.array([7]), related=related)
    assert found == ["you bought this 4 days ago", "often bought with TITLE 1"]


def test_a_real_customer_hears_something(shop: Shop) -> None:
    data = shop.past
    products = data.products(data.as_of)
    queries = data.queries(data.as_of, data.customers(data.as_of)[:20])
    said = []
    for row in range(len(queries)):
        query = queries[row : row + 1]
        bought = query.history[0][query.history[0] >= 0]
        found = reasons(products, query, np.arange(len(products)))
        assert len(found) == len(products)
        assert all(len(one) <= MOST for one in found)
        own = {i for i, one in enumerate(found) if any(text.startswith("you b") for text in one)}
        assert own == set(bought.tolist())
        said += [text for one in found for text in one]
    assert {"popular now"} < set(said)


def test_chinese_says_the_same() -> None:
    def related(bought: IntArray, places: IntArray) -> FloatArray:
        weights: FloatArray = np.zeros((len(bought), len(places)), dtype=np.float32)
        weights[:, places == 5] = 1
        return weights

    query = customer((1, 12.3), (2, 0.2), (3, 1.4), (4, 10), (4, 51))
    places = np.array([1, 2, 3, 4, 5, 7, 9])
    found = reasons(catalogue(), query, places, related=related, language="zh")
    assert found == [
        ["您 12 天前购买过"],
        ["您今天购买过"],
        ["您 1 天前购买过"],
        ["您大约每 41 天购买一次"],
        ["常与“TITLE 1”一起购买"],
        ["近期热销"],
        ["新品上架"],
    ]
    assert reasons(catalogue(), customer((1, 3), (1, 4.2)), np.array([1]), language="zh") == [
        ["您大约每天购买一次"]
    ]


def test_every_language_has_the_same_places() -> None:
    places = {
        language: [
            sorted(name for _, name, _, _ in Formatter().parse(sentence) if name)
            for sentence in astuple(texts)
        ]
        for language, texts in TEXTS.items()
    }
    assert places["zh"] == places["en"]


def test_a_name_with_braces_stays_as_it_is() -> None:
    products = catalogue()
    products.titles[1] = "CUP {days} {0}"
    found = reasons(
        products,
        customer((1, 3)),
        np.array([5]),
        related=lambda bought, places: np.ones((len(bought), len(places)), dtype=np.float32),
    )
    assert found == [["often bought with CUP {days} {0}"]]
