"""How simulated customers weigh products and fill orders."""

import numpy as np
import pytest

from features.simulator import World
from features.simulator.orders import Purchases, draw_purchases, log_weights


class TestDemand:
    def test_the_log_weight_adds_up(self, world: World) -> None:
        shop, people, rows, week = world.products, world.customers, np.array([4, 9]), 20
        none = world.purchases.before(0)
        plain = log_weights(shop, people, rows, week=week, past=none)
        product = int(np.flatnonzero(shop.launch < 0)[0])
        by_hand = (
            people.tastes[9] @ shop.traits[product]
            + shop.appeal[product, 20]
            - people.sensitivity[9] * np.log(shop.price[product, 20] / shop.usual_price[product])
        )
        assert plain[1, product] == pytest.approx(by_hand)
        # Bought twice: when it is just used up, and half as long ago.
        interval = shop.interval[product]
        past = Purchases(
            order=np.array([0, 1]),
            customer=np.array([9, 9]),
            product=np.array([product, product]),
            day=np.array([140 - interval, 140 - interval / 2]),
        )
        wished = log_weights(shop, people, rows, week=week, past=past)
        more = np.log1p(shop.repeat[product] * (1 + 0.5 * np.exp(0.5)))
        assert wished[1, product] - plain[1, product] == pytest.approx(more)
        wished[1, product] = plain[1, product]
        np.testing.assert_array_equal(wished, plain)

    def test_orders_follow_the_weights(self, world: World) -> None:
        """First choices of one customer's many orders are multinomial in the weights."""
        shop, people = world.products, world.customers
        count = 20_000
        bought = draw_purchases(shop, people, np.full(count, 4), np.full(count, 3.5), seed=1)
        first = bought.product[np.flatnonzero(np.diff(bought.order, prepend=-1))]
        weights = np.exp(
            log_weights(shop, people, np.array([4]), week=0, past=world.purchases.before(0))[0]
        )
        expected = weights / weights.sum()
        seen = np.bincount(first, minlength=len(weights)) / count
        assert np.abs(seen - expected).max() < 4 * np.sqrt(expected.max() / count)
        assert (seen[shop.launch > 0] == 0).all()

    def test_the_dear_put_off_the_sensitive(self, world: World) -> None:
        shop, people = world.products, world.customers
        rows = np.array([np.argmin(people.sensitivity), np.argmax(people.sensitivity)])
        none = world.purchases.before(0)
        prices = np.log(shop.price[:, :60])
        up = np.argwhere((np.diff(prices) > 0.3) & (shop.launch[:, None] < 0))[0]
        product, week = int(up[0]), int(up[1])
        change = [
            log_weights(shop, people, rows, week=w, past=none)[:, product] - shop.appeal[product, w]
            for w in (week, week + 1)
        ]
        rise = prices[product, week + 1] - prices[product, week]
        np.testing.assert_allclose(change[1] - change[0], -people.sensitivity[rows] * rise)
