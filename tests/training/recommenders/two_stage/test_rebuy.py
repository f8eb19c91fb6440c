"""How often products are bought again, on a shop written by hand and through a file."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.training.shop import Shop
from tests.training.tiny import products
from training.recommenders.two_stage.rebuy import REBUY_INPUTS, Rebuy


def test_a_share_leans_to_the_mean_products() -> None:
    """p0: a bought on three days, b on one (twice); p1: a on one. 1 of 3 buyers, 2 days of 3."""
    rows = [("a", "p0", day) for day in ("2011-02-01", "2011-02-02", "2011-02-05")]
    rows += [("b", "p0", "2011-02-01T10:00"), ("b", "p0", "2011-02-01T11:00")]
    rows += [("a", "p1", "2011-02-01")]
    bought = pd.DataFrame(rows, columns=["customer_id", "product_id", "event_timestamp"])
    times = pd.to_datetime(bought["event_timestamp"], format="ISO8601")
    found = Rebuy.of(bought.assign(event_timestamp=times)).inputs(products(3))
    share, days, buyers = (found[:, place] for place in range(len(REBUY_INPUTS)))
    np.testing.assert_allclose(share, [(1 + 20 / 3) / 22, (20 / 3) / 21, 1 / 3], rtol=1e-6)
    np.testing.assert_allclose(days, [(2 + 40 / 3) / 22, (40 / 3) / 21, 2 / 3], rtol=1e-6)
    np.testing.assert_allclose(buyers, [np.log(3), np.log(2), 0], rtol=1e-6)


def test_what_is_bought_later_does_not_count(shop: Shop) -> None:
    early = shop.past.before(shop.past.times[-6])
    catalogue = shop.past.products(shop.past.as_of)
    assert (
        Rebuy.fit(early).inputs(catalogue)[:, 2] < Rebuy.fit(shop.past).inputs(catalogue)[:, 2]
    ).any()


def test_a_file_keeps_it(shop: Shop, tmp_path: Path) -> None:
    model = Rebuy.fit(shop.past)
    model.save(tmp_path)
    catalogue = shop.full.products(shop.full.as_of)
    np.testing.assert_array_equal(Rebuy.load(tmp_path).inputs(catalogue), model.inputs(catalogue))


@pytest.mark.parametrize("count", [0, 2])
def test_products_that_nobody_knows_are_the_mean_product(count: int) -> None:
    empty = pd.DataFrame(columns=list(REBUY_INPUTS))
    found = Rebuy(empty, unknown=[0.1, 0.2, 0.0]).inputs(products(count))
    np.testing.assert_allclose(found, [[0.1, 0.2, 0.0]] * count or np.empty((0, 3)), rtol=1e-6)
