"""Visitors of a running service: a seeded mix of all requests, each response checked."""

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import httpx
import psutil

from features.workspace import Workspace
from serving.api.bodies import LARGEST_BODY
from serving.schemas.events import EventsAnswer
from serving.schemas.predictions import CustomerCard, PredictionAnswer
from serving.schemas.products import ProductsAnswer
from serving.schemas.recommendations import RecommendationAnswer, RecommendationsAnswer
from serving.schemas.similar import SimilarAnswer
from tests.serving.asker import Asker, Body
from tests.serving.ledger import Event, Ledger

LIST, BATCH = "/v1/recommendations", "/v1/recommendations:batch"
EVENTS, PRODUCTS = "/v1/events", "/v1/products:batch"
BAD: Final[tuple[tuple[bytes, int], ...]] = (
    (b"{", 400),
    (b'{"k": NaN}', 400),
    (b'{"customer_id": "\xff"}', 400),
    (b'{"customer_id": "\\ud800"}', 400),
    (b'{"k": 0}', 422),
    (b'{"user_id": "anna"}', 422),
    (b"[" * 10_000, 400),
    (b" " * (LARGEST_BODY + 1), 413),
)
OWN: Final = 40
"""New customers per visitor; no other visitor orders for them."""


@dataclass(frozen=True, kw_only=True)
class Town:
    """The data of a shop that visitors use."""

    url: str
    customers: list[str]
    products: list[str]
    now: Callable[[], datetime]
    """The shop's clock."""
    key: str | None = None


