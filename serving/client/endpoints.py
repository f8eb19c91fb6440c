"""The endpoints of the Python client, declared once for `Client` and `AsyncClient`."""

import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, Generic, Literal, ParamSpec, Self, TypeVar, overload
from urllib.parse import quote

import httpx
import msgspec

from serving.schemas.audiences import AudienceAnswer, AudienceRequest
from serving.schemas.base import FieldError, ProblemDetails
from serving.schemas.baskets import ComplementAnswer, ComplementRequest
from serving.schemas.campaigns import CampaignProfitAnswer, CampaignProfitRequest
from serving.schemas.events import EventsAnswer, EventsRequest
from serving.schemas.experiments import (
    ExperimentAnswer,
    ExperimentsAnswer,
    KillRequest,
    RampRequest,
    ResultsAnswer,
    StartRequest,
    StopRequest,
)
from serving.schemas.portrait import CustomerPortrait, PortraitRequest
from serving.schemas.predictions import (
    CardRequest,
    ChurnRequest,
    CustomerCard,
    PredictionAnswer,
    PredictionRequest,
)
from serving.schemas.products import ProductsAnswer, ProductsRequest
from serving.schemas.recommendations import (
    RecommendationAnswer,
    RecommendationRequest,
    RecommendationsAnswer,
    RecommendationsRequest,
)
from serving.schemas.segments import (
    MembersAnswer,
    MembersQuery,
    SegmentAnswer,
    SegmentRequest,
    SegmentsAnswer,
)
from serving.schemas.similar import SimilarAnswer, SimilarRequest

P = ParamSpec("P")
A = TypeVar("A", bound=msgspec.Struct)
PathAndBody = tuple[str, msgspec.Struct | None]
"""The key in the path, or "", and the body; of a GET, the query's parameters."""


class ProblemError(Exception):
    """An error response of the service (`application/problem+json`)."""

    def __init__(self, problem: ProblemDetails, *, retry_after_s: float | None = None) -> None:
        super().__init__(f"{problem.status} {problem.code}: {problem.detail}")
        self.status: int = problem.status
        self.code: str = problem.code
        self.detail: str = problem.detail
        self.errors: list[FieldError] = problem.errors
        """Errors in the body, with their locations."""
        self.request_id: str = problem.request_id
        self.retry_after_s = retry_after_s


class Call(Generic[P, A]):
    """An endpoint; as a descriptor, it becomes a method of both clients."""

    def __init__(
        self,
        method: Literal["GET", "POST", "PUT"],
        path: str,
        arguments: Callable[P, PathAndBody],
        answer: type[A],
        *,
        creates: bool = False,
    ) -> None:
        self.method, self.path, self.arguments, self.answer = method, path, arguments, answer
        self.creates = creates
        """Whether to send an Idempotency-Key, so that a retry has no second effect."""

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: "BlockingEndpoints", owner: type) -> Callable[P, A]: ...
    @overload
    def __get__(
        self, client: "AwaitedEndpoints", owner: type
    ) -> Callable[P, Coroutine[Any, Any, A]]: ...
    def __get__(self, client: "BlockingEndpoints | AwaitedEndpoints | None", owner: type) -> Any:
        """Return the method of a client; accessed on the class, the endpoint itself."""
        if client is None:
            return self

        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.send(self, *self.arguments(*args, **kwargs))

        return method

    def request(self, http: httpx.Client | httpx.AsyncClient, *key_and_body: Any) -> httpx.Request:
        """Return the request; its retries share it, and so its Idempotency-Key."""
        key, body = key_and_body
        headers = {"Idempotency-Key": uuid.uuid4().hex} if self.creates else {}
        content, params = None, None
        if body is not None and self.method == "GET":
            values = msgspec.to_builtins(body)
            params = {name: value for name, value in values.items() if value is not None}
        elif body is not None:
            content, headers["Content-Type"] = msgspec.json.encode(body), "application/json"
        path = self.path.replace("{key}", quote(key, safe=""))
        return http.build_request(
            self.method, path, content=content, params=params, headers=headers
        )

    def result(self, outcome: httpx.Response | httpx.TransportError) -> A:
        """Return the answer. Raises ProblemError, or the transport error in `outcome`."""
        if isinstance(outcome, httpx.TransportError):
            raise outcome
        if not outcome.is_success:
            raise ProblemError(_problem(outcome), retry_after_s=retry_after_s(outcome))
        return msgspec.json.decode(outcome.content, type=self.answer)


