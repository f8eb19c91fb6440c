"""The system clock is set far ahead, far back and a little ahead while the service takes orders.

A preloaded library (shifted_clock.c) shows the server another time; this process, and the commands
after it, keep the true one.
"""

import json
import os
import re
import sqlite3
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from features.ingest import ingest
from features.materialize import materialize
from features.schema import RetailDataset
from features.tables import read_table
from features.workspace import Workspace
from tests.attack.findings import Finding
from tests.attack.target import target
from tests.attack.wire import Answer, Connection, request
from tests.attack.workspace import Shop, give_keys
from tests.serving.server import Server
from tests.serving.shop import (
    DAY,
    NOW,
    OWN_PURCHASES,
    churn_model,
    order_lines,
    put_bundle,
    put_champions,
)
from training.recommenders.baselines import OwnPurchases

SOURCE: Final = Path(__file__).with_name("shifted_clock.c")
DAY_S: Final = 86_400
WRONG_S: Final = 400 * DAY_S
CLOCKS_S: Final = (0, WRONG_S, 0, -WRONG_S, 0, 600, 0, -600, 0)
"""How far the server's clock stands off, in seconds, one after the other."""
ORDERS: Final = 20
"""Orders at each clock, of each age."""
AGES: Final = (timedelta(0), timedelta(days=500), None)
"""How long ago an order was made, by the true clock; None: now, by the server's clock."""


def system_shop(home: Path) -> Shop:
    """Make the small shop of the tests with the system's clock and history until now."""
    ws = Workspace.create(home, clock="system")
    lines = order_lines()
    for column in ("event_timestamp", "recorded_timestamp"):
        lines[column] = (lines[column] + (ws.now() - NOW - DAY)).astype(lines[column].dtype)
    kept = {str(kind): int(n) for kind, n in lines["line_type"].value_counts().items()}
    ingest(
        ws,
        RetailDataset(source="test", order_lines=lines, read=len(lines), kept=kept, dropped={}),
    )
    materialize(ws, ws.now())
    put_bundle(ws, "recommender", "1", OwnPurchases(OWN_PURCHASES))
    put_bundle(ws, "churn", "1", churn_model())
    put_champions(ws, recommender="1", churn="1")
    return Shop(home=ws.home, keys=give_keys(ws.home))


@dataclass(kw_only=True)
class Posted:
    """Orders by what became of them."""

    acknowledged: dict[str, str] = field(default_factory=dict)
    """order_id by customer."""
    refused: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def clocks(folder: Path, *, orders: int = ORDERS, settings_s: Sequence[int] = CLOCKS_S) -> Finding:
    """Move the server's clock while orders are posted; each must count once, at once and later."""
    name = "clocks: +400 d, -400 d, +-10 min"
    library, shift, posted = folder / "shifted_clock.so", folder / "shift", Posted()
    if not _compiled(library):
        return Finding(attack=name, count=0, skipped="no C compiler here to shift a clock")
    shop = system_shop(folder / "shop")
    _set(shift, 0)
    faked = {"LD_PRELOAD": str(library), "SHIFTED_CLOCK": str(shift)}
    with target(shop.home, folder / "log", workers=2, environment=faked) as running:
        for number, seconds in enumerate(settings_s):
            _set(shift, seconds)
            time.sleep(1.5)  # for what looks at the clock once a second
            for order in _orders(f"{number}", orders, timedelta(seconds=seconds)):
                _post(running, shop, order, posted)
            _check_cards(running, shop, posted, f"at {seconds:+} s")
            if abs(seconds) == WRONG_S:  # the nightly job sees the same clock
                _command(shop, "materialize", environment=faked)
                _check_cards(running, shop, posted, f"after materialize at {seconds:+} s")
        _materialize(shop, posted)
        _check_cards(running, shop, posted, "after materialize")
        for order in _orders("after", 1, timedelta(0)):
            _post(running, shop, order, posted)
        _materialize(shop, posted)
    _check_stored(Workspace.open(shop.home), posted)
    refused = ", ".join(f"{why} {n}" for why, n in posted.refused.items()) or "none"
    return Finding(
        attack=name,
        count=len(posted.acknowledged),
        figures=f"{len(settings_s)} settings; {len(posted.acknowledged)} orders acknowledged, "
        f"refused: {refused}",
        faults=tuple(posted.faults),
    )


