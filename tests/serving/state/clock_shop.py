"""A shop whose clock is set, and what serving must know of its customers meanwhile."""

from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ibis
import pandas as pd

from features.customer_features import ACTIVITY_COUNTS, ACTIVITY_TIMES
from features.logs.events import NOTHING, Event, EventLog, Item, LogCut, all_order_lines
from features.materialize import materialize
from features.online.store import OnlineStore, current_cut
from features.times import microseconds
from features.transforms import customer_activity
from features.workspace import Workspace
from serving.state.customers import read_customer
from tests.features.shop import stored

NOON = pd.Timestamp("2024-03-01T12:00:00Z").as_unit("us")
MINUTE, HOUR, DAY = (pd.Timedelta(1, unit) for unit in ("min", "h", "D"))
CUSTOMERS = ("anna", "ben")


@dataclass
class ClockShop:
    """A shop at `home`; its clock is wrong by `wrong`."""

    home: Path
    true: pd.Timestamp = NOON
    """The time it is; orders are posted an hour after they happen."""
    wrong: pd.Timedelta = field(default_factory=lambda: 0 * DAY)
    posted: dict[str, list[str]] = field(default_factory=dict)
    """The products that each customer bought in acknowledged orders, in order."""

    @property
    def now(self) -> pd.Timestamp:
        """The time by the shop's clock."""
        return self.true + self.wrong

    @property
    def ws(self) -> Workspace:
        return Workspace.create(self.home, clock=f"fixed:{self.now.isoformat()}")

    def post(self, *customers: str) -> None:
        """Let each of the customers buy a product that nobody bought before."""
        with closing(EventLog(self.ws.events_db)) as log:
            for customer_id in customers:
                number = sum(map(len, self.posted.values()))
                event = Event(
                    event_id=f"e{number}",
                    type="order_completed",
                    customer_id=customer_id,
                    order_id=f"o{number}",
                    event_timestamp=min(self.true, self.now) - HOUR,
                    items=(Item(product_id=f"p{number}", quantity=1, unit_price=2.0**number),),
                )
                assert log.append([event], clock=self.ws.now).accepted == 1
                self.posted.setdefault(customer_id, []).append(f"p{number}")

    def materialize(self) -> None:
        """Materialize; an order is posted between the choice of the cut and its reading."""
        cut = self.ws.now()
        self.true += MINUTE
        self.post("anna")
        materialize(self.ws, cut)

    def check(self) -> None:
        """Compare what serving knows with what was posted, and with the features offline."""
        served = {customer_id: self.served(customer_id) for customer_id in self.posted}
        for customer_id, products in self.posted.items():
            row = served[customer_id]
            assert sorted(row["recent_products"]) == sorted(products)
            assert (row["orders_total"], row["spend_total"]) == (
                len(products),
                self.spent(products),
            )
        for customer_id, expected in self.offline().items():
            row = served[customer_id]
            assert {name: row[name] for name in expected} == expected, customer_id

    def served(self, customer_id: str) -> dict[str, Any]:
        """Return the customer's row as serving reads it now."""
        ws = self.ws
        cut = current_cut(ws)
        since = NOTHING if cut is None else LogCut(microseconds(cut.as_of), cut.events)
        with closing(EventLog(ws.events_db)) as log:
            found = read_customer(OnlineStore(ws), log, customer_id, at=self.now, since=since)
        assert found is not None
        assert found.complete
        return dict(found.row)

    def offline(self) -> dict[str, dict[str, float | int | None]]:
        """Return the customers' features of all orders, each known from its own time on.

        They are those of now, or of the cut if the clock was set back before it; none if the cut is
        so old that an order may have left a window since.
        """
        cut = current_cut(self.ws)
        if cut is None or self.now - cut.as_of > DAY:
            return {}
        at = max(self.now, cut.as_of) + pd.Timedelta(1, "us")
        lines = all_order_lines(self.ws)
        lines = lines.assign(recorded_timestamp=lines["event_timestamp"])
        cuts = ibis.memtable(pd.DataFrame({"cut": [at]}))
        rows = customer_activity(ibis.memtable(lines), cuts).execute().set_index("customer_id")
        names = (*ACTIVITY_COUNTS, *ACTIVITY_TIMES)
        return {
            customer_id: {name: stored(rows.loc[customer_id, name]) for name in names}
            for customer_id in self.posted
        }

    @staticmethod
    def spent(products: list[str]) -> float:
        """Return the prices of `products` together; each is a power of two."""
        return float(sum(2 ** int(name[1:]) for name in products))