def _body(make: Callable[P, msgspec.Struct]) -> Callable[P, PathAndBody]:
    return lambda *args, **kwargs: ("", make(*args, **kwargs))


def _keyed(make: Callable[P, msgspec.Struct]) -> Callable[Concatenate[str, P], PathAndBody]:
    def arguments(key: str, /, *args: P.args, **kwargs: P.kwargs) -> PathAndBody:
        return key, make(*args, **kwargs)

    return arguments


def _nothing() -> PathAndBody:
    return "", None


def _key(key: str) -> PathAndBody:
    return key, None


class Endpoints:
    """The methods of both clients."""

    recommend = Call(
        "POST",
        "/v1/recommendations",
        _body(RecommendationRequest),
        RecommendationAnswer,
        creates=True,
    )
    recommend_batch = Call(
        "POST",
        "/v1/recommendations:batch",
        _body(RecommendationsRequest),
        RecommendationsAnswer,
        creates=True,
    )
    similar = Call("POST", "/v1/products:similar", _body(SimilarRequest), SimilarAnswer)
    complement = Call("POST", "/v1/baskets:complement", _body(ComplementRequest), ComplementAnswer)
    put_products = Call("PUT", "/v1/products:batch", _body(ProductsRequest), ProductsAnswer)
    predict = Call(
        "POST", "/v1/predictions/{key}", _keyed(PredictionRequest), PredictionAnswer
    )  # of any family, by its name
    predict_churn = Call("POST", "/v1/predictions/churn", _body(ChurnRequest), PredictionAnswer)
    card = Call("POST", "/v1/customers:predictions", _body(CardRequest), CustomerCard)
    portrait = Call("POST", "/v1/customers:portrait", _body(PortraitRequest), CustomerPortrait)
    campaign_profit = Call(
        "POST", "/v1/campaigns:profit", _body(CampaignProfitRequest), CampaignProfitAnswer
    )
    post_events = Call("POST", "/v1/events", _body(EventsRequest), EventsAnswer, creates=True)
    segments = Call("GET", "/v1/segments", _nothing, SegmentsAnswer)
    segment_members = Call("GET", "/v1/segments/{key}/members", _keyed(MembersQuery), MembersAnswer)
    put_segment = Call("PUT", "/v1/segments/{key}", _keyed(SegmentRequest), SegmentAnswer)
    audience = Call("POST", "/v1/audiences", _body(AudienceRequest), AudienceAnswer)
    experiments = Call("GET", "/v1/experiments", _nothing, ExperimentsAnswer)
    experiment_results = Call("GET", "/v1/experiments/{key}/results", _key, ResultsAnswer)
    start_experiment = Call(
        "POST",
        "/v1/experiments/{key}:start",
        _keyed(StartRequest),
        ExperimentAnswer,
        creates=True,
    )
    ramp_experiment = Call(
        "POST", "/v1/experiments/{key}:ramp", _keyed(RampRequest), ExperimentAnswer, creates=True
    )
    stop_experiment = Call(
        "POST", "/v1/experiments/{key}:stop", _keyed(StopRequest), ExperimentAnswer, creates=True
    )
    kill_experiment = Call(
        "POST", "/v1/experiments/{key}:kill", _keyed(KillRequest), ExperimentAnswer, creates=True
    )


class BlockingEndpoints(Endpoints, ABC):
    """The methods of a client that blocks until the answer."""

    @abstractmethod
    def send(self, call: Call[..., A], *key_and_body: Any) -> A:
        """Send a request of `call` and return the answer."""


class AwaitedEndpoints(Endpoints, ABC):
    """The methods of a client with awaitable answers."""

    @abstractmethod
    async def send(self, call: Call[..., A], *key_and_body: Any) -> A:
        """Send a request of `call` and return the answer."""


def retry_after_s(response: httpx.Response) -> float | None:
    """Return the seconds of the header `Retry-After`; None without a number of seconds."""
    text: str = response.headers.get("retry-after", "")
    return float(text) if text.isdecimal() else None


def _problem(response: httpx.Response) -> ProblemDetails:
    """Return the problem in `response`, or a substitute if something else, as a proxy, answered."""
    try:
        return msgspec.json.decode(response.content, type=ProblemDetails)
    except msgspec.MsgspecError:
        return ProblemDetails(
            type="about:blank",
            title=response.reason_phrase,
            status=response.status_code,
            detail=response.text[:500],
            instance=response.url.path,
            code="not_the_service",
            request_id="",
            errors=[],
        )
