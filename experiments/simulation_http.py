"""Simulated customers shop against the running service, over HTTP, day by day."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any, Final, cast

import httpx
import numpy as np
import pandas as pd

from experiments.definition import Experiment, ExperimentError
from experiments.exposures import DATABASE, read
from experiments.lifecycle import status
from experiments.readout import analyze_workspace
from experiments.simulation import ClosedLoop, assigned, single_visits, true_effects
from experiments.start import bundle_folder
from features.logs.events import EventLog
from features.online.fresh_events import with_fresh_events
from features.online.store import OnlineStore, online_products
from features.simulator import World
from features.workspace import Workspace, write_json
from training.bundle import load_bundle
from training.data.inputs import encode_products, encode_rows
from training.interfaces import Recommender
from training.kernels.top_k import top_k

K: Final = 10
TRUTH: Final = "truth.json"
_EVENTS_A_POST: Final = 500
_PATIENCE_S: Final = 15
"""How long a service may take to see that an experiment started."""
_SAME_LISTS: Final = 0.99
"""Share of lists that must be those of the variant's version; equal scores may change places."""
Lists = dict[str, list[str]]
"""Products, best first, by variant or by customer."""


class VariantLists:
    """What each version of an experiment shows, computed in process as the service does."""

    def __init__(self, ws: Workspace, experiment: Experiment) -> None:
        as_of, products = online_products(ws)
        self._products = encode_products(products, as_of)
        self._scorers = {
            name: _recommender(ws, side.model).scorer(self._products)
            for name, side in experiment.variants.items()
        }
        self._store = OnlineStore(ws)
        self._events = EventLog(ws.events_db)

    def close(self) -> None:
        """Close the event log."""
        self._events.close()

    def of(self, customer_ids: Sequence[str], at: pd.Timestamp) -> dict[str, Lists]:
        """Return by customer the list of every variant at `at` (UTC).

        Without those of whom the online store knows no purchase: the service answers them with its
        fallback, in no experiment.
        """
        found = {customer_id: self._row(customer_id, at) for customer_id in customer_ids}
        rows = {customer_id: row for customer_id, row in found.items() if row is not None}
        if not rows:
            return {}
        queries = encode_rows(list(rows.values()), list(rows), self._products, at)
        tops = {name: top_k(score(queries), K) for name, score in self._scorers.items()}
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
        events = self._events.since(customer_id, row["snapshot_timestamp"])
        return with_fresh_events(row, events, at=at) if events else row


def _recommender(ws: Workspace, model: str) -> Recommender:
    return cast(Recommender, load_bundle(bundle_folder(ws, model)).model)


class Service:
    """The running service, as a CRM system calls it."""

    def __init__(self, client: httpx.Client, *, currency: str) -> None:
        self._client, self._currency = client, currency

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = self._client.post(path, json=body)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise ExperimentError(f"POST {path} at {self._client.base_url}: {error}") from error
        content: dict[str, Any] = answer.json()
        return content

    def show(self, experiment: Experiment, customer_id: str, variant: str) -> dict[str, Any]:
        """Ask for a list. ExperimentError when it does not come from the customer's variant.

        A service that has not seen the experiment's start yet is given time.
        """
        body = {"customer_id": customer_id, "k": K, "scenario": "simulation"}
        expected = [{"key": experiment.key, "variant": variant}]
        deadline = time.monotonic() + _PATIENCE_S
        while (answer := self._post("/v1/recommendations", body))["experiments"] != expected:
            if time.monotonic() > deadline:
                raise ExperimentError(
                    f"customer {customer_id!r} is in {variant!r}, but the service at "
                    f"{self._client.base_url} says {answer['experiments']} "
                    f"({answer.get('fallback_reason', 'no fallback')}): does it serve this shop?"
                )
            time.sleep(0.2)
        return answer

    def order(self, lines: pd.DataFrame, answers: Mapping[str, str]) -> None:
        """Post the orders of `lines`; `answers` holds the recommendation that led to each."""
        events = []
        for customer_id, bought in lines.groupby("customer_id"):
            answer = answers[str(customer_id)]
            event = {
                "event_id": f"order-{answer}",
                "type": "order_completed",
                "customer_id": customer_id,
                "time": bought["event_timestamp"].iloc[0].isoformat(),
                "order_id": f"order-{answer}",
                "currency": self._currency,
                "items": bought[["product_id", "quantity", "unit_price"]].to_dict("records"),
                "recommendation_id": answer,
            }
            events.append(event)
        for first in range(0, len(events), _EVENTS_A_POST):
            result = self._post("/v1/events", {"events": events[first : first + _EVENTS_A_POST]})
            if result["rejected"]:
                raise ExperimentError(f"the service refused orders: {result['rejected'][:3]}")


