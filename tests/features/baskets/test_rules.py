"""Rules and bundles equal counts by hand, over all orders and pairs of them."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from features.baskets.rules import RulesConfig, mine
from tests.features.shop import line, lines

DAY = pd.Timedelta(days=1)
ORDER = st.tuples(
    st.sampled_from(["ann", "bob", None]),
    st.integers(0, 9),  # day: equal ones are common
    st.sets(st.sampled_from("abcdef"), min_size=1),
)
Orders = Sequence[tuple[str | None, int, set[str]]]


def placed(orders: Orders) -> pd.DataFrame:
    """Return the order lines of `orders`; each product comes in two lines of its order."""
    rows = [
        line(f"o{number}", customer, product, f"2011-01-{day + 1:02}", number=2 * slot + copy)
        for number, (customer, day, products) in enumerate(orders)
        for slot, product in enumerate(sorted(products))
        for copy in (0, 1)
    ]
    return lines(*rows)


def followed(orders: Orders, first: str, second: str, window: float) -> int:
    """Return the orders with `first` that the same customer followed by one with `second`."""
    return sum(
        first in products
        and any(
            second in others and other == customer and 0 < later - day <= window
            for other, later, others in orders
        )
        for customer, day, products in orders
        if customer is not None
    )


def rules_by_hand(orders: Orders, config: RulesConfig) -> Iterator[tuple[Any, ...]]:
    def count(*wanted: str) -> int:
        return sum({*wanted} <= products for _, _, products in orders)

    for first in "abcdef":
        strong = sorted(
            (-(count(first, other) ** 2) / count(other), other)
            for other in "abcdef"
            if other != first and count(first, other) >= config.min_orders
        )
        for _, other in strong[: config.rules]:
            yield (
                *(first, other, count(first, other), count(first), count(other)),
                followed(orders, first, other, config.window_days),
                followed(orders, other, first, config.window_days),
            )


def bundles_by_hand(
    orders: Orders, rules: Sequence[tuple[Any, ...]], config: RulesConfig
) -> set[tuple[Any, ...]]:
    found = set()
    for anchor in "abcdef":
        companions = sorted(rule[1] for rule in rules if rule[0] == anchor)
        held = []
        for pair in combinations(companions, 2):
            count = sum({anchor, *pair} <= products for _, _, products in orders)
            if count >= config.min_orders:
                held.append((-count, pair))
        for negative, pair in sorted(held)[: config.bundles]:
            found.add((*sorted((anchor, *pair)), -negative))
    return found


@given(
    orders=st.lists(ORDER, max_size=14),
    min_orders=st.integers(1, 3),
    rules=st.sampled_from([1, 3, 50]),
    bundles=st.sampled_from([0, 1, 20]),
    window_days=st.sampled_from([0.5, 1.0, 4.0, 90.0]),
)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_rules_and_bundles_equal_those_by_hand(
    orders: Orders, min_orders: int, rules: int, bundles: int, window_days: float
) -> None:
    config = RulesConfig(
        min_orders=min_orders, rules=rules, bundles=bundles, window_days=window_days
    )
    mined = mine(placed(orders), config=config)
    expected = list(rules_by_hand(orders, config))
    assert mined.orders == len(orders)
    assert list(mined.rules.itertuples(index=False, name=None)) == expected
    found = list(mined.bundles.itertuples(index=False, name=None))
    assert len(found) == len(set(found))
    assert set(found) == bundles_by_hand(orders, expected, config)


def test_the_order_of_the_lines_changes_nothing() -> None:
    table = placed([("ann", 0, {"a", "b", "c"}), ("ann", 1, {"b"}), (None, 1, {"a", "b"})])
    one = mine(table, config=RulesConfig(min_orders=1))
    other = mine(table.sample(frac=1, random_state=3), config=RulesConfig(min_orders=1))
    pd.testing.assert_frame_equal(one.rules, other.rules)
    pd.testing.assert_frame_equal(one.bundles, other.bundles)


def test_returns_fees_and_gifts_are_in_no_basket() -> None:
    table = lines(
        line("1", "ann", "a", "2011-01-01", number=1),
        line("1", "ann", "b", "2011-01-01", number=2, kind="return", quantity=-1),
        line("1", "ann", None, "2011-01-01", number=3, kind="fee"),
        line("1", "ann", "c", "2011-01-01", number=4, price=0),
        line("2", "ann", "b", "2011-01-02", kind="return", quantity=-1),
    )
    mined = mine(table, config=RulesConfig(min_orders=1))
    assert (mined.orders, len(mined.rules), len(mined.bundles)) == (1, 0, 0)


def test_no_orders_no_rules() -> None:
    mined = mine(lines())
    assert (mined.orders, len(mined.rules), len(mined.bundles)) == (0, 0, 0)
