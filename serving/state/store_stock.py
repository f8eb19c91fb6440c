"""Which products each store has, in the order of a catalogue."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from training.data.inputs import IntArray
from training.lists.slates import BoolArray


def _none() -> IntArray:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class StoreStock:
    """N pairs of a store and a product that it has, with more than 0 units, sorted by store."""

    numbers: Mapping[str, int] = field(default_factory=dict)
    """A number for each store that was ever named."""
    stores: IntArray = field(default_factory=_none)
    """(N,) the store's number, ascending."""
    places: IntArray = field(default_factory=_none)
    """(N,) the product's place in the catalogue."""

    def lacking(self, store_id: str, width: int) -> BoolArray:
        """Return (C,) for a catalogue of C = `width`: True at products that the store lacks.

        A product without a stock entry for this store is lacking, so an unknown store lacks all.

        >>> stock = StoreStock().updated({"tea": ["north"], "cup": []}, {"tea": 1, "cup": 0})
        >>> stock.lacking("north", 2), stock.lacking("south", 2)
        (array([ True, False]), array([ True,  True]))
        """
        lacks = np.ones(width, dtype=np.bool_)
        number = self.numbers.get(store_id)
        if number is not None:
            low, high = np.searchsorted(self.stores, [number, number + 1])
            lacks[self.places[low:high]] = False
        return lacks

    def updated(self, stock: Mapping[str, Collection[str]], places: Mapping[str, int]) -> Self:
        """Return the stock after each product of `stock` is in these stores, and in no other.

        `places` has the place of each product in the catalogue; others are skipped.
        """
        known = {places[name]: stores for name, stores in stock.items() if name in places}
        if not known:
            return self
        numbers = dict(self.numbers)
        new = [
            (numbers.setdefault(store, len(numbers)), place)
            for place, stores in known.items()
            for store in stores
        ]
        unchanged = ~np.isin(self.places, np.fromiter(known, np.int64, len(known)))
        added = np.array(new, dtype=np.int64).reshape(-1, 2)
        all_stores = np.concatenate([self.stores[unchanged], added[:, 0]])
        all_places = np.concatenate([self.places[unchanged], added[:, 1]])
        order = np.argsort(all_stores, kind="stable")
        return type(self)(numbers=numbers, stores=all_stores[order], places=all_places[order])
