"""The BentoML service that serves the API. `python -m serving run` starts it.

Environment: see `serving.backend`. `REGULARS_WORKERS` is the number of worker processes (1);
`REGULARS_LOG_REQUESTS=1` logs every request, not only the refused, failed and slow ones.
`REGULARS_WITHOUT_KEYS=1` answers callers on this machine while there are no keys.
"""

import logging
import os
import signal
import threading
import time

import bentoml
import torch
import uvicorn.config
from starlette.types import ASGIApp, Receive, Scope, Send
from threadpoolctl import threadpool_limits

from serving.api.app import create_app
from serving.backend import Backend, Settings, device_of
from serving.edge.descriptors import raise_limit
from serving.telemetry import logs

logger = logging.getLogger(__name__)


def open_backend() -> Backend:
    """Return the backend for the environment; from now on this process ends with its parent."""
    logs.start(all_requests=os.environ.get("REGULARS_LOG_REQUESTS") == "1")
    raise_limit()
    torch.set_num_threads(1)  # workers share the cores
    threadpool_limits(limits=1)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    return Backend(Settings.of(os.environ))


def _end_with_parent(parent: int) -> None:
    """End this worker when its parent process is gone: a killed parent sends no signal."""
    while os.getppid() == parent:
        time.sleep(1)
    logger.warning("the parent process is gone")
    os.kill(os.getpid(), signal.SIGTERM)


uvicorn.config.HTTP_PROTOCOLS["auto"] = "serving.edge.protocol:EdgeProtocol"
device_of(os.environ)  # a missing GPU must end the supervisor: it would restart workers for ever
API = create_app(open_backend)


@bentoml.service(
    name="regulars",
    workers=int(os.environ.get("REGULARS_WORKERS", "1")),
    traffic={"timeout": 60},  # above our own (serving.access.limits), which answer with a problem
    metrics={
        "enabled": False
    },  # serving.telemetry.metrics serves /metrics, with a bounded number of labels
    logging={"access": {"enabled": False}},
    tracing={"excluded_urls": ".*"},  # off
    http={"host": "127.0.0.1"},
    envs=[{"name": "OTEL_SDK_DISABLED", "value": "true"}],
)
@bentoml.asgi_app(API, path="/")
class Regulars:
    """Mounts the application of serving.api.app."""


class BypassRouting:
    """ASGI middleware that passes requests to the API, without BentoML's routing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        await (self._app if scope["type"] == "lifespan" else API)(scope, receive, send)


Regulars.add_asgi_middleware(BypassRouting)  # type: ignore[attr-defined]  # BentoML made it a service
