"""The paths outside v1: health, metrics, and the OpenAPI document with the page that shows it."""

import asyncio
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from serving.access.callers import Access
from serving.api import openapi
from serving.api.paths import Handler, path_text
from serving.problems import NOSNIFF, PRIVATE, RETRY_AFTER_S, Problem, failed
from serving.schemas.base import Health
from serving.telemetry import metrics

_POLICY: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self'",
    "img-src": "'self' data:",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "form-action": "'none'",
}
SHOWN: Final = {
    **NOSNIFF,
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "Referrer-Policy": "no-referrer",
}
"""Headers of what a browser shows: it loads nothing from elsewhere, and no other page frames it."""
_ASSETS: Final = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}
"""Files of Swagger UI; no other file of its folder is served."""


def pages(document: Callable[[], bytes]) -> Mapping[str, Handler]:
    """Return the handlers of all GET paths outside v1; `document` is the OpenAPI document."""
    folder = _swagger()

    async def openapi_json(_: Request) -> Response:
        return _shown(document(), "application/json")

    return {
        "/livez": _opened(_livez, probe=True),
        "/readyz": _opened(_readyz, probe=True),
        "/metrics": _opened(_metrics),
        "/openapi.json": _opened(openapi_json),
        "/": _opened(_index),
        "/docs": _opened(_docs),
        "/docs/assets/page.js": _opened(_script),
        **{
            f"/docs/assets/{name}": _opened(partial(_asset, file=folder / name, kind=kind))
            for name, kind in _ASSETS.items()
        },
    }


def _opened(page: Handler, *, probe: bool = False) -> Handler:
    """Return `page` with the checks of a path that needs no key, and problems as its errors."""

    async def answer(request: Request) -> Response:
        access: Access = request.app.state.backend.access
        try:
            access.check_open(request.scope, probe=probe)
            return await page(request)
        except Problem as refusal:
            problem = refusal
        except Exception as error:  # unexpected: the caller gets a problem, the log the details
            problem = failed(error, "a page failed")
        metrics.PROBLEMS.labels("other", problem.code).inc()
        return problem.response(request_id=uuid.uuid4().hex, instance=path_text(request.scope))

    return answer


async def _livez(_: Request) -> Response:
    return _health(ready=True)


async def _readyz(request: Request) -> Response:
    return _health(ready=request.app.state.backend.models.ready)


def _health(*, ready: bool) -> Response:
    body = msgspec.json.encode(Health(status="ok" if ready else "loading"))
    headers = PRIVATE if ready else {**PRIVATE, "Retry-After": str(RETRY_AFTER_S)}
    return Response(body, 200 if ready else 503, media_type="application/json", headers=headers)


async def _metrics(_: Request) -> Response:
    return _shown(await asyncio.to_thread(metrics.page), metrics.CONTENT_TYPE)


async def _docs(_: Request) -> Response:
    return _shown(openapi.PAGE.encode(), "text/html")


async def _script(_: Request) -> Response:
    return _shown(openapi.SCRIPT.encode(), "text/javascript")


async def _asset(_: Request, *, file: Path, kind: str) -> Response:
    return _shown(await asyncio.to_thread(file.read_bytes), kind)


async def _index(_: Request) -> Response:
    return RedirectResponse("docs", headers=SHOWN)


def _shown(content: bytes, kind: str) -> Response:
    return Response(content, media_type=kind, headers=SHOWN)


def _swagger() -> Path:
    """Return the folder of Swagger UI that comes with BentoML."""
    spec = find_spec("bentoml")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("bentoml is not installed")
    return Path(spec.submodule_search_locations[0]) / "_internal/server/static_content"
