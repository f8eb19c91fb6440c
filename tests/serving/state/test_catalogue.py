"""A snapshot of products, and on top of it what was said: which of both is read."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.logs.product_changes import ProductState, Text
from features.online.store import online_products
from features.times import microseconds
from features.workspace import Workspace
from serving.state.catalogue import Catalogue, catalogue_of, reflects, with_prices_and_stock
from tests.serving.shop import DAY, NOW

BEFORE, AFTER = microseconds(NOW - DAY), microseconds(NOW)
CHANGES = 1
"""The sequence up to which the snapshot holds what was said."""


@pytest.fixture(scope="module")
def rows(shop: Path) -> pd.DataFrame:
    return online_products(Workspace.open(shop))[1]


def titles(catalogue: Catalogue) -> dict[str, str]:
    return dict(zip(catalogue.products.product_ids, catalogue.products.titles, strict=True))


def test_a_text_counts_from_the_snapshot_on_or_where_the_snapshot_lacks_the_product(
    rows: pd.DataFrame,
) -> None:
    told = ProductState(titles={n: Text(f"{n}!", BEFORE, 1) for n in ("tea", "new")}, sequence=1)
    catalogue = catalogue_of(rows, NOW, changes=CHANGES, state=told)
    assert (titles(catalogue)["tea"], titles(catalogue)["new"]) == ("", "new!")
    assert reflects(catalogue, told)
    told = told.then(ProductState(titles={"tea": Text("Tea!", AFTER, 2)}))
    assert not reflects(catalogue, told)
    assert titles(catalogue_of(rows, NOW, changes=CHANGES, state=told))["tea"] == "Tea!"


def test_a_text_said_after_a_clock_was_set_back_counts_though_its_time_lies_before(
    rows: pd.DataFrame,
) -> None:
    told = ProductState(titles={"tea": Text("Tea!", BEFORE, CHANGES + 1)})
    standing = catalogue_of(rows, NOW, changes=CHANGES, state=ProductState())
    assert not reflects(standing, told)
    assert titles(catalogue_of(rows, NOW, changes=CHANGES, state=told))["tea"] == "Tea!"


def test_nothing_said_is_the_snapshot(rows: pd.DataFrame) -> None:
    catalogue = catalogue_of(rows, NOW, changes=CHANGES, state=ProductState())
    assert catalogue.products.product_ids.tolist() == ["cup", "mug", "pot", "tea", "茶/1"]
    assert not catalogue.unavailable.any()
    assert not catalogue.sold_out.any()
    assert (catalogue.prices == 2).all()
    assert reflects(catalogue, ProductState())


def test_what_stands_unchanged_stays_the_same_object(rows: pd.DataFrame) -> None:
    standing = catalogue_of(rows, NOW, changes=CHANGES, state=ProductState())
    again = catalogue_of(
        rows, NOW, changes=CHANGES, state=ProductState(prices={"tea": 3.0}), previous=standing
    )
    assert again.products is standing.products
    assert again.shelf is standing.shelf
    other = catalogue_of(
        rows, NOW, changes=CHANGES, state=ProductState(prices={"new": 3.0}), previous=standing
    )
    assert other.products is not standing.products


def test_only_what_was_never_sold_has_its_price_told_to_models(rows: pd.DataFrame) -> None:
    standing = catalogue_of(rows, NOW, changes=CHANGES, state=ProductState(prices={"new": 3.0}))
    assert reflects(standing, ProductState(prices={"tea": 9.0, "new": 3.0}))
    assert not reflects(standing, ProductState(prices={"new": 9.0}))
    free = catalogue_of(rows, NOW, changes=CHANGES, state=ProductState(prices={"new": 0.0}))
    assert reflects(free, ProductState(prices={"new": 0.0}))


def test_a_product_that_is_not_there_is_left_to_the_next_catalogue(rows: pd.DataFrame) -> None:
    standing = catalogue_of(rows, NOW, changes=CHANGES, state=ProductState())
    told = ProductState(available={"new": False, "pot": False}, stock={"pot": 0.0, "cup": 2.0})
    after = with_prices_and_stock(standing, told)
    assert (
        after.unavailable.tolist() == after.sold_out.tolist() == [False, False, True, *[False] * 2]
    )
    assert not reflects(standing, told)
    assert catalogue_of(rows, NOW, changes=CHANGES, state=told).unavailable.sum() == 2


def test_a_shop_without_products_may_be_told_of_one(rows: pd.DataFrame) -> None:
    catalogue = catalogue_of(
        rows.iloc[:0],
        NOW,
        changes=CHANGES,
        state=ProductState(titles={"new": Text("New", AFTER, 2)}),
    )
    assert titles(catalogue) == {"new": "New"}
    assert np.isnan(catalogue.prices).all()