def _compiled(library: Path) -> bool:
    command = ["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(SOURCE)]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _set(shift: Path, seconds: int) -> None:
    """Let the server's clock stand off by `seconds`, from now on; the file is mapped by it."""
    with shift.open("r+b" if shift.exists() else "wb") as file:
        file.write(struct.pack("l", seconds))


def _orders(name: str, count: int, shift: timedelta) -> Iterator[dict[str, Any]]:
    for number in range(count):
        for place, age in enumerate(AGES):
            unique = f"clock/{name}/{number}/{place}"
            made = datetime.now(UTC) + (shift if age is None else -age)
            yield {
                "event_id": unique,
                "type": "order_completed",
                "customer_id": f"customer/{unique}",
                "time": made.isoformat(),
                "order_id": unique,
                "currency": "GBP",
                "items": [{"product_id": "tea", "quantity": 1, "unit_price": 2.0}],
            }


def _ask(running: Server, key: str, path: str, body: Any) -> tuple[int, Any]:
    with Connection(running.port) as connection:
        data = request("POST", path, key=key, body=json.dumps(body).encode())
        answer: Answer = connection.ask(data)
        return answer.status, json.loads(answer.body)


def _post(running: Server, shop: Shop, order: dict[str, Any], posted: Posted) -> None:
    status, answer = _ask(running, shop.keys["events"], "/v1/events", {"events": [order]})
    if status == 202 and answer["accepted"] == 1:
        posted.acknowledged[order["customer_id"]] = order["order_id"]
    else:
        why = [r.get("detail", r) for r in answer.get("rejected", [])] or [answer.get("code")]
        posted.refused[re.sub(r"\S*\d\S* |:.*", "", str(why[0]))[:60]] += 1


def _check_cards(running: Server, shop: Shop, posted: Posted, when: str) -> None:
    """Each acknowledged order must count once in the card of its customer."""
    wrong = Counter[Any]()
    for customer in posted.acknowledged:
        status, card = _ask(
            running, shop.keys["caller"], "/v1/customers:predictions", {"customer_id": customer}
        )
        orders = card.get("historic_number_of_orders")
        if status != 200 or orders != 1:
            wrong[card.get("code") or f"{orders} orders"] += 1
    if wrong:
        posted.faults.append(f"cards {when}: {dict(wrong)} of {len(posted.acknowledged)}")


def _command(
    shop: Shop, *words: str, environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "features", *words, "--home", str(shop.home)]
    seen = {**os.environ, **(environment or {})}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=seen)


def _materialize(shop: Shop, posted: Posted) -> None:
    ended = _command(shop, "materialize")
    if ended.returncode and "repair" in ended.stderr:
        repaired = _command(shop, "repair", "--apply")
        if repaired.returncode:
            posted.faults.append(f"repair: {repaired.stderr[-200:]}")
        ended = _command(shop, "materialize")
    if ended.returncode:
        posted.faults.append(f"materialize: {ended.stderr[-200:]}")


def _check_stored(ws: Workspace, posted: Posted) -> None:
    with closing(sqlite3.connect(ws.events_db)) as database:
        logged = Counter(o for (o,) in database.execute("SELECT order_id FROM events"))
    lines = read_table(ws, "order_lines")
    absorbed = Counter(lines["order_id"])
    for name, counts in (("the log", logged), ("order_lines", absorbed)):
        wrong = Counter(counts[order] for order in posted.acknowledged.values())
        if set(wrong) - {1}:
            posted.faults.append(f"times an order is in {name}: {dict(wrong)}")
