"""The rules and bundles of a cut, by product: what complements a basket."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from features.baskets.rules import MinedRules
from training.data.inputs import IntArray


@dataclass(frozen=True, kw_only=True)
class Baskets:
    """N rules and M bundles among P products, as counts (`features.baskets.rules`)."""

    files: Mapping[str, str]
    """The names of the files that hold them."""
    orders: int
    """All orders."""
    product_ids: npt.NDArray[np.object_]  # (P,)
    starts: IntArray  # (P + 1,) where the rules from each product begin
    others: IntArray  # (N,) the other product
    counts: IntArray  # (N, 5) orders of both, of each, followed, preceded
    bundles: IntArray  # (M, 3) products
    held: IntArray  # (M,) orders of a bundle
    bundle_starts: IntArray  # (P + 1,) where the bundles of each product begin in `bundle_numbers`
    bundle_numbers: IntArray  # (3 M,) bundles by product

    @classmethod
    def of(cls, mined: MinedRules, files: Mapping[str, str]) -> Self:
        """Return the mined rules, which are sorted by product, in the form that answers read."""
        rules, bundles = mined.rules, mined.bundles
        ids = ("first_id", "second_id", "third_id")
        named = [rules["product_id"], rules["other_id"], *(bundles[name] for name in ids)]
        product_ids = np.unique(np.concatenate([names.to_numpy(object) for names in named]))
        places = {name: place for place, name in enumerate(product_ids)}
        firsts = rules["product_id"].map(places).to_numpy(np.int64)
        counted = ["orders", "product_orders", "other_orders", "followed", "preceded"]
        columns = [bundles[name].map(places).to_numpy(np.int64) for name in ids]
        members = np.stack(columns, axis=1) if len(bundles) else np.empty((0, 3), dtype=np.int64)
        order = np.argsort(members.ravel(), kind="stable")
        every = np.arange(len(product_ids) + 1)
        return cls(
            files=files,
            orders=mined.orders,
            product_ids=product_ids,
            starts=np.searchsorted(firsts, every),
            others=rules["other_id"].map(places).to_numpy(np.int64),
            counts=rules[counted].to_numpy(np.int64),
            bundles=members,
            held=bundles["orders"].to_numpy(np.int64),
            bundle_starts=np.searchsorted(members.ravel()[order], every),
            bundle_numbers=order // 3,
        )

    @cached_property
    def places(self) -> dict[str, int]:
        """A product's index by its id."""
        return {product_id: place for place, product_id in enumerate(self.product_ids)}

    def rules_from(self, places: IntArray) -> tuple[IntArray, IntArray]:
        """Return the numbers of all rules from the products at `places`, and their first product.

        In the order of `places`.
        """
        numbers = _ranges(self.starts, places)
        return numbers, np.repeat(places, self.starts[places + 1] - self.starts[places])

    def bundles_with(self, places: IntArray) -> IntArray:
        """Return the numbers, ascending, of the bundles with any of the products at `places`."""
        return np.unique(self.bundle_numbers[_ranges(self.bundle_starts, places)])


def _ranges(starts: IntArray, places: IntArray) -> IntArray:
    """Return the concatenated ranges [starts[p], starts[p + 1]) of `places`."""
    parts = [np.arange(starts[place], starts[place + 1]) for place in places]
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
