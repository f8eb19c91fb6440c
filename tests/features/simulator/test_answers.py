"""What simulated customers do with a recommendation: drawn, and known in expectation."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from features.schema import Origin, validate
from features.simulator import World

WEEK = pd.Timedelta(days=7)


def slates_of(
    customers: list[str], at: pd.Timestamp, products: npt.NDArray[np.object_]
) -> pd.DataFrame:
    """Return the slates (B, K) of `products` that `customers` see at `at`."""
    size = products.shape[1]
    return pd.DataFrame(
        {
            "customer_id": np.repeat(np.array(customers, object), size),
            "time": at,
            "position": np.tile(np.arange(1, size + 1), len(customers)),
            "product_id": products.ravel(),
        }
    )


def living(world: World, at: pd.Timestamp, count: int) -> list[str]:
    ids: list[str] = world.customers.customer_ids[world.alive(at)][:count].tolist()
    return ids


class TestAnswers:
    def test_the_mean_answer_is_the_expected_one(self, world: World) -> None:
        rng = np.random.default_rng(8)
        customers = living(world, world.end, 120)
        best = np.argsort(-world.chances(customers, world.end))[:, :10]
        slates = pd.concat(
            slates_of(customers, world.end + after, world.products.product_ids[best])
            for after in (pd.Timedelta(hours=10), WEEK)
        )
        expected = world.expected(slates).set_index("customer_id")
        draws = 150
        bought, revenue = np.zeros(draws), np.zeros(draws)
        for draw in range(draws):
            lines = world.respond(slates, rng)
            bought[draw] = lines["customer_id"].nunique()
            revenue[draw] = (lines["quantity"] * lines["unit_price"]).sum()
        for seen, truth in ((bought, "conversion"), (revenue, "revenue")):
            error = seen.std(ddof=1) / np.sqrt(draws)
            assert abs(seen.mean() - expected[truth].sum()) < 4 * error
            assert error < 0.03 * expected[truth].sum()

    def test_expected_by_hand(self, world: World) -> None:
        at = world.end + pd.Timedelta(hours=12)
        customer = living(world, at, 1)
        p = world.chances(customer, at)[0]
        a, b = np.argsort(-p)[:2]
        ids, price = world.products.product_ids, world.products.price[:, 52]
        shown = slates_of(customer, at, ids[[[a, b]]])
        found = world.expected(shown).iloc[0]
        assert found["conversion"] == pytest.approx(1 - (1 - p[a]) * (1 - 0.85 * p[b]))
        assert found["revenue"] == pytest.approx(p[a] * price[a] + 0.85 * p[b] * price[b])
        # A second visit in the same week doubles the revenue and squares the failure.
        later = slates_of(customer, at + pd.Timedelta(days=1), ids[[[a, b]]])
        twice = world.expected(pd.concat([shown, later])).iloc[0]
        assert 1 - twice["conversion"] == pytest.approx((1 - found["conversion"]) ** 2)
        assert twice["revenue"] == pytest.approx(2 * found["revenue"])

    def test_the_best_beat_the_popular_beat_the_random(
        self, world: World, sales: pd.DataFrame
    ) -> None:
        rng = np.random.default_rng(4)
        at = world.end + pd.Timedelta(hours=9)
        customers = living(world, at, 150)
        recent = sales[sales["event_timestamp"] >= world.end - 4 * WEEK]
        popular = recent.groupby("product_id")["customer_id"].nunique().nlargest(10).index
        ids, size = world.products.product_ids, (len(customers), 10)
        lists = {
            "best": ids[np.argsort(-world.chances(customers, at))[:, :10]],
            "popular": np.broadcast_to(popular.to_numpy(object), size),
            "random": np.array([rng.choice(ids, 10, replace=False) for _ in customers]),
        }
        means = {
            name: world.expected(slates_of(customers, at, shown))["conversion"].mean()
            for name, shown in lists.items()
        }
        assert means["best"] > 1.4 * means["popular"] > 1.4 * 1.4 * means["random"]
        assert 0.02 < means["popular"] < 0.4

    def test_the_gone_and_the_not_yet_launched_buy_nothing(self, world: World) -> None:
        people, shop = world.customers, world.products
        gone = people.customer_ids[people.churned < 300][:1].tolist()
        assert not world.chances(gone, world.end).any()
        new = int(np.argmax(shop.launch))
        before = world.start + pd.Timedelta(days=int(shop.launch[new]) - 1)
        there = living(world, before, 5)
        chances = world.chances(there, before)
        assert (chances[:, new] == 0).all()
        assert (chances[:, shop.launch < 0] > 0).all()
        unborn = slates_of(there, before, np.full((5, 1), shop.product_ids[new]))
        left = slates_of(gone, world.end, np.broadcast_to(shop.product_ids, (1, 96)))
        for slates in (unborn, left):
            assert not world.expected(slates)[["conversion", "revenue"]].to_numpy().any()

    def test_orders_are_canonical_and_new(self, world: World, lines: pd.DataFrame) -> None:
        visits = world.visits(world.end, 7, np.random.default_rng(3))
        shown = visits.merge(
            pd.DataFrame({"position": range(1, 97), "product_id": world.products.product_ids}),
            how="cross",
        )
        answers = world.respond(shown, np.random.default_rng(3))
        validate("order_lines", answers, origin=Origin(file="answers"))
        assert not set(answers["order_id"]) & set(lines["order_id"])
        assert (answers.groupby("order_id")["customer_id"].nunique() == 1).all()
        first = answers.iloc[0]
        microseconds = first["event_timestamp"].value // 1000
        assert first["order_id"] == f"V{first['customer_id']}-{microseconds}"
        assert_frame_equal(answers, world.respond(shown, np.random.default_rng(3)))

    def test_no_slates_no_orders(self, world: World) -> None:
        none = pd.DataFrame([], columns=["customer_id", "time", "position", "product_id"])
        validate(
            "order_lines", world.respond(none, np.random.default_rng(1)), origin=Origin(file="none")
        )
        assert list(world.expected(none).columns) == ["customer_id", "conversion", "revenue"]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"position": [0, 1]}, "position 0: the first one is 1"),
            ({"position": [2, 2]}, "position 2 twice"),
            ({"product_id": ["P00", "P00"]}, "product_id P00 twice"),
            ({"product_id": ["P00", "P999"]}, "product_id = 'P999': not of this world"),
            ({"customer_id": ["C999999"] * 2}, "customer_id = 'C999999': not of this world"),
            (
                {"time": [pd.Timestamp("2022-12-01", tz="UTC")] * 2},
                "the world starts at 2023-01-02",
            ),
        ],
    )
    def test_refuses_slates_that_cannot_have_been_shown(
        self, world: World, change: dict[str, Any], message: str
    ) -> None:
        slates = slates_of(["C000"], world.end, np.array([["P00", "P01"]], object))
        world.expected(slates)
        with pytest.raises(ValueError, match=message):
            world.expected(slates.assign(**change))

    def test_names_a_missing_column(self, world: World) -> None:
        slates = slates_of(["C000"], world.end, np.array([["P00"]], object))
        with pytest.raises(ValueError, match="no column 'position'"):
            world.expected(slates.drop(columns="position"))
