"""RFM: equal for every customer to the definition in pandas; ties, borders and late records."""

from collections import Counter
from itertools import product

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from tests.training.segments.random_orders import DAY, T, connected, orders_of, random_orders
from training.segments.rfm import GROUP_NAMES, GROUPS, LEVELS, group, rfm, rfm_changes

QUINTILES = ["recency", "frequency", "monetary"]


def by_definition(orders: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    """The RFM of every customer by the definition: for each value, the share that is lower."""
    known = orders[(orders.event_timestamp < at) & (orders.recorded_timestamp < at)]
    known = known.dropna(subset=["customer_id"])
    year = known[known.event_timestamp >= at - 365 * DAY]
    frame = known.groupby("customer_id").event_timestamp.max().to_frame("last")
    frame["recency_days"] = (at - frame["last"]).dt.days
    frame["orders_365d"] = year.groupby("customer_id").order_id.nunique()
    cents = (year.value * 10_000).round().astype("int64")
    frame["cents"] = cents.groupby(year.customer_id).sum()
    frame = frame.fillna({"orders_365d": 0, "cents": 0})
    for name, values in zip(
        QUINTILES, [-frame.recency_days, frame.orders_365d, frame.cents], strict=True
    ):
        array = np.sort(values.to_numpy())
        lower = np.searchsorted(array, values.to_numpy(), side="left")  # strictly lower ones
        frame[name] = [
            next(q for q in range(5, 0, -1) if 5 * n >= (q - 1) * len(array)) for n in lower
        ]
    return frame.reset_index().sort_values("customer_id", ignore_index=True)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("at", [T, T - 200 * DAY])
def test_every_customer_as_by_the_definition(seed: int, at: pd.Timestamp) -> None:
    orders = random_orders(3000, seed=seed)
    found, expected = rfm(connected(orders), at=at), by_definition(orders, at)
    assert len(found) > 1800
    assert found.customer_id.tolist() == expected.customer_id.tolist()
    for name in ["recency_days", "orders_365d", *QUINTILES]:
        assert found[name].tolist() == expected[name].astype(int).tolist(), name
    assert found.spend_365d.tolist() == pytest.approx((expected.cents / 10_000).tolist())
    assert found.rfm_group.tolist() == [
        group(*quintiles) for quintiles in expected[QUINTILES].to_numpy()
    ]
    assert set(found.rfm_group) == set(GROUP_NAMES)
    assert found.groupby("orders_365d").frequency.nunique().max() == 1
    assert found.orders_365d.value_counts().iloc[0] > len(found) / 5  # ties wider than a quintile


def test_each_of_125_combinations_is_in_one_group() -> None:
    cells = [cell for cells in GROUPS.values() for cell in cells]
    assert sorted(cells) == ["".join(cell) for cell in product("123", repeat=3)]
    found = Counter(group(*quintiles) for quintiles in product(range(1, 6), repeat=3))
    # By hand: a low or high level is two quintiles, the middle one.
    assert found == {
        "Champions": 16,
        "Loyal": 20,
        "Recent": 23,
        "Needs Attention": 22,
        "At Risk": 20,
        "Inactive": 24,
    }
    assert LEVELS == {1: 1, 2: 1, 3: 2, 4: 3, 5: 3}
    with pytest.raises(KeyError):
        group(0, 1, 1)


def test_ten_customers_by_hand() -> None:
    """Customer i ordered i days ago, once, for i: the last two share recency, the first spend."""
    rows = [(f"c{i}", T - min(i, 9) * DAY, float(max(i, 2))) for i in range(1, 11)]
    found = rfm(connected(orders_of(rows)), at=T).set_index("customer_id")
    order = [f"c{i}" for i in range(1, 11)]
    assert found.recency_days[order].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 9]
    assert found.recency[order].tolist() == [5, 5, 4, 4, 3, 3, 2, 2, 1, 1]
    assert found.frequency[order].tolist() == [1] * 10
    assert found.monetary[order].tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_borders_of_the_windows() -> None:
    moment = pd.Timedelta(microseconds=1)
    orders = orders_of(
        [
            ("year", T - 365 * DAY, 5.0),
            ("older", T - 365 * DAY - moment, 5.0),
            ("now", T, 5.0),
            ("day", T - DAY, 5.0),
            ("moment", T - moment, 5.0),
            (None, T - DAY, 5.0),
        ]
    )
    found = rfm(connected(orders), at=T).set_index("customer_id")
    assert sorted(found.index) == ["day", "moment", "older", "year"]
    assert found.orders_365d.to_dict() == {"day": 1, "moment": 1, "older": 0, "year": 1}
    assert found.spend_365d["older"] == 0
    assert found.recency_days.to_dict() == {"day": 1, "moment": 0, "older": 365, "year": 365}


