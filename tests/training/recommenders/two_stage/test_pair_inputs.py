"""What a ranker reads of a pair, by hand."""

from dataclasses import replace

import numpy as np
import pytest

from features.model_inputs import NEVER_DAYS, SINGLE_GAP_DAYS
from tests.training.tiny import products, queries
from training.data.inputs import Products, Queries
from training.data.pairs import Pairs
from training.kernels.pair_inputs import NO_ORDERS_SINCE, PAIR_INPUTS
from training.recommenders.two_stage.pair_inputs import pair_reader

CATALOGUE = products(4, log_price=[0.0, 2.0, 4.0, 1.0])


def read(asked: Queries, *pairs: tuple[int, int], catalogue: Products = CATALOGUE) -> np.ndarray:
    rows, columns = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    found = np.empty((len(PAIR_INPUTS), len(rows)), dtype=np.float32)
    pair_reader(catalogue)(asked, Pairs(rows=rows.copy(), columns=columns.copy()), found)
    return found.T


def named(values: np.ndarray) -> dict[str, float]:
    return dict(zip(PAIR_INPUTS, values.tolist(), strict=True))


def test_a_product_bought_twice_has_a_rhythm() -> None:
    asked = queries([(2, 10.0), (0, 10.0), (0, 70.0)])
    found = named(read(asked, (0, 0))[0])
    assert found["times_bought"] == 2
    assert np.isclose(found["bought_decayed_60d"], 0.5 ** (10 / 60) + 0.5 ** (70 / 60))
    assert (found["days_since_bought"], found["days_between_bought"]) == (10, 60)
    assert np.isclose(found["due"], 1 / 6)
    assert np.isclose(found["price_to_usual"], 0 - 4 / 3)
    assert found["in_last_order"] == 1


def test_a_product_bought_once_has_none() -> None:
    found = named(read(queries([(2, 10.0), (1, 40.0)]), (0, 1))[0])
    assert (found["times_bought"], found["days_since_bought"]) == (1, 40)
    assert found["days_between_bought"] == SINGLE_GAP_DAYS
    assert found["in_last_order"] == 0


def test_never_bought_is_long_ago() -> None:
    found = named(read(queries([(2, 10.0)]), (0, 3))[0])
    assert found["times_bought"] == found["bought_decayed_14d"] == found["in_last_order"] == 0
    assert found["days_since_bought"] == NEVER_DAYS
    assert found["price_to_usual"] == 1 - 4


def test_each_query_reads_its_own_history() -> None:
    asked = queries([(1, 5.0)], [], [(1, 9.0), (1, 19.0)])
    found = read(asked, (0, 1), (1, 1), (2, 1))
    since = found[:, PAIR_INPUTS.index("days_since_bought")]
    assert since.tolist() == [5, NEVER_DAYS, 9]
    usual = found[:, PAIR_INPUTS.index("price_to_usual")]
    assert usual.tolist() == [0, 0.25, 0]  # without a history, against the catalogue's mean


def test_no_pairs_and_no_histories() -> None:
    assert read(queries([])).shape == (0, len(PAIR_INPUTS))
    assert read(queries([], [])).shape == (0, len(PAIR_INPUTS))


def test_orders_are_told_apart_by_their_time() -> None:
    """Three orders: {2, 1} 10 days ago, {0, 1} 30 days ago, {0} 70 days ago."""
    asked = queries([(2, 10.0), (1, 10.0), (1, 30.0), (0, 30.0), (0, 70.0)])
    of_0, of_1, of_3 = (named(row) for row in read(asked, (0, 0), (0, 1), (0, 3)))
    assert (of_0["orders_since_bought"], of_1["orders_since_bought"]) == (1, 0)
    assert (of_0["in_last_order"], of_1["in_last_order"]) == (0, 1)
    assert of_0["share_of_orders"] == of_1["share_of_orders"] == pytest.approx(2 / 3)
    assert (of_3["orders_since_bought"], of_3["share_of_orders"]) == (NO_ORDERS_SINCE, 0)
    for found in (of_0, of_3):  # what is the customer's stands at every product
        assert (found["history_purchases"], found["history_products"]) == (5, 3)
        assert (found["history_orders"], found["history_days"]) == (3, 70)
        assert found["history_repeats"] == pytest.approx(2 / 5)
        assert found["history_rebought"] == pytest.approx(2 / 3)
        assert found["history_order_size"] == pytest.approx(5 / 3)


def test_what_is_like_the_other_purchases_is_told() -> None:
    """p0 and p1 share their title, p2 has another one, p3 none; each purchase is 60 days old."""
    titled = replace(CATALOGUE, titles=["red mug", "red mug", "blue plate", ""])
    asked = queries([(0, 60.0), (2, 60.0)])
    rows = read(asked, (0, 0), (0, 1), (0, 2), (0, 3), catalogue=titled)
    alike = rows[:, PAIR_INPUTS.index("alike")]
    np.testing.assert_allclose(alike, [0, 0.5, 0, 0], atol=1e-6)  # a purchase is not like itself
    mean = rows[:, PAIR_INPUTS.index("alike_mean")]
    np.testing.assert_allclose(mean, [0, 0.5, 0, 0], atol=1e-6)  # of a weight of .5 + .5


def test_what_was_paid_is_told() -> None:
    """p0 brought 2 and, 60 days before, 6; p1 brought 8 at the first time."""
    bought = queries([(0, 0.0), (1, 60.0), (0, 60.0)])
    asked = replace(bought, history_values=np.array([[2, 8, 6]], dtype=np.float32))
    of_0, of_1, of_2 = (named(row) for row in read(asked, (0, 0), (0, 1), (0, 2)))
    assert of_0["log_value"] == of_1["log_value"] == pytest.approx(np.log1p(8))
    assert of_0["log_last_value"] == pytest.approx(np.log1p(2))
    assert of_1["last_value_to_usual"] == pytest.approx(np.log1p(8) - np.log1p(16 / 3))
    assert (of_0["percent_of_value"], of_1["percent_of_value"]) == (50, 50)
    assert of_0["percent_of_value_60d"] == pytest.approx(100 * 5 / 9)
    for name in ("log_value", "last_value_to_usual", "percent_of_value"):
        assert of_2[name] == 0
