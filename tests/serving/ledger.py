"""The requests and responses of visitors, and checks that the databases hold each one once."""

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from experiments.exposures import DATABASE, read
from features.tables import read_table
from features.workspace import Workspace

Event = Mapping[str, Any]


@dataclass(kw_only=True)
class Ledger:
    """The requests that were sent and acknowledged; any thread may write."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    answers: Counter[str] = field(default_factory=Counter)
    """Counts of `recommend 200`, `order 503 store_unavailable`, `card reset`."""
    lists: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Counts of lists by model and fallback reason: (`recommender@1`, ``)."""
    sent: dict[str, Event] = field(default_factory=dict)
    """Every valid event that was sent, by event_id."""
    acknowledged: set[str] = field(default_factory=set)
    """The event_ids of acknowledged events, accepted or duplicate."""
    shown: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """recommendation_id -> the products of an answer that must have an exposure."""
    unlogged: set[str] = field(default_factory=set)
    """The recommendation_ids that were answered with `exposure_log_unavailable`."""
    prices: dict[str, float] = field(default_factory=dict)
    """The last acknowledged price of each product."""
    tried: dict[str, list[float]] = field(default_factory=dict)
    """The prices that were sent later, without an acknowledgement."""
    faults: list[str] = field(default_factory=list)
    """Violations of a rule."""
    resets: list[float] = field(default_factory=list)
    """When (time.monotonic) a connection broke."""

    def count(self, name: str, code: str = "") -> None:
        with self.lock:
            self.answers[f"{name} {code}".strip()] += 1

    def fault(self, text: str) -> None:
        with self.lock:
            self.faults.append(text)

    def reset(self, name: str) -> None:
        with self.lock:
            self.answers[f"{name} reset"] += 1
            self.resets.append(time.monotonic())

    def acknowledge(self, events: list[Event], refused: set[int]) -> None:
        with self.lock:
            self.acknowledged |= {e["event_id"] for i, e in enumerate(events) if i not in refused}

    def told(self, name: str) -> int:
        """Return the number of answers whose words begin with those of `name`."""
        with self.lock:
            return sum(
                n for answer, n in self.answers.items() if f"{answer} ".startswith(f"{name} ")
            )

    def __str__(self) -> str:
        """Return the counts as text."""
        lines = [
            f"{sum(self.answers.values())} requests, {len(self.resets)} broken connections",
            f"{len(self.acknowledged)} of {len(self.sent)} events acknowledged, "
            f"{len(self.shown)} lists with and {len(self.unlogged)} without exposure, "
            f"prices of {len(self.prices)} products",
            *(f"  {name}: {n}" for name, n in sorted(self.answers.items())),
            *(
                f"  list of {model} {reason}: {n}"
                for (model, reason), n in sorted(self.lists.items())
            ),
        ]
        return "\n".join(lines)


def check_whole(ws: Workspace) -> None:
    """Assert that SQLite finds no fault in any database of the shop."""
    files = [ws.events_db, ws.product_changes_db, ws.experiments / DATABASE]
    for file in (*files, ws.home / "answered.db", ws.feast / "online.db"):
        with closing(sqlite3.connect(file)) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)], file


def check_kept(ws: Workspace, ledger: Ledger) -> None:
    """Assert that everything acknowledged is stored once, and nothing that was not sent."""
    check_whole(ws)
    check_events(ws, ledger)
    check_exposures(ws, ledger)
    with closing(sqlite3.connect(ws.product_changes_db)) as database:
        query = "SELECT product_id, value FROM changes WHERE field = 'unit_price'"
        prices = dict(database.execute(query).fetchall())
    for product_id, price in ledger.prices.items():
        assert prices[product_id] in (price, *ledger.tried.get(product_id, [])), product_id


def check_events(ws: Workspace, ledger: Ledger) -> None:
    with closing(sqlite3.connect(ws.events_db)) as database:
        stored = database.execute("SELECT event_id, type, customer_id, order_id FROM events")
        rows = {event_id: rest for event_id, *rest in stored.fetchall()}
        lines = database.execute(
            "SELECT e.event_id, l.product_id, l.quantity, l.unit_price FROM events e "
            "JOIN lines l ON l.sequence = e.sequence ORDER BY e.sequence, l.line_number"
        ).fetchall()  # fmt: skip
    items: dict[str, list[list[Any]]] = {}
    for event_id, *line in lines:
        items.setdefault(event_id, []).append(line)
    assert ledger.acknowledged <= rows.keys() <= ledger.sent.keys()
    for event_id, row in rows.items():
        event = ledger.sent[event_id]
        assert row == [event["type"], event["customer_id"], event.get("order_id")]
        expected = [[*item.values()] for item in event.get("items", [])]
        assert items.get(event_id, []) == expected, event_id


def check_exposures(ws: Workspace, ledger: Ledger) -> None:
    shown = read(ws.experiments / DATABASE)
    times = Counter(shown["recommendation_id"])
    assert not [name for name, count in times.items() if count > 1]
    stored = dict(zip(shown["recommendation_id"], map(tuple, shown["product_ids"]), strict=True))
    assert {i: stored.get(i) for i in ledger.shown} == ledger.shown
    assert not ledger.unlogged & stored.keys()


def check_absorbed(ws: Workspace, ledger: Ledger) -> None:
    """Assert that the canonical tables hold each acknowledged event and order line once."""
    events = Counter(read_table(ws, "events")["event_id"])
    assert all(events[name] == 1 for name in ledger.acknowledged)
    lines = read_table(ws, "order_lines")
    lines = lines[lines["order_id"].str.startswith("soak-")]
    held = Counter(zip(lines["order_id"], lines["product_id"], lines["quantity"], strict=True))
    for event in (ledger.sent[event_id] for event_id in ledger.acknowledged):
        sign = -1 if event["type"] == "order_refunded" else 1
        for item in event.get("items", []):
            line = event["order_id"], item["product_id"], sign * item["quantity"]
            assert held[line] == 1, (line, event)
