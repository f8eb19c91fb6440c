"""The endpoints of v1: each entry defines a route, its checks and its OpenAPI description.

Each target that a family predicts has one (`training.families`); this module lists the others.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

import msgspec

from serving.access.keys import Scope
from serving.backend import Backend
from serving.handlers.campaigns import campaign_profit
from serving.schemas.audiences import AudienceAnswer, AudienceRequest
from serving.schemas.baskets import ComplementAnswer, ComplementRequest
from serving.schemas.campaigns import CampaignProfitAnswer, CampaignProfitRequest
from serving.schemas.events import EventParts, EventsAnswer, EventsRequest
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
    REQUESTS,
    CardRequest,
    CustomerCard,
    PredictionAnswer,
    PredictionRequest,
)
from serving.schemas.products import (
    ProductParts,
    ProductsAnswer,
    ProductsRequest,
)
from serving.schemas.recommendations import (
    RecommendationAnswer,
    RecommendationParts,
    RecommendationRequest,
    RecommendationsAnswer,
    RecommendationsRequest,
)
from serving.schemas.segments import (
    MembersAnswer,
    MembersQuery,
    NoParameters,
    SegmentAnswer,
    SegmentRequest,
    SegmentsAnswer,
)
from serving.schemas.similar import SimilarAnswer, SimilarRequest
from training.families import targets

Handler = Callable[..., Awaitable[msgspec.Struct]]
"""Takes the decoded body, if any, and as keywords `request_id`, the path's parameters, and the
decoded `query` of an endpoint that has one."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A method on a path of v1."""

    path: str
    summary: str
    scope: Scope
    """The scope that the API key needs."""
    handler: Callable[[Backend], Handler]
    answer: type[msgspec.Struct]
    method: Literal["GET", "POST", "PUT"] = "POST"
    request: type[msgspec.Struct] | None = None
    """The schema of the body; None: no body."""
    query: type[msgspec.Struct] | None = None
    """The parameters of the query, any other is refused; None: the query is not read."""
    decoded: type[msgspec.Struct] | None = None
    """The type to decode instead of `request`, where parts are validated one by one."""
    status: int = 200
    problems: tuple[int, ...] = ()
    """Error statuses in addition to those of every endpoint."""
    creates: bool = False
    """Accepts `Idempotency-Key`: the same key and body return the stored answer."""
    watched: bool = False
    """Waits for a process of its own: the call is cancelled when its caller disconnects."""


