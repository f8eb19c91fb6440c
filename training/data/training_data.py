"""All data that a model may see before a cut; the only access of models to the features."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from features import snapshots
from features.cut_digests import cut_digests
from features.model_inputs import customer_inputs
from features.offline import OfflineFeatures
from features.tables import PinnedTables, read_replaced, with_first_recorded
from features.views import CUSTOMER_VIEWS, PRODUCT_VIEWS
from features.workspace import Workspace
from training.data.extent import extent
from training.data.inputs import FloatArray, Products, Queries, encode_products, encode_queries
from training.errors import DataChanged

Ids = npt.NDArray[np.object_]


class TrainingData:
    """The shop as it was known at `as_of` (UTC): nothing dated or recorded at or after it.

    Models read queries and products at snapshot times, and purchases and orders of a period; a
    time or a period that reaches past `as_of` raises ValueError.

    All data come from one generation of the tables, `tables`, by default the current one at
    construction. If the snapshots were built from other rows meanwhile, reading them raises
    DataChanged.
    """

    def __init__(
        self,
        ws: Workspace,
        client: OfflineFeatures,
        *,
        as_of: pd.Timestamp,
        tables: PinnedTables | None = None,
    ) -> None:
        self.as_of = as_of.as_unit("us")
        self._ws = ws
        self._client = client
        self._tables = PinnedTables(ws) if tables is None else tables
        self._named = "the data"
        self._digests: dict[pd.Timestamp, str] = {}
        self._products: dict[pd.Timestamp, Products] = {}

    def before(self, at: pd.Timestamp) -> "TrainingData":
        """Return the shop as it was known at the snapshot time `at`."""
        self._refuse(at, "at")
        earlier = TrainingData(self._ws, self._client, as_of=at, tables=self._tables)
        earlier._digests = self._digests
        earlier._named = "the data before the window"
        return earlier

    @property
    def digest(self) -> str:
        """The digest of all rows that were known at `as_of`."""
        return self._digests_of([self.as_of])[self.as_of]

    @cached_property
    def times(self) -> list[pd.Timestamp]:
        """The times of the snapshots, oldest first; the last one is `as_of`."""
        return snapshots.snapshot_times(self._ws, as_of=self.as_of, paths=self._tables.paths)

    @cached_property
    def _lines(self) -> pd.DataFrame:
        lines = snapshots.known_order_lines(self._ws, self.as_of, paths=self._tables.paths)
        lines = with_first_recorded(lines, read_replaced(self._tables.paths))
        value = lines["quantity"] * lines["unit_price"]
        return lines[lines["customer_id"].notna() & (value > 0)].sort_values(
            ["event_timestamp", "order_id", "line_number"], kind="stable"
        )

    @property
    def extent(self) -> str:
        """What the shop's order lines known at `as_of` hold, in words, for messages."""
        lines = snapshots.known_order_lines(self._ws, self.as_of, paths=self._tables.paths)
        return extent(lines, timezone=self._ws.timezone, subject=self._named)

    @property
    def first_known(self) -> pd.Timestamp:
        """When the first order line, of any kind, became known."""
        return snapshots.known_span(self._tables.paths, self.as_of)[0]

    @property
    def start(self) -> pd.Timestamp:
        """The time of the first purchase; `as_of` without one."""
        first = self._lines["event_timestamp"].min()
        return self.as_of if pd.isna(first) else first

    def products(self, at: pd.Timestamp) -> Products:
        """Return the catalogue known at the snapshot time `at`: every product first sold before."""
        self._refuse(at, "at")
        if at not in self._products:
            rows = self._client.products(at)
            self._check_snapshots(PRODUCT_VIEWS, [at])
            self._products[at] = encode_products(rows, at)
        return self._products[at]

    def queries(self, at: pd.Timestamp, customer_ids: Sequence[str] | Ids) -> Queries:
        """Return `customer_ids` as they were at `at`; history indexes `products(at)`."""
        return self.queries_at({at: customer_ids})[at]

    def queries_at(
        self, customers: Mapping[pd.Timestamp, Sequence[str] | Ids]
    ) -> dict[pd.Timestamp, Queries]:
        """Return for each time its customers as they were then, in one read of the features."""
        rows = self._rows(customers, service="recommender_v1")
        return {at: encode_queries(rows[at], self.products(at), at) for at in customers}

    def activity_at(
        self, customers: Mapping[pd.Timestamp, Sequence[str] | Ids]
    ) -> dict[pd.Timestamp, FloatArray]:
        """Return for each time the activity (B, F) of its customers, without their histories."""
        rows = self._rows(customers, service="churn_v1")
        return {at: customer_inputs(rows[at], at) for at in customers}

    def activity_rows(self, at: pd.Timestamp, customer_ids: Sequence[str] | Ids) -> pd.DataFrame:
        """Return the activity of `customer_ids` as stored at `at`, one row each."""
        return self._rows({at: customer_ids}, service="churn_v1")[at]

    def _rows(
        self, customers: Mapping[pd.Timestamp, Sequence[str] | Ids], *, service: str
    ) -> dict[pd.Timestamp, pd.DataFrame]:
        for at in customers:
            self._refuse(at, "at")
        entities = pd.concat(
            [
                pd.DataFrame({"customer_id": np.asarray(ids, dtype=object), "event_timestamp": t})
                for t, ids in customers.items()
            ],
            ignore_index=True,
        )
        rows = self._client.customers(entities, service=service)
        self._check_snapshots(CUSTOMER_VIEWS, customers)
        ends = np.cumsum([len(ids) for ids in customers.values()])
        return {
            at: rows.iloc[end - len(ids) : end]
            for (at, ids), end in zip(customers.items(), ends, strict=True)
        }

    def purchases(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        """Return what known customers bought in [start, end), one row per line, oldest first.

        Columns customer_id, product_id, event_timestamp, recorded_timestamp: positive sale lines.
        Some of them may have been recorded after `end`.
        """
        lines = self._between(start, end)
        bought = lines[(lines["line_type"] == "sale") & lines["product_id"].notna()]
        columns = ["customer_id", "product_id", "event_timestamp", "recorded_timestamp"]
        return bought[columns].reset_index(drop=True)

    def orders(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        """Return the orders of known customers in [start, end), oldest first.

        Columns customer_id, order_id, event_timestamp and recorded_timestamp (each the earliest of
        its lines), value (the sum of its positive sale and fee lines): an order counts when it has
        such a line. Some of them may have been recorded after `end`.
        """
        lines = self._between(start, end)
        lines = lines[lines["line_type"].isin(["sale", "fee"])]
        orders = lines.assign(value=lines["quantity"] * lines["unit_price"]).groupby(
            ["customer_id", "order_id"], sort=False, as_index=False
        )
        return orders.agg(
            event_timestamp=("event_timestamp", "min"),
            recorded_timestamp=("recorded_timestamp", "min"),
            value=("value", "sum"),
        )

    def customers(self, at: pd.Timestamp, *, days: float | None = None) -> Ids:
        """Return the sorted ids of the customers with an order in [at - days, at), or ever.

        Only orders known at `at` count: those recorded before it.
        """
        start = self.start if days is None else at - pd.Timedelta(days=days)
        orders = self.orders(start, at)
        known = orders[orders["recorded_timestamp"] < at]
        return np.array(sorted(known["customer_id"].unique()), dtype=object)

    def _check_snapshots(self, views: Iterable[str], times: Iterable[pd.Timestamp]) -> None:
        """Raise DataChanged if a snapshot that was read at `times` was built from other rows.

        Called after the read, so that a file replaced before the read is detected.
        """
        digests = self._digests_of(times)
        for view in views:
            for at in times:
                path = snapshots.path_of(self._ws, view, at)
                if not path.exists() or snapshots.built_from(path) != digests[at]:
                    raise DataChanged(
                        f"the snapshot {path} was built from other rows than this command "
                        "started with: the shop's past has changed since; run the command again"
                    )

    def _digests_of(self, times: Iterable[pd.Timestamp]) -> dict[pd.Timestamp, str]:
        """Return the digest of the rows that were known at each time."""
        if not self._digests.keys() >= set(times):
            wanted = sorted({*self.times, *times})  # most are needed: one read of the tables
            self._digests.update(cut_digests(self._tables.paths, wanted))
        return self._digests

    def _between(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        self._refuse(end, "end")
        times = self._lines["event_timestamp"]
        return self._lines[(times >= start) & (times < end)]

    def _refuse(self, time: pd.Timestamp, name: str) -> None:
        if time > self.as_of:
            raise ValueError(f"{name} = {time}: these data end at as_of = {self.as_of}")