class Visitor(Asker):
    """One client: sends requests and records the responses in `ledger`."""

    def __init__(self, town: Town, ledger: Ledger, *, number: int, seed: int) -> None:
        super().__init__(town.url, ledger, key=town.key)
        self._town, self._name = town, f"soak-{number}"
        self._rng = random.Random(f"{seed}/{number}")
        self._number = 0
        self._orders: dict[str, list[Event]] = {}
        self._unsure: set[str] = set()
        self._own = town.products[number::8]  # only this visitor changes their prices

    def run(self, stop: threading.Event, pause_s: float) -> None:
        """Send requests until `stop` is set."""
        weights = {
            self.recommend: 10, self.order: 5, self.refund: 2, self.views: 3, self.batch: 2,
            self.churn: 2, self.card: 2, self.similar: 2, self.say: 2, self.bad: 3, self.again: 1,
        }  # fmt: skip
        with self.http:
            while not stop.is_set():
                (act,) = self._rng.choices([*weights], [*weights.values()])
                try:
                    act()
                except httpx.TransportError:
                    self.ledger.reset(act.__name__)
                    time.sleep(0.1)
                time.sleep(pause_s)

    # Requests that read.

    def recommend(self) -> None:
        self.ask("recommend", LIST, self._list_body(), RecommendationAnswer)

    def _list_body(self) -> Body:
        rng, products = self._rng, self._town.products
        body: Body = {"k": rng.randint(1, 30), "scenario": "soak"}
        customer_kind = rng.choice(["known", "known", "own", "unknown", "session", "nobody"])
        if customer_kind == "known":
            body["customer_id"] = rng.choice(self._town.customers)
        elif customer_kind == "own":
            body["customer_id"] = self._customer()
        elif customer_kind == "unknown":
            body["customer_id"] = f"nobody/{rng.randint(1, 10**9)}"
        elif customer_kind == "session":
            body["session_product_ids"] = rng.sample(products, 3)
        if rng.random() < 0.5:
            body["exclude_product_ids"] = rng.sample(products, 10)
        if rng.random() < 0.3:
            body["strategy"] = rng.choice(["for_you", "buy_again", "new_to_you", "trending"])
        if rng.random() < 0.2:
            body["filter"] = {"price_min": 1, "price_max": 50, "in_stock": True}
        if rng.random() < 0.2:
            body |= {"diversity": 0.3, "max_per_category": 2}
        return body | {"explain": rng.random() < 0.2, "personalized": rng.random() < 0.9}

    def batch(self) -> None:
        parts = [self._list_body() for _ in range(self._rng.randint(1, 6))]
        bad = self._rng.randrange(len(parts) + 1)
        parts.insert(bad, {"k": 0})
        answer = self.ask("batch", BATCH, {"requests": parts}, RecommendationsAnswer)
        if answer is None:
            return
        statuses = [result.status for result in answer.results]
        if statuses != [422 if place == bad else 200 for place in range(len(parts))]:
            self.ledger.fault(f"batch: {statuses}")
        for part, result in zip(parts, answer.results, strict=False):
            if result.answer is not None:
                self.record_list(part, result.answer)

    def again(self) -> None:
        """Send one request twice with one Idempotency-Key."""
        body, headers = self._list_body(), {"Idempotency-Key": self._new_id()}
        first, second = (
            self.ask("again", LIST, body, RecommendationAnswer, headers=headers) for _ in "12"
        )
        if first and second and first != second:
            self.ledger.fault(f"one Idempotency-Key, two answers: {first} {second}")

    def churn(self) -> None:
        ids = [*self._rng.sample(self._town.customers, 20), self._customer(), "nobody"]
        body = {"customer_ids": ids, "explain": self._rng.random() < 0.1}
        answer = self.ask("churn", "/v1/predictions/churn", body, PredictionAnswer)
        if answer and [p.customer_id for p in answer.predictions] != ids:
            self.ledger.fault("churn: other customers")
        for prediction in answer.predictions if answer else ():
            if prediction.value is None or not 0 <= prediction.value <= 1:
                self.ledger.fault(f"churn: {prediction}")

    def card(self) -> None:
        customer = self._customer()
        card = self.ask(
            "card", "/v1/customers:predictions", {"customer_id": customer}, CustomerCard
        )
        if card is None or customer in self._unsure or card.fallback_reason == "store_unavailable":
            return
        orders = len(self._orders.get(customer, []))
        if (card.historic_number_of_orders or 0) != orders:
            self.ledger.fault(f"card of {customer}: {orders} orders, but {card}")

    def similar(self) -> None:
        known = self._rng.random() < 0.8
        product = self._rng.choice(self._town.products) if known else "no such product"
        body = {"product_id": product, "k": 10}
        answer = self.ask("similar", "/v1/products:similar", body, SimilarAnswer,
                           status=200 if known else 404)  # fmt: skip
        items = [item.product_id for item in answer.items] if answer else []
        if product in items or len({*items}) < len(items):
            self.ledger.fault(f"similar to {product}: {items}")

    def bad(self) -> None:
        content, status = self._rng.choice(BAD)
        headers = {}
        if self._town.key and self._rng.random() < 0.3:
            headers, status = {"Authorization": "Bearer wrong"}, 401
        self.send("bad", "POST", LIST, content, headers=headers, status=status)

    # Requests that write.

    def order(self) -> None:
        """Order something; the next answer must list it."""
        customer, bought = self._customer(), self._rng.sample(self._town.products, 2)
        event = self._event("order_completed", customer) | {
            "order_id": f"soak-{self._new_id()}",
            "currency": "GBP",
            "items": [{"product_id": p, "quantity": 2.0, "unit_price": 3.5} for p in bought],
        }
        sure = customer not in self._unsure
        self._unsure.add(customer)  # until the acknowledgement: it may be lost
        if not self._post("order", [event]):
            return
        if sure:
            self._unsure.remove(customer)
        self._orders.setdefault(customer, []).append(event)
        body = {"customer_id": customer, "strategy": "buy_again", "k": 100}
        answer = self.ask("list after order", LIST, body, RecommendationAnswer)
        if answer and answer.fallback_reason in {None, "exposure_log_unavailable"}:
            items = {item.product_id for item in answer.items}
            if not {*bought} <= items and answer.model.name == "recommender":
                self.ledger.fault(f"{customer} ordered {bought}, buy_again lists {items}")

    def refund(self) -> None:
        customer = self._customer()
        if not self._orders.get(customer):
            return
        order = self._rng.choice(self._orders[customer])
        event = self._event("order_refunded", customer, f"refund/{order['order_id']}")
        if event["event_id"] not in self.ledger.sent:  # at most one per order
            same = {name: order[name] for name in ("order_id", "currency")}
            self._post("refund", [event | same | {"items": order["items"][:1]}])

    def views(self) -> None:
        """Post events out of order, with known ones and one without product."""
        fresh: list[Event] = [
            self._event(self._rng.choice(["product_viewed", "product_clicked", "product_added"]),
                        self._rng.choice(self._town.customers))
            | {"product_id": self._rng.choice(self._town.products)}
            for _ in range(self._rng.randint(1, 20))
        ]  # fmt: skip
        past_orders = self._orders.get(self._customer(), [])
        events = [*fresh, *fresh[:1], *past_orders[-1:]]
        self._rng.shuffle(events)
        self._post("views", events, bad=True)

    def say(self) -> None:
        product, price = self._rng.choice(self._own), float(self._new_number())
        change: Body = {"product_id": product, "unit_price": price}
        if self._rng.random() < 0.05:
            change["title"] = f"Title {price:g}"
        self.ledger.tried.setdefault(product, []).append(price)
        body = {"products": [change, {"product_id": product}]}
        answer = self.ask("say", PRODUCTS, body, ProductsAnswer, method="PUT")
        if answer:
            self.ledger.prices[product], self.ledger.tried[product] = price, []
            if [result.status for result in answer.results] != [200, 422]:
                self.ledger.fault(f"products: {answer}")

    def _post(self, name: str, events: list[Event], *, bad: bool = False) -> bool:
        """Post `events` and return whether all were acknowledged."""
        for event in events:
            self.ledger.sent[event["event_id"]] = event
        body = {"events": [*events, *([{"type": "product_viewed"}] if bad else [])]}
        headers = {"Idempotency-Key": self._new_id()} if self._rng.random() < 0.3 else {}
        answer = self.ask(name, EVENTS, body, EventsAnswer, status=202, headers=headers)
        if answer is None:
            return False
        total = answer.accepted + answer.duplicates + len(answer.rejected)
        refused = {r.index for r in answer.rejected}
        if total != len(body["events"]) or refused != ({len(events)} if bad else set()):
            self.ledger.fault(f"events: {answer}")
        self.ledger.acknowledge(events, refused)
        return True

    def _event(self, kind: str, customer: str, event_id: str | None = None) -> Body:
        past = timedelta(seconds=self._rng.randint(0, 86_400))
        return {
            "event_id": event_id or self._new_id(),
            "type": kind,
            "customer_id": customer,
            "time": (self._town.now() - past).isoformat(),
        }

    def _customer(self) -> str:
        return f"{self._name}/{self._rng.randrange(OWN)}"

    def _new_id(self) -> str:
        return f"{self._name}/{self._new_number()}"

    def _new_number(self) -> int:
        self._number += 1
        return self._number


@contextmanager
def visiting(
    town: Town, ledger: Ledger, *, visitors: int = 4, seed: int = 1, pause_s: float = 0.01
) -> Iterator[None]:
    """Run visitors until the block ends; their errors are faults."""
    stop = threading.Event()

    def visit(number: int) -> None:
        try:
            Visitor(town, ledger, number=number, seed=seed).run(stop, pause_s)
        except Exception as error:  # a thread's error would be lost
            ledger.fault(f"visitor {number}: {error!r}")

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(visitors)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def connections(pid: int) -> int:
    """Return the number of connections to the process `pid`."""
    held = psutil.Process(pid).net_connections("tcp4")
    return sum(connection.status == psutil.CONN_ESTABLISHED for connection in held)


def features(ws: Workspace, *words: str) -> None:
    command = [sys.executable, "-m", "features", *words, "--home", str(ws.home)]
    subprocess.run(command, check=True, capture_output=True)
