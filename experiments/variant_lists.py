"""The lists of every variant, computed in process, also those that a customer does not see."""

from collections.abc import Sequence
from typing import Any, cast

import pandas as pd

from experiments.definition import Experiment
from experiments.start import bundle_folder
from features.logs.events import EventLog, LogCut
from features.online.fresh_events import with_fresh_events
from features.online.store import OnlineStore, online_products
from features.workspace import Workspace
from training.bundle import load_bundle
from training.data.inputs import encode_products, encode_rows
from training.interfaces import Recommender
from training.kernels.top_k import top_k

Lists = dict[str, list[str]]
"""Product ids, best first, by variant or by customer."""


class VariantLists:
    """The best `k` products by each version of an experiment, as the service lists them."""

    def __init__(self, ws: Workspace, experiment: Experiment, *, k: int) -> None:
        as_of, products = online_products(ws)
        self._products, self._k = encode_products(products, as_of), k
        recommenders = {
            name: cast(Recommender, load_bundle(bundle_folder(ws, variant.model)).model)
            for name, variant in experiment.variants.items()
        }
        self._scorers = {
            name: recommender.scorer(self._products) for name, recommender in recommenders.items()
        }
        self._store = OnlineStore(ws)
        self._events = EventLog(ws.events_db)

    def close(self) -> None:
        """Close the event log."""
        self._events.close()

    def compute(self, customer_ids: Sequence[str], at: pd.Timestamp) -> dict[str, Lists]:
        """Return by customer the list of every variant at `at` (UTC).

        Customers without a purchase in the online store are left out: for them the service
        returns its fallback, in no experiment.
        """
        all_rows = {customer_id: self._row(customer_id, at) for customer_id in customer_ids}
        rows = {customer_id: row for customer_id, row in all_rows.items() if row is not None}
        if not rows:
            return {}
        queries = encode_rows(list(rows.values()), list(rows), self._products, at)
        tops = {name: top_k(score(queries), self._k) for name, score in self._scorers.items()}
        ids = self._products.product_ids
        return {
            customer_id: {
                name: ids[top[place][top[place] >= 0]].tolist() for name, top in tops.items()
            }
            for place, customer_id in enumerate(rows)
        }

    def _row(self, customer_id: str, at: pd.Timestamp) -> dict[str, Any] | None:
        row = self._store.online_customer(customer_id)
        if row is None or row["recent_products"] is None:
            return None
        cut = LogCut(row["snapshot_timestamp"], row["log_sequence"])
        events = self._events.since(customer_id, cut)
        return with_fresh_events(row, events, at=at) if events else row
