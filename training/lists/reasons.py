"""Short explanations why a product is in a list, from the data of the customer and the shop."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from features.model_inputs import NEVER_DAYS
from training.data.inputs import FloatArray, IntArray, Products, Queries
from training.interfaces import Related

MOST: Final = 2
POPULAR_SHARE: Final = 0.05
"""The share of the catalogue, by buyers of 28 days, that counts as popular."""
NEW_DAYS: Final = 28


@dataclass(frozen=True, kw_only=True)
class Texts:
    """The sentences of one language, with places for a number of `days` or the `name` of a product.

    The sentences with `days` are for 2 days or more.
    """

    every_day: str
    every_days: str
    bought_today: str
    bought_a_day_ago: str
    bought_days_ago: str
    bought_with: str
    like: str
    popular: str
    new: str


TEXTS: Final[Mapping[str, Texts]] = {
    "en": Texts(
        every_day="you buy this about every day",
        every_days="you buy this about every {days} days",
        bought_today="you bought this today",
        bought_a_day_ago="you bought this 1 day ago",
        bought_days_ago="you bought this {days} days ago",
        bought_with="often bought with {name}",
        like="like {name}",
        popular="popular now",
        new="new in the shop",
    ),
    "zh": Texts(
        every_day="您大约每天购买一次",
        every_days="您大约每 {days} 天购买一次",
        bought_today="您今天购买过",
        bought_a_day_ago="您 1 天前购买过",
        bought_days_ago="您 {days} 天前购买过",
        bought_with="常与“{name}”一起购买",
        like="与“{name}”相似",
        popular="近期热销",
        new="新品上架",
    ),
}
"""By language; English is the default."""


def reasons(
    products: Products,
    query: Queries | None,
    places: IntArray,
    *,
    related: Related | None = None,
    alike: Related | None = None,
    language: str = "en",
) -> list[list[str]]:
    """Return for each of `places` (K,) at most MOST short sentences, the most personal first.

    `query` (B = 1) is the customer at its time; None: an unknown customer. The interval in a reason
    is the median gap between purchases of the product, at least a day apart, in whole days.
    `related` gives the other bought product with the highest weight. Popular and new are as of
    `products.at`. With `alike`, the likeness of products, the reasons read nothing of other
    customers: they name the most similar bought product, and not what is popular or new. Whatever
    the `language` (a key of TEXTS), titles stay as the shop wrote them.
    """
    texts = TEXTS[language]
    bought, days = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
    if query is not None:
        known = query.history[0] >= 0
        bought, days = query.history[0, known], query.history_days[0, known]
    companions = _companions(np.unique(bought), places, related if alike is None else alike)
    beside = texts.bought_with if alike is None else texts.like
    popular, new = _popular(products, places), _new(products, places)
    by_product: list[list[str]] = []
    for number, place in enumerate(places):
        of_product: list[str] = []
        if (bought == place).any():
            of_product.append(_rhythm(days[bought == place], texts))
        if companions[number] >= 0:
            name = name_of(products, companions[number])
            of_product.append(beside.format(name=name))
        if popular[number] and alike is None:
            of_product.append(texts.popular)
        if new[number] and alike is None:
            of_product.append(texts.new)
        by_product.append(of_product[:MOST])
    return by_product


def _rhythm(days: FloatArray, texts: Texts) -> str:
    """Return the reason for a repeat, from the days since each purchase of the product.

    >>> _rhythm(np.float32([12, 52.4, 92.1]), TEXTS["en"]), _rhythm(np.zeros(1), TEXTS["en"])
    ('you buy this about every 40 days', 'you bought this today')
    >>> _rhythm(np.float32([3.2, 3.3]), TEXTS["zh"])
    '您 3 天前购买过'
    """
    gaps = np.diff(np.sort(days))
    gaps = gaps[gaps >= 1]
    if len(gaps):
        gap = round(float(np.median(gaps)))
        return texts.every_day if gap == 1 else texts.every_days.format(days=gap)
    ago = round(float(days.min()))
    if ago == 0:
        return texts.bought_today
    return texts.bought_a_day_ago if ago == 1 else texts.bought_days_ago.format(days=ago)


def _companions(bought: IntArray, places: IntArray, related: Related | None) -> IntArray:
    """Return (K,): the other product of `bought` (L,) with the highest weight; -1: none above 0."""
    if related is None or not len(bought):
        return np.full(len(places), -1, dtype=np.int64)
    weights = np.where(bought[:, None] == places, 0, related(bought, places))
    return np.where(weights.max(axis=0) > 0, bought[weights.argmax(axis=0)], -1)


def _popular(products: Products, places: IntArray) -> npt.NDArray[np.bool_]:
    buyers = products.input("log_buyers_28d")
    if not len(buyers):
        return np.zeros(len(places), dtype=np.bool_)
    bound = np.quantile(buyers, 1 - POPULAR_SHARE)
    return (buyers[places] >= bound) & (buyers[places] > 0)


def _new(products: Products, places: IntArray) -> npt.NDArray[np.bool_]:
    sold = products.input("log_days_since_sale")[places] < np.float32(np.log1p(NEVER_DAYS))
    return sold & (products.input("log_age_days")[places] <= np.float32(np.log1p(NEW_DAYS)))


def name_of(products: Products, place: int) -> str:
    """Return the name of the product at `place`: its title, or else its id."""
    return products.titles[place].strip() or str(products.product_ids[place])
