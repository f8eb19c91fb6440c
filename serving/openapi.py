"""The endpoints of v1, and the OpenAPI document and the page made from them."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from serving import schemas
from serving.problems import CODES


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A POST of v1."""

    path: str
    summary: str
    request: type[schemas.Request]
    answer: type[msgspec.Struct]
    status: int = 200
    creates: bool = False
    """Takes `Idempotency-Key`: the same key and body give the same answer again."""


RECOMMENDATIONS: Final = Endpoint(
    path="/v1/recommendations",
    summary="What a customer will want next",
    request=schemas.RecommendationRequest,
    answer=schemas.RecommendationAnswer,
    creates=True,
)
CHURN: Final = Endpoint(
    path="/v1/predictions/churn",
    summary="Who will not come back within the horizon",
    request=schemas.ChurnRequest,
    answer=schemas.PredictionAnswer,
)
EVENTS: Final = Endpoint(
    path="/v1/events",
    summary="What customers did; orders count in the next answer",
    request=schemas.EventsRequest,
    answer=schemas.EventsAnswer,
    status=202,
    creates=True,
)
ENDPOINTS: Final = (RECOMMENDATIONS, CHURN, EVENTS)
_REF: Final = "#/components/schemas/{name}"
_PROBLEMS: Final = (400, 413, 422, 503)
_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 128},
    "description": "The same key and body: the same answer. The same key, another body: 422.",
}


def document() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of v1."""
    types = [t for e in ENDPOINTS for t in (e.request, e.answer)]
    _, components = msgspec.json.schema_components(
        [*types, schemas.ProblemDetails, schemas.Health], ref_template=_REF
    )
    health = _content("Health")
    gets: dict[str, tuple[str, dict[str, dict[str, Any]]]] = {
        "/livez": ("Whether the process lives", {"200": health}),
        "/readyz": ("Whether models and features are loaded", {"200": health, "503": {}}),
        "/metrics": ("Prometheus metrics", {"200": {}}),
    }
    paths: dict[str, Any] = {e.path: {"post": _operation(e)} for e in ENDPOINTS}
    for path, (summary, contents) in gets.items():
        answers = {code: {"description": summary} | content for code, content in contents.items()}
        paths[path] = {"get": {"summary": summary, "responses": answers}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Regulars",
            "version": "1",
            "description": "What each customer will want next, and who is about to leave.",
        },
        "paths": paths,
        "components": {"schemas": components},
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    answers = {str(endpoint.status): {"description": "Done", **_content(endpoint.answer.__name__)}}
    for status in _PROBLEMS:
        codes = ", ".join(code for code, (number, _) in CODES.items() if number == status)
        problem = _content("ProblemDetails", media_type="application/problem+json")
        answers[str(status)] = {"description": codes, **problem}
    return {
        "summary": endpoint.summary,
        "operationId": endpoint.path.removeprefix("/v1/").replace("/", "_"),
        "parameters": [_KEY] if endpoint.creates else [],
        "requestBody": {"required": True, **_content(endpoint.request.__name__)},
        "responses": answers,
    }


def _content(name: str, media_type: str = "application/json") -> dict[str, Any]:
    return {"content": {media_type: {"schema": {"$ref": _REF.format(name=name)}}}}


PAGE: Final = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>Regulars API</title>
  <link rel="stylesheet" href="docs/assets/swagger-ui.css">
</head>
<body>
  <div id="api"></div>
  <script src="docs/assets/swagger-ui-bundle.js"></script>
  <script>SwaggerUIBundle({url: "openapi.json", dom_id: "#api"})</script>
</body>
</html>
"""
