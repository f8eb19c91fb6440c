"""The orders that the network reads: one token per moment, newest first."""

import numpy as np

from training.customers.network.sequence import ORDERS, sequence_of
from training.data.inputs import Queries


def queries(days: list[float], values: list[float], *, padded: int = 0) -> Queries:
    width = len(days) + padded
    history = np.full((1, width), -1)
    history[0, : len(days)] = 3
    history_days, history_values = np.zeros((2, 1, width), dtype=np.float32)
    history_days[0, : len(days)], history_values[0, : len(days)] = days, values
    return Queries(
        customer_ids=np.array(["anna"], dtype=object),
        at=np.array(["2024-03-01"], dtype="datetime64[us]"),
        activity=np.zeros((1, 1), dtype=np.float32),
        history=history,
        history_days=history_days,
        history_values=history_values,
    )


def test_lines_of_one_moment_are_one_order() -> None:
    tokens, exists = sequence_of(queries([2, 2, 9], [5, 1, 4], padded=2))
    assert exists.sum() == 2
    np.testing.assert_allclose(np.expm1(tokens[0, 0]), [2, 7, 6, 2], rtol=1e-6)
    np.testing.assert_allclose(np.expm1(tokens[0, 1]), [9, 0, 4, 1], rtol=1e-6)
    assert not tokens[0, 2:].any()


def test_padding_and_orders_beyond_the_last_ones_change_nothing() -> None:
    days = [float(day) for day in range(1, ORDERS + 1)]
    values = [2.0] * ORDERS
    some, _ = sequence_of(queries(days, values))
    padded, _ = sequence_of(queries(days, values, padded=7))
    more, exists = sequence_of(queries([*days, 400.0], [*values, 9.0]))
    np.testing.assert_array_equal(padded, some)
    np.testing.assert_array_equal(more, some)
    assert exists.sum() == ORDERS


def test_a_product_that_the_catalogue_lacks_is_still_a_purchase() -> None:
    query = queries([2, 9], [5, 4])
    known, _ = sequence_of(query)
    query.history[0, 0] = -1
    unknown, _ = sequence_of(query)
    np.testing.assert_array_equal(unknown, known)


def test_nothing_bought_is_an_empty_sequence() -> None:
    tokens, exists = sequence_of(queries([], [], padded=1))
    assert not tokens.any()
    assert not exists.any()
