"""A client of the running service that works as a CRM system does: in batches, with retries."""

import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx
import pandas as pd

from experiments.definition import Experiment, ExperimentError

LISTS_PER_REQUEST: Final = 100
EVENTS_PER_REQUEST: Final = 500
_TRY_AGAIN: Final = frozenset({429, 503})
_REFUSED_S: Final = 120.0
"""Longest time for which a request is repeated, while the service answers 429 or 503."""
_START_S: Final = 15.0
"""Longest time that a service may take to see that an experiment started."""
_PAUSE_S: Final = 0.2
Answer = dict[str, Any]


def connect(url: str, api_key: str | None = None) -> httpx.Client:
    """Return a connection to the service at `url`, which sends `api_key` if there is one."""
    headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
    return httpx.Client(base_url=url, headers=headers, timeout=30)


class ServiceClient:
    """Requests lists and posts orders over `http`, in the shop's `currency`.

    A request that gets 429 or 503 is repeated after the seconds of Retry-After, for two minutes at
    most. Its Idempotency-Key stays the same, so that no exposure and no order is written twice.
    """

    def __init__(self, http: httpx.Client, *, currency: str) -> None:
        self._http, self._currency = http, currency

    def recommend(
        self, experiment: Experiment, variants: Mapping[str, str], *, k: int
    ) -> dict[str, Answer]:
        """Return by customer the answer with its list of `k` products, from its variant.

        `variants` holds the variant of each customer. Customers whose answer is not yet part of the
        experiment are requested again, because the service reads a start some seconds later. Raises
        ExperimentError when an answer stays outside of its variant, or a request fails.
        """
        answers: dict[str, Answer] = {}
        open_ids = list(variants)
        deadline = time.monotonic() + _START_S
        while open_ids:
            outside: dict[str, Answer] = {}
            for first in range(0, len(open_ids), LISTS_PER_REQUEST):
                batch = open_ids[first : first + LISTS_PER_REQUEST]
                for customer_id, answer in self._recommend_batch(batch, k=k).items():
                    expected = [{"key": experiment.key, "variant": variants[customer_id]}]
                    inside = answer["experiments"] == expected
                    (answers if inside else outside)[customer_id] = answer
            open_ids = list(outside)
            if outside and time.monotonic() > deadline:
                customer_id, answer = next(iter(outside.items()))
                raise ExperimentError(
                    f"customer {customer_id!r} is in {variants[customer_id]!r}, but the service at "
                    f"{self._http.base_url} says {answer['experiments']} "
                    f"({answer.get('fallback_reason', 'no fallback')}): does it serve this shop?"
                )
            if outside:
                time.sleep(_PAUSE_S)
        return answers

    def _recommend_batch(self, customer_ids: Sequence[str], *, k: int) -> dict[str, Answer]:
        path = "/v1/recommendations:batch"
        parts = [
            {"customer_id": customer, "k": k, "scenario": "simulation"} for customer in customer_ids
        ]
        results = self._post(path, {"requests": parts})["results"]
        for customer_id, result in zip(customer_ids, results, strict=True):
            if result["status"] != httpx.codes.OK:
                raise ExperimentError(
                    f"POST {path} at {self._http.base_url}: customer {customer_id!r}: "
                    f"{result['status']} {result['problem']['detail']}"
                )
        return {
            customer: result["answer"]
            for customer, result in zip(customer_ids, results, strict=True)
        }

    def post_orders(self, lines: pd.DataFrame, recommendation_ids: Mapping[str, str]) -> None:
        """Post canonical order `lines`; `recommendation_ids` holds each customer's list.

        Raises ExperimentError when the service rejects an order, or a request fails.
        """
        events = [
            {
                "event_id": order_id,
                "type": "order_completed",
                "customer_id": bought["customer_id"].iloc[0],
                "time": bought["event_timestamp"].iloc[0].isoformat(),
                "order_id": order_id,
                "currency": self._currency,
                "items": bought[["product_id", "quantity", "unit_price"]].to_dict("records"),
                "recommendation_id": recommendation_ids[bought["customer_id"].iloc[0]],
            }
            for order_id, bought in lines.groupby("order_id", sort=False)
        ]
        for first in range(0, len(events), EVENTS_PER_REQUEST):
            batch = events[first : first + EVENTS_PER_REQUEST]
            rejected = self._post("/v1/events", {"events": batch})["rejected"]
            if rejected:
                raise ExperimentError(f"the service rejected orders: {rejected[:3]}")

    def _post(self, path: str, body: Answer) -> Answer:
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        deadline = time.monotonic() + _REFUSED_S
        try:
            response = self._http.post(path, json=body, headers=headers)
            while response.status_code in _TRY_AGAIN and time.monotonic() < deadline:
                time.sleep(_retry_after_s(response))
                response = self._http.post(path, json=body, headers=headers)
            response.raise_for_status()
        except httpx.HTTPError as error:
            raise ExperimentError(f"POST {path} at {self._http.base_url}: {error}") from error
        content: Answer = response.json()
        return content


def _retry_after_s(response: httpx.Response) -> float:
    """Return the seconds of Retry-After, or a short pause if the header holds none."""
    text: str = response.headers.get("retry-after", "")
    return float(text) if text.isdecimal() else _PAUSE_S
