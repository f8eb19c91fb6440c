"""A client of the API that checks every response against the rules for all responses."""

from typing import Any, Final, TypeVar

import httpx
import msgspec

from serving.schemas.base import ProblemDetails
from serving.schemas.recommendations import RecommendationAnswer
from tests.serving.ledger import Ledger

A = TypeVar("A", bound=msgspec.Struct)
Body = dict[str, Any]
BUSY: Final = {"store_unavailable", "overloaded", "not_ready", "timed_out"}
"""The codes of a 503."""


class Asker:
    """Sends requests to `url` and records the responses in `ledger`."""

    def __init__(self, url: str, ledger: Ledger, *, key: str | None) -> None:
        self.ledger = ledger
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.http = httpx.Client(base_url=url, timeout=60, headers=headers)

    def ask(
        self, name: str, path: str, body: Body, kind: type[A], *, method: str = "POST",
        status: int | None = None, headers: dict[str, str] | None = None,
    ) -> A | None:  # fmt: skip
        content = msgspec.json.encode(body)
        response = self.send(name, method, path, content, headers=headers, status=status or 200)
        if response is None or not response.is_success:
            return None
        answer = msgspec.json.decode(response.content, type=kind, strict=True)
        if msgspec.json.encode(answer) != response.content:
            self.ledger.fault(f"{name}: not what the schema says: {response.text[:500]}")
        if isinstance(answer, RecommendationAnswer):
            self.record_list(body, answer)
        return answer

    def send(
        self, name: str, method: str, path: str, content: bytes, *, status: int,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response | None:  # fmt: skip
        response = self.http.request(method, path, content=content, headers=headers)
        code = ""
        if not response.is_success:
            code = self._problem(name, response)
        self.ledger.count(f"{name} {response.status_code}", code)
        if response.status_code == 503 and code in BUSY and "retry-after" in response.headers:
            return None
        if response.status_code != status:
            self.ledger.fault(
                f"{name}: {response.status_code}, not {status}: {response.text[:500]}"
            )
            return None
        return response

    def _problem(self, name: str, response: httpx.Response) -> str:
        try:
            problem = msgspec.json.decode(response.content, type=ProblemDetails, strict=True)
        except msgspec.MsgspecError:
            self.ledger.fault(
                f"{name}: {response.status_code} is no problem: {response.text[:500]}"
            )
            return "none"
        kind = response.headers["content-type"]
        if kind != "application/problem+json" or problem.status != response.status_code:
            self.ledger.fault(f"{name}: {kind}: {response.text[:500]}")
        return problem.code

    def record_list(self, body: Body, answer: RecommendationAnswer) -> None:
        """Record the list, and its faults."""
        items = tuple(item.product_id for item in answer.items)
        model = answer.model
        made_by = f"{model.name}@{model.version}" if model.version else model.name
        with self.ledger.lock:
            self.ledger.lists[made_by, answer.fallback_reason or ""] += 1
            if answer.fallback_reason == "exposure_log_unavailable":
                self.ledger.unlogged.add(answer.recommendation_id)
            else:
                self.ledger.shown[answer.recommendation_id] = items
        wrong = (
            len({*items}) < len(items)
            or len(items) > body.get("k", 10)
            or {*items} & {*body.get("exclude_product_ids", ())}
            or [item.position for item in answer.items] != [*range(1, len(items) + 1)]
            or any(not 0 < item.propensity <= 1 for item in answer.items)
            or any((item.reasons is None) == body.get("explain", False) for item in answer.items)
        )
        if wrong:
            self.ledger.fault(f"list: {body} {answer}")
