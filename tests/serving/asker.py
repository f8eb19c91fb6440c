"""A client of the API that trusts nothing: each answer is held to what every answer must be."""

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
    """Asks the service at `url` and notes in `ledger` what it was told."""

    def __init__(self, url: str, ledger: Ledger, *, key: str | None) -> None:
        self.ledger = ledger
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.http = httpx.Client(base_url=url, timeout=60, headers=headers)

    def ask(
        self, name: str, path: str, body: Body, kind: type[A], *, method: str = "POST",
        status: int | None = None, headers: dict[str, str] | None = None,
    ) -> A | None:  # fmt: skip
        content = msgspec.json.encode(body)
        said = self.send(name, method, path, content, headers=headers, status=status or 200)
        if said is None or not said.is_success:
            return None
        answer = msgspec.json.decode(said.content, type=kind, strict=True)
        if msgspec.json.encode(answer) != said.content:
            self.ledger.fault(f"{name}: not what the schema says: {said.text[:500]}")
        if isinstance(answer, RecommendationAnswer):
            self.listed(body, answer)
        return answer

    def send(
        self, name: str, method: str, path: str, content: bytes, *, status: int,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response | None:  # fmt: skip
        said = self.http.request(method, path, content=content, headers=headers)
        code = ""
        if not said.is_success:
            code = self._problem(name, said)
        self.ledger.count(f"{name} {said.status_code}", code)
        if said.status_code == 503 and code in BUSY and "retry-after" in said.headers:
            return None
        if said.status_code != status:
            self.ledger.fault(f"{name}: {said.status_code}, not {status}: {said.text[:500]}")
            return None
        return said

    def _problem(self, name: str, said: httpx.Response) -> str:
        try:
            problem = msgspec.json.decode(said.content, type=ProblemDetails, strict=True)
        except msgspec.MsgspecError:
            self.ledger.fault(f"{name}: {said.status_code} is no problem: {said.text[:500]}")
            return "none"
        kind = said.headers["content-type"]
        if kind != "application/problem+json" or problem.status != said.status_code:
            self.ledger.fault(f"{name}: {kind}: {said.text[:500]}")
        return problem.code

    def listed(self, body: Body, answer: RecommendationAnswer) -> None:
        """Note the list, and what is wrong about it."""
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
