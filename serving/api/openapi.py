"""The OpenAPI document of v1, generated from its endpoints, and the page that shows it."""

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from serving.api.endpoints import Endpoint
from serving.api.schema_docs import describe
from serving.problems import CODES
from serving.schemas.base import Health, ProblemDetails

_REF: Final = "#/components/schemas/{name}"
_PROBLEMS: Final = (400, 401, 403, 408, 413, 414, 415, 422, 429, 431, 503)
_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 128},
    "description": "Same key and same body: the same answer. Same key and another body: 422.",
}
_SECURITY: Final = {
    "type": "http",
    "scheme": "bearer",
    "description": "A key whose scopes include the operation's scope, or `admin`. Without any "
    "keys, a service that was started so answers only requests from its own machine.",
}
_RETRY_AFTER: Final = {
    "Retry-After": {
        "description": "Seconds to wait before a retry",
        "schema": {"type": "integer"},
    }
}


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the `endpoints` of v1."""
    types = [t for e in endpoints for t in (e.request, e.query, e.answer) if t is not None]
    _, components = msgspec.json.schema_components(
        [*types, ProblemDetails, Health], ref_template=_REF
    )
    describe(components)
    queries = {e.query: components.pop(e.query.__name__) for e in endpoints if e.query is not None}
    health = _content("Health")
    gets: dict[str, tuple[str, dict[str, dict[str, Any]]]] = {
        "/livez": ("Whether the process is alive", {"200": health}),
        "/readyz": ("Whether models and features are loaded", {"200": health, "503": {}}),
        "/metrics": ("Prometheus metrics", {"200": {}}),
    }
    paths: dict[str, Any] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(
            endpoint, {} if endpoint.query is None else queries[endpoint.query]
        )
    for path, (summary, contents) in gets.items():
        answers = {code: {"description": summary} | content for code, content in contents.items()}
        paths[path] = {"get": {"summary": summary, "responses": answers}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Regulars",
            "version": "1",
            "description": "Which products each customer will want next, and who will leave soon.",
        },
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": {"key": _SECURITY}},
    }


def _operation(endpoint: Endpoint, query: dict[str, Any]) -> dict[str, Any]:
    """Return the operation of `endpoint`; `query` is the schema of its query's parameters."""
    answers = {str(endpoint.status): {"description": "Done", **_content(endpoint.answer.__name__)}}
    for status in (*_PROBLEMS, *endpoint.problems):
        codes = ", ".join(code for code, (number, _) in CODES.items() if number == status)
        problem = _content("ProblemDetails", media_type="application/problem+json")
        answers[str(status)] = {"description": codes, **problem}
        if status in {429, 503}:
            answers[str(status)]["headers"] = _RETRY_AFTER
    words = re.findall(r"[a-z]+", endpoint.path.removeprefix("/v1/"))
    names = re.findall(r"{([a-z_]+)}", endpoint.path)
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in names
    ]
    operation = {
        "summary": endpoint.summary,
        "operationId": "_".join([endpoint.method.lower(), *words]),
        "security": [{"key": [endpoint.scope]}],
        "parameters": in_path + _in_query(query) + ([_KEY] if endpoint.creates else []),
        "responses": answers,
    }
    if endpoint.request is not None:
        body = {"required": True, **_content(endpoint.request.__name__)}
        operation["requestBody"] = body
    return operation


def _in_query(query: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the parameters of a query: one is left out instead of null."""
    parameters = []
    for name, schema in query.get("properties", {}).items():
        kinds = schema.get("anyOf", [schema])
        (kind,) = (each for each in kinds if each.get("type") != "null")
        described = {"description": schema["description"]} if "description" in schema else {}
        kind = {k: v for k, v in kind.items() if k != "description"}
        parameters.append({"name": name, "in": "query", "schema": kind, **described})
    return parameters


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
  <script src="docs/assets/page.js"></script>
</body>
</html>
"""
SCRIPT: Final = """SwaggerUIBundle({url: "openapi.json", dom_id: "#api"});
"""
"""A file of its own: the page's policy allows no script inside it."""