def test_what_is_recorded_later_changes_nothing() -> None:
    orders = random_orders(500, seed=3)
    known = orders[(orders.event_timestamp < T) & (orders.recorded_timestamp < T)]
    assert len(known) < len(orders)
    assert_frame_equal(rfm(connected(orders), at=T), rfm(connected(known), at=T))


def test_an_order_that_was_recorded_before_it_happened_counts_from_its_time() -> None:
    orders = orders_of([("a", T, 1.0)]).assign(recorded_timestamp=T - DAY)
    assert rfm(connected(orders), at=T).empty
    assert len(rfm(connected(orders), at=T + DAY)) == 1


def test_equal_sums_are_equal_in_any_order_of_addition() -> None:
    rows = [("a", T - DAY, value) for value in (0.1, 0.2, 0.3)]
    rows += [("b", T - DAY, value) for value in (0.3, 0.2, 0.1)]
    rows += [("c", T - DAY, 0.6)]
    found = rfm(connected(orders_of(rows)), at=T)
    assert sum([0.1, 0.2, 0.3]) != 0.6
    assert found.spend_365d.tolist() == [0.6, 0.6, 0.6]
    assert found.monetary.nunique() == 1


def test_rows_of_one_order_are_one_order() -> None:
    orders = orders_of([("a", T - DAY, 1.0), ("a", T - 2 * DAY, 2.0)]).assign(order_id="same")
    found = rfm(connected(orders), at=T)
    assert found[["orders_365d", "spend_365d"]].to_numpy().tolist() == [[1, 3]]


def test_neither_the_session_zone_nor_the_order_of_rows_matters() -> None:
    orders = random_orders(800, seed=4)
    expected = rfm(connected(orders), at=T)
    shuffled = orders.sample(frac=1, random_state=9)
    assert_frame_equal(rfm(connected(shuffled, timezone="America/New_York"), at=T), expected)


def test_no_orders() -> None:
    assert rfm(connected(orders_of([])), at=T).empty
    assert rfm_changes(connected(orders_of([])), times=[T - DAY, T]).empty


def test_changes_over_month_ends_as_by_the_definition() -> None:
    orders = random_orders(1500, seed=5)
    times = [T - 30 * k * DAY for k in range(6, -1, -1)]
    found = rfm_changes(connected(orders, timezone="Asia/Tokyo"), times=times)
    at_times = [by_definition(orders, at).set_index("customer_id")[QUINTILES] for at in times]
    groups: list[dict[str, str]] = [
        {str(customer): group(*row) for customer, row in zip(f.index, f.to_numpy(), strict=True)}
        for f in at_times
    ]
    assert found.customer_id.tolist() == sorted(groups[-1])
    for customer, now, previous, changed in found.itertuples(index=False):
        past = [held.get(customer) for held in groups]
        assert now == past[-1]
        assert (None if pd.isna(previous) else previous) == past[-2]
        others = [at for at, held in zip(times, past, strict=True) if held != now]
        since = times[times.index(others[-1]) + 1] if others else None
        assert (None if pd.isna(changed) else changed) == since
    assert found.changed_timestamp.isna().any()
    assert found.changed_timestamp.nunique() == 6
    assert str(found.changed_timestamp.dtype) == "datetime64[us, UTC]"


def test_times_of_changes_ascend() -> None:
    con = connected(orders_of([]))
    for times in ([T], [T, T], [T, T - DAY]):
        with pytest.raises(ValueError, match="at least two, ascending"):
            rfm_changes(con, times=times)