def simulate_over_http(
    ws: Workspace,
    key: str,
    *,
    url: str,
    api_key: str | None = None,
    customers: int,
    days: int,
    seed: int,
    progress: Callable[[int, int], None],
) -> ClosedLoop:
    """Let simulated customers shop in experiment `key` for `days` days, then analyze it.

    They come once: after that, what they did is analyzed again. The workspace's clock moves day by
    day and ends when the last window is over. `progress` hears the number of visits done and of
    all. Raises ExperimentError when the service does not answer, or shows other lists than the
    variants' versions give in process: then no truth is known.
    """
    if ws.clock != "simulated":
        raise ExperimentError(f"the clock is {ws.clock}: simulated customers need `simulated`")
    experiment = status(ws, key).experiment
    told = ws.experiments / key / TRUTH
    if told.exists():
        return ClosedLoop(analysis=analyze_workspace(ws, key), truth=json.loads(told.read_text()))
    if len(read(ws.experiments / DATABASE, key)):
        raise ExperimentError(
            f"customers have seen {key!r} already, in a simulation that did not end: no truth is "
            f"known of them. Go on by `{_end(ws, key)}python -m experiments start FILE key=NEW`"
        )
    world, rng, start = World.open(ws), np.random.default_rng(seed), ws.now().ceil("D")
    visits = single_visits(world, start=start, days=days, customers=customers, rng=rng)
    part = assigned(experiment, visits)
    seen: list[_Day] = []
    done = 0
    headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
    client = httpx.Client(base_url=url, headers=headers, timeout=30)
    with client, closing(VariantLists(ws, experiment)) as lists:
        service = Service(client, currency=ws.currency)
        for at in part["time"].drop_duplicates():
            today = part[part["time"] == at]
            ws.advance(at)
            day, made = _Day(at, experiment), lists.of(today["customer_id"].tolist(), at)
            for customer_id, variant in zip(today["customer_id"], today["variant"], strict=True):
                if customer_id in made:
                    answer = service.show(experiment, customer_id, variant)
                    day.show(customer_id, made[customer_id], variant, answer)
                done += 1
                progress(done, len(part))
            service.order(world.respond(_slates(day.shown, at), rng), day.answers)
            seen.append(day)
    _check(seen)
    window = pd.Timedelta(days=experiment.window_days)
    ws.advance(part["time"].max() + window + pd.Timedelta(days=1))
    slates = {
        name: pd.concat([_slates(day.lists[name], day.at) for day in seen], ignore_index=True)
        for name in experiment.variants
    }
    truth = true_effects(world, experiment, slates)
    write_json(told, truth)
    return ClosedLoop(analysis=analyze_workspace(ws, key), truth=truth)


def _end(ws: Workspace, key: str) -> str:
    """Return the command that ends experiment `key`, and what joins the next; empty if it ended."""
    if status(ws, key).status != "running":
        return ""
    return f"python -m experiments kill {key} --reason interrupted` and `"


class _Day:
    """What the customers of one day saw, and would have seen in the other variants."""

    def __init__(self, at: pd.Timestamp, experiment: Experiment) -> None:
        self.at = at
        self.shown: Lists = {}
        self.answers: dict[str, str] = {}
        self.lists: dict[str, Lists] = {name: {} for name in experiment.variants}
        self.different = 0

    def show(self, customer_id: str, made: Lists, variant: str, answer: dict[str, Any]) -> None:
        """Keep an answer, beside the lists `made` in process."""
        products = [item["product_id"] for item in answer["items"]]
        self.answers[customer_id] = answer["recommendation_id"]
        self.shown[customer_id] = products
        self.different += products != made[variant]
        for name, others in made.items():
            self.lists[name][customer_id] = products if name == variant else others


def _check(seen: list[_Day]) -> None:
    asked = sum(len(day.shown) for day in seen)
    different = sum(day.different for day in seen)
    if different > (1 - _SAME_LISTS) * asked or not asked:
        raise ExperimentError(
            f"{different} of {asked} lists differ from those of the variants' versions: does the "
            "service serve this workspace, with its products as materialized?"
        )


def _slates(lists: Lists, at: pd.Timestamp) -> pd.DataFrame:
    """Return the lists of customers in the world's form."""
    rows = [
        (customer_id, at, position, product_id)
        for customer_id, products in lists.items()
        for position, product_id in enumerate(products, start=1)
    ]
    return pd.DataFrame(rows, columns=["customer_id", "time", "position", "product_id"])
