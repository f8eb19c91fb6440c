"""The truth of a small shop, drawn from a seed."""

import datetime
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from tests.features.datasets.spoiled.facts import Facts

State = Literal["paid", "refunded", "void", "open", "return"]
_FIRST = datetime.datetime(2024, 2, 1)
_DAYS = 75  # the clock changes on day 59 in Europe
_RENAMED = _FIRST + datetime.timedelta(days=40)


@dataclass(frozen=True)
class Line:
    """A line of an order; prices in cents."""

    product: str
    quantity: int
    price: int
    discount: int

    @property
    def cents(self) -> int:
        return self.quantity * self.price - self.discount


@dataclass(frozen=True)
class Order:
    """An order, or a return on a receipt of its own; `at` is local time."""

    number: int
    at: datetime.datetime
    customer: str | None
    lines: tuple[Line, ...]
    state: State

    @property
    def stands(self) -> bool:
        return self.state in ("paid", "refunded")


@dataclass(frozen=True)
class Shop:
    """All orders of a shop, in order of time."""

    orders: tuple[Order, ...]
    zone: ZoneInfo

    def title(self, product: str, at: datetime.datetime) -> str:
        """The product's title at local time `at`; every third product was renamed."""
        new = at >= _RENAMED and int("".join(filter(str.isdigit, product))) % 3 == 0
        return f'Tea & Co. "{product}"' + (" (new)" if new else "")

    def utc(self, order: Order) -> datetime.datetime:
        """The time of `order` in UTC."""
        return order.at.replace(tzinfo=self.zone).astimezone(datetime.UTC)


@dataclass(frozen=True, kw_only=True)
class Spoiled:
    """A shop's files, its truth, and the ways to read them.

    The files are read right by `preset` with `overrides`, or else by `mapping`. `naive` is what one
    would write first. `answers` are the mapping's keys that the files alone do not say.
    """

    files: tuple[Path, ...]
    shop: Shop
    preset: str | None = None
    overrides: tuple[str, ...] = ()
    mapping: Mapping[str, Any] = field(default_factory=dict)
    naive: Mapping[str, Any]
    answers: Mapping[str, Any]


def draw(
    seed: int,
    *,
    zone: str,
    products: Sequence[str],
    customers: Sequence[str],
    states: Mapping[State, int],
    largest: int = 40_00,
    discounts: bool = True,
) -> Shop:
    """Draw about 160 orders; `states` are weights, `largest` is the largest price in cents."""
    rng = random.Random(seed)
    prices = {product: rng.randrange(100, largest, 5) for product in products}
    minutes = sorted(rng.sample(range(_DAYS * 24 * 60), 180))
    times = [_FIRST + datetime.timedelta(minutes=each) for each in minutes]
    times = [at for at in times if not 1 <= at.hour <= 3]  # the clock jumps at night
    kinds = rng.choices(list(states), list(states.values()), k=len(times))
    kinds[0] = "paid"
    orders = []
    for number, (at, state) in enumerate(zip(times, kinds, strict=True), start=1):
        customer = rng.choice(customers) if rng.random() < 0.8 else None
        lines = []
        for product in rng.choices(products, k=rng.randint(1, 4)):
            quantity, price = rng.randint(1, 3), prices[product]
            off = rng.choice((0, 0, quantity * price // 10)) if discounts else 0
            lines.append(Line(product, quantity, price, off))
        orders.append(Order(number, at, customer, tuple(lines), state))
    return Shop(tuple(orders), ZoneInfo(zone))


def truth(shop: Shop) -> Facts:
    """Return what the tables of `shop` must say."""
    standing = [order for order in shop.orders if order.stands]
    signs = {"paid": 1, "return": -1}
    net = [(signs.get(o.state, 0), line) for o in shop.orders for line in o.lines]
    return Facts(
        orders=len(standing),
        customers=len({order.customer for order in standing} - {None}),
        guest_orders=sum(order.customer is None for order in standing),
        units=sum(sign * line.quantity for sign, line in net),
        cents=sum(sign * line.cents for sign, line in net),
        bought=tuple(
            sorted(
                (
                    shop.utc(order).strftime("%Y-%m-%dT%H:%M:%SZ"),
                    order.customer or "",
                    sum(line.quantity for line in order.lines),
                    sum(line.cents for line in order.lines),
                )
                for order in standing
            )
        ),
    )