_PRODUCTS: Final = (
    Endpoint(
        path="/v1/recommendations",
        summary="Recommend products to a customer",
        scope="predict",
        handler=lambda backend: backend.recommendations.answer,
        request=RecommendationRequest,
        answer=RecommendationAnswer,
        creates=True,
    ),
    Endpoint(
        path="/v1/recommendations:batch",
        summary="Recommend products to up to 100 customers",
        scope="predict",
        handler=lambda backend: backend.batches.answer,
        request=RecommendationsRequest,
        decoded=RecommendationParts,
        answer=RecommendationsAnswer,
        creates=True,
    ),
    Endpoint(
        path="/v1/products:similar",
        summary="Products similar to a product, or bought together with it",
        scope="predict",
        handler=lambda backend: backend.similar.answer,
        request=SimilarRequest,
        answer=SimilarAnswer,
        problems=(404,),
    ),
    Endpoint(
        path="/v1/baskets:complement",
        summary="Products and bundles that are bought together with a basket",
        scope="predict",
        handler=lambda backend: backend.complements.answer,
        request=ComplementRequest,
        answer=ComplementAnswer,
    ),
    Endpoint(
        path="/v1/products:batch",
        summary="Update products; every worker applies the changes within seconds",
        scope="events",
        handler=lambda backend: backend.products.take,
        method="PUT",
        request=ProductsRequest,
        decoded=ProductParts,
        answer=ProductsAnswer,
    ),
)
_CUSTOMERS: Final = (
    Endpoint(
        path="/v1/customers:predictions",
        summary="One customer: past purchases and predictions",
        scope="predict",
        handler=lambda backend: backend.cards.answer,
        request=CardRequest,
        answer=CustomerCard,
    ),
    Endpoint(
        path="/v1/customers:portrait",
        summary="One customer: the card, groups, tastes, rhythm and trends",
        scope="predict",
        handler=lambda backend: backend.portraits.answer,
        request=PortraitRequest,
        answer=CustomerPortrait,
    ),
    Endpoint(
        path="/v1/campaigns:profit",
        summary="Whom to contact so that they do not leave, and the expected profit",
        scope="predict",
        handler=lambda _: campaign_profit,
        request=CampaignProfitRequest,
        answer=CampaignProfitAnswer,
    ),
    Endpoint(
        path="/v1/events",
        summary="Record customers' events; orders count in the next answer",
        scope="events",
        handler=lambda backend: backend.intake.take,
        request=EventsRequest,
        decoded=EventParts,
        answer=EventsAnswer,
        status=202,
        creates=True,
    ),
)
_SEGMENTS: Final = (
    Endpoint(
        method="GET",
        path="/v1/segments",
        summary="List all segments of customers with their numbers",
        scope="predict",
        handler=lambda backend: backend.segments.list,
        query=NoParameters,
        answer=SegmentsAnswer,
        problems=(409,),
    ),
    Endpoint(
        method="GET",
        path="/v1/segments/{key}/members",
        summary="The members of a segment, page by page",
        scope="predict",
        handler=lambda backend: backend.segments.members,
        query=MembersQuery,
        answer=MembersAnswer,
        problems=(404, 409),
    ),
    Endpoint(
        method="PUT",
        path="/v1/segments/{key}",
        summary="Define a segment by a filter",
        scope="admin",
        handler=lambda backend: backend.segments.put,
        request=SegmentRequest,
        answer=SegmentAnswer,
        problems=(409,),
    ),
    Endpoint(
        path="/v1/audiences",
        summary="The customers most similar to a seed, without who opted out",
        scope="predict",
        handler=lambda backend: backend.audiences.answer,
        request=AudienceRequest,
        answer=AudienceAnswer,
        problems=(404, 409),
    ),
)
_EXPERIMENTS: Final = (
    Endpoint(
        method="GET",
        path="/v1/experiments",
        summary="List all experiments with their current state",
        scope="experiments",
        handler=lambda backend: backend.experiments.states,
        answer=ExperimentsAnswer,
    ),
    Endpoint(
        method="GET",
        path="/v1/experiments/{key}/results",
        summary="The results of an experiment so far",
        scope="experiments",
        handler=lambda backend: backend.experiments.results,
        answer=ResultsAnswer,
        problems=(404,),
        watched=True,
    ),
    Endpoint(
        path="/v1/experiments/{key}:start",
        summary="Start to assign customers to variants",
        scope="experiments",
        handler=lambda backend: backend.experiments.start,
        request=StartRequest,
        answer=ExperimentAnswer,
        creates=True,
        problems=(409,),
        watched=True,
    ),
    Endpoint(
        path="/v1/experiments/{key}:ramp",
        summary="Increase the share of customers who take part",
        scope="experiments",
        handler=lambda backend: backend.experiments.ramp,
        request=RampRequest,
        answer=ExperimentAnswer,
        creates=True,
        problems=(404, 409),
    ),
    Endpoint(
        path="/v1/experiments/{key}:stop",
        summary="End an experiment as planned",
        scope="experiments",
        handler=lambda backend: backend.experiments.stop,
        request=StopRequest,
        answer=ExperimentAnswer,
        creates=True,
        problems=(404, 409),
    ),
    Endpoint(
        path="/v1/experiments/{key}:kill",
        summary="End an experiment because of harm",
        scope="experiments",
        handler=lambda backend: backend.experiments.kill,
        request=KillRequest,
        answer=ExperimentAnswer,
        creates=True,
        problems=(404, 409),
    ),
)


def endpoints() -> tuple[Endpoint, ...]:
    """Return all endpoints of v1."""
    predictions = map(_prediction, targets())
    return (*_PRODUCTS, *predictions, *_CUSTOMERS, *_SEGMENTS, *_EXPERIMENTS)


def _prediction(target: str) -> Endpoint:
    """Return the endpoint for predictions of `target`."""
    return Endpoint(
        path=f"/v1/predictions/{target}",
        summary=next(iter(targets()[target].values())).summary,
        scope="predict",
        handler=lambda backend: partial(backend.predictions.answer, target=target),
        request=REQUESTS.get(target, PredictionRequest),
        answer=PredictionAnswer,
    )
