"""The loyalty index: its formula, its reference time, and what it refuses."""

import pytest

from configs.loader import ConfigError, load_config
from tests.features.shop import time
from tests.training.figures.orders import orders
from training.figures.figures import CONFIG, FiguresConfig
from training.figures.loyalty import LoyaltyConfig, NoReference, loyalty, parts_at

ROWS = [
    ("ann", "2022-01-01", 1.0),
    ("bob", "2022-10-01", 10.0),
    ("cid", "2022-10-01", 10.0),
    ("cid", "2022-11-30", 20.0),
    ("bob", "2023-06-01", 10.0),
    ("cid", "2023-06-01", 10.0),
    ("cid", "2023-07-01", 10.0),
    ("cid", "2023-07-02", 10.0),
]


def test_parts_by_hand() -> None:
    frame = parts_at(orders(ROWS), time("2023-01-01")).set_index("customer_id")
    assert frame.loc["cid"].to_dict() == {
        "orders_365d": 2,
        "spend_365d": 30,
        "days_since_last_order": 32,
        "span_365d": 60,
    }
    assert sorted(frame.index) == ["ann", "bob", "cid"]
    assert sorted(parts_at(orders(ROWS), time("2023-01-02")).customer_id) == ["bob", "cid"]


def test_the_index_by_hand() -> None:
    """A year before, orders were 1, 1 and 2: mean 4/3, variance 2/9. Now they are 1 and 3."""
    config = LoyaltyConfig(parts={"orders_365d": 1}, reference_days=365)
    found = loyalty(orders(ROWS), config, as_of=time("2024-01-01"), seed=0)
    spread = (2 / 9) ** 0.5
    assert found.customers["loyalty"].tolist() == pytest.approx(
        [(1 - 4 / 3) / spread, (3 - 4 / 3) / spread]
    )
    assert found.index.value == pytest.approx((2 - 4 / 3) / spread)
    assert found.formula == "loyalty = 1 * (orders_365d - 1.333) / 0.4714"


def test_by_its_own_customers_the_index_is_0() -> None:
    config = LoyaltyConfig(parts={"orders_365d": 0.5, "spend_365d": 0.5}, reference_days=0)
    found = loyalty(orders(ROWS), config, as_of=time("2023-01-01"), seed=0)
    assert found.index.value == pytest.approx(0)


def test_a_reference_needs_a_whole_year_before_it() -> None:
    config = LoyaltyConfig(parts={"orders_365d": 1}, reference_days=365)
    with pytest.raises(NoReference, match=r"begin at 2022-01-01.*take at most 364, or 0"):
        loyalty(orders(ROWS), config, as_of=time("2023-12-31"), seed=0)
    with pytest.raises(NoReference, match=r"; take 0, by which"):
        loyalty(orders(ROWS), config, as_of=time("2022-12-31"), seed=0)


def test_a_part_that_is_the_same_for_all_is_refused() -> None:
    config = LoyaltyConfig(parts={"orders_365d": 1}, reference_days=0)
    with pytest.raises(NoReference, match=r"all customers had orders_365d = 1 .*leave this part"):
        loyalty(orders(ROWS[:3]), config, as_of=time("2022-12-31"), seed=0)


@pytest.mark.parametrize(
    ("override", "rule"),
    [
        ("loyalty.parts.orders_365d=0.5", "add up to 1.1, not to 1"),
        ("loyalty.parts={}", "at least 1"),
        ("loyalty.parts.visits=0.1", "orders_365d"),
        ("loyalty.reference_days=-1", "greater than or equal to 0"),
    ],
)
def test_a_formula_that_does_not_hold_is_refused(override: str, rule: str) -> None:
    with pytest.raises(ConfigError, match=rule):
        load_config(FiguresConfig, CONFIG, [override])
