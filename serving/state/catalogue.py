"""The products that lists are made from: a snapshot, and on top of it what was said since."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.logs.product_changes import ProductState, Text
from features.model_inputs import NEVER_DAYS, PRODUCT_INPUTS
from features.times import microseconds
from training.data.inputs import Products, encode_products
from training.lists.slates import BoolArray, ListCatalogue

RECENT_BUYERS: Final = "buyers_28d"
"""The product feature that orders the fallback list."""
PRICE: Final = "unit_price"
"""The product feature that filters read."""
_LOG_PRICE: Final = PRODUCT_INPUTS.index("log_price")
_SINCE_SALE: Final = PRODUCT_INPUTS.index("log_days_since_sale")
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """C products, as the models read them and as filters and lists do."""

    as_of: pd.Timestamp
    """Of the snapshot."""
    products: Products
    shelf: ListCatalogue
    """What lists are composed from; its popularity is the number of recent buyers."""
    categories: Mapping[str, int]
    """The shelf's number of each category."""
    prices: npt.NDArray[np.float64]
    """(C,) as it was said last, or of the last sale, in the workspace's currency; NaN: unknown."""
    unavailable: BoolArray
    """(C,) True where the shop says so: never listed."""
    sold_out: BoolArray
    """(C,) True where the stock of all stores is known to be 0."""

    @cached_property
    def as_of_us(self) -> int:
        """Time of the snapshot, in microseconds since 1970."""
        return microseconds(self.as_of)


def catalogue_of(
    rows: pd.DataFrame,
    as_of: pd.Timestamp,
    *,
    told: ProductState,
    standing: Catalogue | None = None,
) -> Catalogue:
    """Return the catalogue of the snapshot `rows` at `as_of` after all that was `told`.

    A product that the snapshot lacks was never sold, and has the price that was told. What does
    not differ from the `standing` catalogue stays the same object, so that what is bound to it
    need not be bound again.
    """
    rows = _with_texts(rows, as_of, told)
    products = encode_products(rows, as_of)
    by_id = rows.set_index("product_id").reindex(products.product_ids)
    if standing is not None and _same(standing.products, products):
        products, shelf = standing.products, standing.shelf
    else:
        buyers = by_id[RECENT_BUYERS].fillna(0).to_numpy(np.float32)
        shelf = ListCatalogue.of(products, popularity=buyers)
    names = np.array(products.categories, dtype=object)
    numbered = shelf.categories >= 0
    none = np.zeros(len(products), dtype=np.bool_)
    catalogue = Catalogue(
        as_of=as_of,
        products=products,
        shelf=shelf,
        categories=dict(zip(names[numbered], shelf.categories[numbered].tolist(), strict=True)),
        prices=by_id[PRICE].to_numpy(np.float64),
        unavailable=none,
        sold_out=none,
    )
    return with_prices_and_stock(catalogue, told)


def with_prices_and_stock(catalogue: Catalogue, told: ProductState) -> Catalogue:
    """Return the catalogue with the prices, availability and stock that were `told` of it."""
    places = catalogue.products.places
    return replace(
        catalogue,
        prices=_put(catalogue.prices, places, told.prices),
        unavailable=_put(
            catalogue.unavailable, places, {name: not yes for name, yes in told.available.items()}
        ),
        sold_out=_put(
            catalogue.sold_out, places, {name: units == 0 for name, units in told.stock.items()}
        ),
    )


def reflects(catalogue: Catalogue, told: ProductState) -> bool:
    """Return whether what models read of the products is as it was `told`."""
    products, since = catalogue.products, microseconds(catalogue.as_of)
    places = products.places
    if not told.product_ids <= places.keys():
        return False
    for texts, news in ((products.titles, told.titles), (products.categories, told.categories)):
        for product_id, text in news.items():
            if text.recorded_us >= since and texts[places[product_id]] != text.value:
                return False
    never = np.float32(np.log1p(NEVER_DAYS))
    for product_id, price in told.prices.items():
        inputs = products.features[places[product_id]]
        expected = np.log(price if price > 0 else 1.0)
        if inputs[_SINCE_SALE] >= never and not np.isclose(inputs[_LOG_PRICE], expected):
            return False
    return True


def _with_texts(rows: pd.DataFrame, as_of: pd.Timestamp, told: ProductState) -> pd.DataFrame:
    """Return `rows` with new products, texts told since, and the prices of what was never sold."""
    rows = rows.set_index("product_id")
    new = told.product_ids.difference(rows.index)
    rows = rows.reindex([*rows.index, *sorted(new)])
    since = microseconds(as_of)

    def fresh(texts: Mapping[str, Text]) -> dict[str, str]:
        return {i: t.value for i, t in texts.items() if i in new or t.recorded_us >= since}

    never_sold = rows.index[rows[PRICE].isna()].intersection([*told.prices])
    for name, values in (
        ("title", fresh(told.titles)),
        ("category", fresh(told.categories)),
        (PRICE, {product_id: told.prices[product_id] for product_id in never_sold}),
    ):
        column = rows[name].to_numpy(np.float64 if name == PRICE else object, copy=True)
        column[rows.index.get_indexer(pd.Index([*values], dtype=object))] = [*values.values()]
        rows[name] = column
    return rows.rename_axis("product_id").reset_index()


def _same(one: Products, other: Products) -> bool:
    """Return whether nothing that models read differs."""
    return (
        one.at == other.at
        and np.array_equal(one.product_ids, other.product_ids)
        and np.array_equal(one.features, other.features)
        and (one.titles, one.categories) == (other.titles, other.categories)
    )


def _put(
    array: npt.NDArray[Scalar], places: Mapping[str, int], values: Mapping[str, float]
) -> npt.NDArray[Scalar]:
    """Return `array` with `values` put at the places of their products; unknown ones are left."""
    changed = array.copy()
    for product_id, value in values.items():
        if product_id in places:
            changed[places[product_id]] = value
    return changed
