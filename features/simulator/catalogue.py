"""The simulated shop's products: categories, titles, prices, launches, weekly demand."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from features.simulator.words import CATEGORIES, NOUNS, SHADES, STYLES

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LATENTS: Final = 6
"""Hidden dimensions of taste; a product's latents follow mostly from the words of its title."""


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """P products and their true properties, per week of the world if they change (W weeks)."""

    product_ids: npt.NDArray[np.object_]  # (P,) sorted
    titles: list[str]
    category: Integers  # (P,) index into CATEGORIES
    traits: Floats  # (P, categories + LATENTS): one-hot category, then latents
    launch: Floats  # (P,) days since the world's start; negative: before it
    usual_price: Floats  # (P,) its category's median
    price: Floats  # (P, W) unit price
    appeal: Floats  # (P, W) log demand: popularity, season, fashion, novelty; -inf before launch
    interval: Floats  # (P,) days until used up
    repeat: Floats  # (P,)
    returns: Floats  # (P,) probability that a sale line is returned

    def prices(self, product: Integers, week: Integers) -> Floats:
        """Return the unit price of each `product` in its `week`; the last price stays valid."""
        prices: Floats = self.price[product, np.minimum(week, self.price.shape[1] - 1)]
        return prices


def draw_catalogue(
    products: int, *, days: int, weeks: Floats, year_days: Floats, chinese: float, seed: int
) -> Catalogue:
    """Draw `products` products; `weeks` (W,) are the weeks' first days since the world's start.

    `year_days` (W,) are their days of the year; all launches are before day `days`; a share
    `chinese` of the titles is in Chinese.
    """
    rng = np.random.default_rng([seed, 1])
    category = rng.permutation(np.arange(products) % len(CATEGORIES))
    titles, latents = _titles(category, chinese=chinese, rng=rng)
    launch = np.where(
        rng.random(products) < 0.65,
        -rng.uniform(1, 1000, products),
        rng.uniform(0, days, products),
    )
    rank = rng.permutation(products) + 1
    return Catalogue(
        product_ids=np.array([f"P{n:0{len(str(products))}d}" for n in range(products)], object),
        titles=titles,
        category=category,
        traits=np.hstack([np.eye(len(CATEGORIES))[category], latents]),
        launch=launch,
        usual_price=_by_category(category, "price"),
        price=_prices(category, len(weeks), rng=rng),
        appeal=_appeal(category, rank, launch, weeks=weeks, year_days=year_days, rng=rng),
        interval=_by_category(category, "interval") * rng.lognormal(0, 0.3, products),
        repeat=_by_category(category, "repeat") * rng.lognormal(0, 0.4, products),
        returns=_by_category(category, "returns"),
    )


def _by_category(category: Integers, field: str) -> Floats:
    values: Floats = np.array([getattr(c, field) for c in CATEGORIES], float)
    return values[category]


def _titles(
    category: Integers, *, chinese: float, rng: np.random.Generator
) -> tuple[list[str], Floats]:
    """Draw a style, a shade and a noun for each product; their vectors add up to its latents."""
    sizes = np.array([len(c.english) for c in CATEGORIES])
    count = len(category)
    places = (
        rng.integers(len(STYLES[0]), size=count),
        rng.integers(len(SHADES[0]), size=count),
        (np.cumsum(sizes) - sizes)[category] + (rng.random(count) * sizes[category]).astype(int),
    )
    latents = rng.normal(size=(count, LATENTS))  # the part that no word explains
    english, chinese_titles = np.full(count, "", object), np.full(count, "", object)
    for words, place in zip((STYLES, SHADES, NOUNS), places, strict=True):
        latents += rng.normal(size=(len(words[0]), LATENTS))[place]
        english += np.array(words[0], object)[place] + " "
        chinese_titles += np.array(words[1], object)[place]
    titles = np.where(rng.random(count) < chinese, chinese_titles, english)
    return [title.strip() for title in titles], latents / np.sqrt(4 * LATENTS)


def _prices(category: Integers, weeks: int, *, rng: np.random.Generator) -> Floats:
    """Draw prices: list prices that change about once a year, with weeks of promotion."""
    shape = (len(category), weeks)
    start = np.log(_by_category(category, "price")) + rng.normal(0, 0.5, len(category))
    changes = (rng.random(shape) < 1 / 50) * rng.normal(0.02, 0.10, shape)
    promotions = np.where(rng.random(shape) < 0.05, rng.uniform(0.6, 0.9, shape), 1.0)
    listed = np.exp(start[:, None] + np.cumsum(changes, axis=1))
    return np.maximum(np.round(listed * promotions, 2), 0.05)


def season(category: Integers, year_days: Floats) -> Floats:
    """Return (P, W) the seasonal part of the log demand for P products on W days of the year."""
    phase = 2 * np.pi * (year_days[None, :] - _by_category(category, "peak")[:, None]) / 365.25
    seasonal: Floats = _by_category(category, "season")[:, None] * np.cos(phase)
    return seasonal


def _appeal(
    category: Integers,
    rank: Integers,
    launch: Floats,
    *,
    weeks: Floats,
    year_days: Floats,
    rng: np.random.Generator,
) -> Floats:
    """Draw log demand: Zipf popularity, the category's season, drifting fashion, and novelty."""
    popularity = -0.5 * np.log(rank)
    memory, spread = 0.96, 0.6
    fashion = np.empty((len(category), len(weeks)))
    fashion[:, 0] = rng.normal(0, spread, len(category))
    for week in range(1, len(weeks)):
        step = rng.normal(0, spread * np.sqrt(1 - memory**2), len(category))
        fashion[:, week] = memory * fashion[:, week - 1] + step
    age = weeks[None, :] - launch[:, None]
    novelty = 1.0 * np.exp(-np.maximum(age, 0) / 40)
    seasonal = season(category, year_days)
    total = (popularity - popularity.mean())[:, None] + seasonal + fashion + novelty
    return np.where(age >= 0, total, -np.inf)
