"""The catalogue that lists are made from: a product snapshot with the shop's later changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.logs.product_changes import ProductState, Text
from features.model_inputs import NEVER_DAYS, PRODUCT_INPUTS
from features.times import microseconds
from serving.state.store_stock import StoreStock
from training.data.inputs import Products, encode_products
from training.interfaces import Scorer
from training.lists.slates import BoolArray, ListCatalogue
from training.recommenders.content import ContentConfig, content_scorer

RECENT_BUYERS: Final = "buyers_28d"
"""The product feature that orders the fallback list."""
PRICE: Final = "unit_price"
"""The product feature that filters read."""
_LOG_PRICE: Final = PRODUCT_INPUTS.index("log_price")
_SINCE_SALE: Final = PRODUCT_INPUTS.index("log_days_since_sale")
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """C products in the forms that models, filters and lists read."""

    as_of: pd.Timestamp
    """Time of the snapshot."""
    changes: int
    """The sequence of the last product change that it was built from."""
    products: Products
    shelf: ListCatalogue
    """Input of list composition; its popularity is the number of recent buyers."""
    categories: Mapping[str, int]
    """Number of each category in the shelf."""
    prices: npt.NDArray[np.float64]
    """(C,) the last posted price, or that of the last sale, in the workspace's currency; NaN:
    unknown."""
    unavailable: BoolArray
    """(C,) True for products that the shop set to unavailable: never listed."""
    sold_out: BoolArray
    """(C,) True for products whose stock in all stores is known to be 0."""
    stores: StoreStock = field(default_factory=StoreStock)
    """Which products each store has."""

    @cached_property
    def content(self) -> Scorer:
        """The scorer of the strategy `content`."""
        return content_scorer(self.products, self.shelf.vectors, config=ContentConfig())

    @cached_property
    def price_thirds(self) -> tuple[float, float] | None:
        """The prices below which one third and two thirds of the known ones lie, interpolated.

        None without a known price.
        """
        known = self.prices[np.isfinite(self.prices)]
        if not len(known):
            return None
        low, high = np.quantile(known, [1 / 3, 2 / 3]).tolist()
        return low, high

    @cached_property
    def as_of_us(self) -> int:
        """Time of the snapshot, in microseconds since 1970."""
        return microseconds(self.as_of)


def catalogue_of(
    rows: pd.DataFrame,
    as_of: pd.Timestamp,
    *,
    changes: int,
    state: ProductState,
    previous: Catalogue | None = None,
) -> Catalogue:
    """Return the catalogue of the snapshot `rows` at `as_of` with the changes in `state`.

    The snapshot holds the changes up to the sequence `changes` that were recorded before `as_of`.
    A product that is not in the snapshot was never sold, and has the posted price. Parts equal to
    those of the `previous` catalogue stay the same objects, so that models bound to them need not
    be bound again.
    """
    rows = _with_texts(rows, as_of, changes, state)
    products = encode_products(rows, as_of)
    by_id = rows.set_index("product_id").reindex(products.product_ids)
    if previous is not None and _same(previous.products, products):
        products, shelf = previous.products, previous.shelf
    else:
        buyers = by_id[RECENT_BUYERS].fillna(0).to_numpy(np.float32)
        shelf = ListCatalogue.of(products, popularity=buyers)
    names = np.array(products.categories, dtype=object)
    has_category = shelf.categories >= 0
    none = np.zeros(len(products), dtype=np.bool_)
    catalogue = Catalogue(
        as_of=as_of,
        changes=changes,
        products=products,
        shelf=shelf,
        categories=dict(
            zip(names[has_category], shelf.categories[has_category].tolist(), strict=True)
        ),
        prices=by_id[PRICE].to_numpy(np.float64),
        unavailable=none,
        sold_out=none,
    )
    return with_prices_and_stock(catalogue, state)


def with_prices_and_stock(catalogue: Catalogue, state: ProductState) -> Catalogue:
    """Return the catalogue with the prices, availability and stock of `state`."""
    places = catalogue.products.places
    return replace(
        catalogue,
        prices=_put(catalogue.prices, places, state.prices),
        unavailable=_put(
            catalogue.unavailable, places, {name: not yes for name, yes in state.available.items()}
        ),
        sold_out=_put(
            catalogue.sold_out, places, {name: units == 0 for name, units in state.stock.items()}
        ),
        stores=catalogue.stores.updated(state.stores, places),
    )


def reflects(catalogue: Catalogue, state: ProductState) -> bool:
    """Return whether the models' inputs for the products already include `state`."""
    products, since = catalogue.products, microseconds(catalogue.as_of)
    places = products.places
    if not state.product_ids <= places.keys():
        return False
    for texts, posted in (
        (products.titles, state.titles),
        (products.categories, state.categories),
    ):
        for product_id, text in posted.items():
            if _fresh(text, since, catalogue.changes) and texts[places[product_id]] != text.value:
                return False
    never = np.float32(np.log1p(NEVER_DAYS))
    for product_id, price in state.prices.items():
        inputs = products.features[places[product_id]]
        expected = np.log(price if price > 0 else 1.0)
        if inputs[_SINCE_SALE] >= never and not np.isclose(inputs[_LOG_PRICE], expected):
            return False
    return True


def _fresh(text: Text, since_us: int, changes: int) -> bool:
    """Return whether a snapshot at `since_us`, of the changes up to `changes`, lacks `text`."""
    return text.sequence > changes or text.recorded_us >= since_us


def _with_texts(
    rows: pd.DataFrame, as_of: pd.Timestamp, changes: int, state: ProductState
) -> pd.DataFrame:
    """Return `rows` with new products, newer texts, and prices of products never sold."""
    rows = rows.set_index("product_id")
    new_ids = state.product_ids.difference(rows.index)
    rows = rows.reindex([*rows.index, *sorted(new_ids)])
    since = microseconds(as_of)

    def fresh(texts: Mapping[str, Text]) -> dict[str, str]:
        return {i: t.value for i, t in texts.items() if i in new_ids or _fresh(t, since, changes)}

    never_sold = rows.index[rows[PRICE].isna()].intersection([*state.prices])
    for name, values in (
        ("title", fresh(state.titles)),
        ("category", fresh(state.categories)),
        (PRICE, {product_id: state.prices[product_id] for product_id in never_sold}),
    ):
        column = rows[name].to_numpy(np.float64 if name == PRICE else object, copy=True)
        column[rows.index.get_indexer(pd.Index([*values], dtype=object))] = [*values.values()]
        rows[name] = column
    return rows.rename_axis("product_id").reset_index()


def _same(first: Products, second: Products) -> bool:
    """Return whether the inputs of the models are equal."""
    return (
        first.at == second.at
        and np.array_equal(first.product_ids, second.product_ids)
        and np.array_equal(first.features, second.features)
        and (first.titles, first.categories) == (second.titles, second.categories)
    )


def _put(
    array: npt.NDArray[Scalar], places: Mapping[str, int], values: Mapping[str, float]
) -> npt.NDArray[Scalar]:
    """Return a copy of `array` with `values` at the places of their products; skips unknown ids."""
    changed = array.copy()
    for product_id, value in values.items():
        if product_id in places:
            changed[places[product_id]] = value
    return changed
