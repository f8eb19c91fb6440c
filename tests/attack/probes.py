"""One request to each part of the service, and whether the answers are right or say what is out."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from features.workspace import Workspace
from tests.attack.workspace import PROBED, order

STATED: Final = {
    "store_unavailable", "model_unavailable", "exposure_log_unavailable", "stale_features",
}  # fmt: skip
"""Reasons of a fallback that say that something is out."""
LIST, CUSTOMER = "/v1/recommendations", "C01"
_NEW: Final = {"request_id", "recommendation_id"}


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A request whose right answer is always the same."""

    method: str = "POST"
    path: str
    body: Any = None
    named: bool = False
    """Whether it has an Idempotency-Key, and so always the same recommendation_id."""


def probes(ws: Workspace) -> dict[str, Probe]:
    """Return the probes of the shop that tests.attack.workspace makes."""
    guest = order(PROBED, ws)
    return {
        "list": Probe(path=LIST, body={"customer_id": CUSTOMER, "k": 5, "explain": True}),
        "past": Probe(
            path=LIST, body={"customer_id": guest["customer_id"], "strategy": "buy_again"}
        ),
        "batch": Probe(path=f"{LIST}:batch", body={"requests": [{"customer_id": "C02", "k": 3}]}),
        "similar": Probe(path="/v1/products:similar", body={"product_id": "P01", "k": 3}),
        "churn": Probe(path="/v1/predictions/churn", body={"customer_ids": [CUSTOMER, "C02"]}),
        "card": Probe(path="/v1/customers:predictions", body={"customer_id": guest["customer_id"]}),
        "event": Probe(path="/v1/events", body={"events": [guest]}),
        "product": Probe(
            method="PUT",
            path="/v1/products:batch",
            body={"products": [{"product_id": "P02", "unit_price": 3.0}]},
        ),
        "again": Probe(path=LIST, body={"customer_id": CUSTOMER, "k": 2}, named=True),
        "experiments": Probe(method="GET", path="/v1/experiments"),
    }


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the service answers at a moment."""

    answers: dict[str, tuple[int, Any]]
    """By probe: status, and content without what is always new."""
    alarms: frozenset[str]
    failed: float
    """When a load failed last, in seconds since the epoch; 0: never."""


@dataclass(kw_only=True)
class Prober:
    """Asks all probes of a service."""

    http: httpx.Client
    key: str
    asked: Mapping[str, Probe]
    begun: float = field(default_factory=time.time)
    """Failures before it, in seconds since the epoch, are those of an earlier process."""

    def see(self) -> Seen:
        """Ask everything once."""
        answers = {name: self._ask(probe) for name, probe in self.asked.items()}
        alarms, failed = _alarms(self.http.get("/metrics").text)
        return Seen(answers=answers, alarms=alarms, failed=failed if failed >= self.begun else 0)

    def _ask(self, probe: Probe) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.key}"}
        if probe.named:
            headers["Idempotency-Key"] = "probe"
        answer = self.http.request(probe.method, probe.path, json=probe.body, headers=headers)
        try:
            content = answer.json()
        except ValueError:
            content = {"text": answer.text[:200]}
        return answer.status_code, _without(content, set() if probe.named else _NEW)


def judge(seen: Seen, healthy: Seen) -> dict[str, str]:
    """Return by probe how its answer differs from the healthy one; equal ones are left out.

    `WRONG` begins what no answer and no alarm tells.
    """
    alarms = seen.alarms - healthy.alarms
    if seen.failed > healthy.failed:
        alarms |= {"load failed"}
    told = {}
    for name, (status, content) in seen.answers.items():
        if (status, content) == healthy.answers[name]:
            continue
        reason = _stated(content)
        if status == 503 and content.get("code"):
            told[name] = f"503 {content['code']}"
        elif status < 300 and reason:
            told[name] = reason
        elif status < 300 and alarms:
            told[name] = "other answer, with an alarm"
        elif status in {401, 404} and alarms:
            told[name] = f"{status}, with an alarm"
        else:
            told[name] = f"WRONG {status} {json.dumps(content)[:200]}"
    if alarms:
        told["alarm"] = " ".join(sorted(alarms))
    return told


def _without(content: Any, names: set[str]) -> Any:
    if isinstance(content, dict):
        return {
            k: _without(v, names) for k, v in content.items() if k not in names | {"request_id"}
        }
    return [_without(part, names) for part in content] if isinstance(content, list) else content


def _stated(content: Any) -> str | None:
    """Return the reason of a fallback, or the problem, in the answer or one of its parts."""
    if isinstance(content, dict):
        if content.get("status") == 503 and "code" in content:
            return f"503 {content['code']}"
        if content.get("fallback_reason") in STATED:
            return str(content["fallback_reason"])
        content = [*content.values()]
    parts = map(_stated, content) if isinstance(content, list) else iter(())
    return next((reason for reason in parts if reason), None)


def _alarms(page: str) -> tuple[frozenset[str], float]:
    alarms, failed = set(), 0.0
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name == "regulars_up" and sample.value == 0:
                alarms.add(f"down: {sample.labels['dependency']}")
            elif sample.name == "regulars_refused" and sample.value > 0:
                alarms.add("refused: " + " ".join(sample.labels.values()))
            elif sample.name == "regulars_load_failed_timestamp_seconds":
                failed = max(failed, sample.value)
    return frozenset(alarms), failed
