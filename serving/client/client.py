"""A Python client of the API: `Client`, or `AsyncClient` with awaitable methods.

    with Client() as regulars:  # reads the key from REGULARS_KEY
        answer = regulars.recommend(customer_id="C012", k=3)
        print([item.product_id for item in answer.items])

The methods (`serving.client.endpoints`) take the arguments of the request Structs of
`serving.schemas`, and return the Structs of the answers.
"""

import asyncio
import os
import time
from typing import Any, Final, Self

import httpx

from serving.client.endpoints import A, AwaitedEndpoints, BlockingEndpoints, Call, retry_after_s

URL: Final = "http://127.0.0.1:3000"
LONGEST_WAIT_S: Final = 30.0
"""A request is not retried if `Retry-After` is longer."""


class Client(BlockingEndpoints):
    """Client of the service at `url` with `key`; the defaults are REGULARS_URL and REGULARS_KEY.

    Without these it uses the service on this machine, without a key. Retries a request up to
    `retries` times if the service is unreachable, or answers 429 or 503, after its `Retry-After`.
    Raises ProblemError, or httpx.TransportError.
    """

    def __init__(
        self,
        key: str | None = None,
        *,
        url: str | None = None,
        timeout_s: float = 30,
        retries: int = 2,
    ) -> None:
        self._http = httpx.Client(base_url=_url(url), timeout=timeout_s, headers=_headers(key))
        self._retries = retries

    def send(self, call: Call[..., A], *key_and_body: Any) -> A:
        """Send a request of `call`, with retries, and return the answer."""
        request = call.request(self._http, *key_and_body)
        for attempt in range(self._retries):
            outcome = self._outcome(request)
            pause = _pause_s(outcome, attempt)
            if pause is None:
                return call.result(outcome)
            time.sleep(pause)
        return call.result(self._outcome(request))

    def _outcome(self, request: httpx.Request) -> httpx.Response | httpx.TransportError:
        try:
            return self._http.send(request)
        except httpx.TransportError as error:
            return error

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()


class AsyncClient(AwaitedEndpoints):
    """Like `Client`, with awaitable methods."""

    def __init__(
        self,
        key: str | None = None,
        *,
        url: str | None = None,
        timeout_s: float = 30,
        retries: int = 2,
    ) -> None:
        self._http = httpx.AsyncClient(base_url=_url(url), timeout=timeout_s, headers=_headers(key))
        self._retries = retries

    async def send(self, call: Call[..., A], *key_and_body: Any) -> A:
        """Send a request of `call`, with retries, and return the answer."""
        request = call.request(self._http, *key_and_body)
        for attempt in range(self._retries):
            outcome = await self._outcome(request)
            pause = _pause_s(outcome, attempt)
            if pause is None:
                return call.result(outcome)
            await asyncio.sleep(pause)
        return call.result(await self._outcome(request))

    async def _outcome(self, request: httpx.Request) -> httpx.Response | httpx.TransportError:
        try:
            return await self._http.send(request)
        except httpx.TransportError as error:
            return error

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self.close()


def _url(url: str | None) -> str:
    return url or os.environ.get("REGULARS_URL", URL)


def _headers(key: str | None) -> dict[str, str]:
    key = key or os.environ.get("REGULARS_KEY")
    return {"Authorization": f"Bearer {key}"} if key else {}


def _pause_s(outcome: httpx.Response | httpx.TransportError, attempt: int) -> float | None:
    """Return the seconds until the next retry; None to give up.

    Every call can be retried: it changes nothing, or sets the same values, or has an
    Idempotency-Key.
    """
    backoff: float = 0.2 * 2.0**attempt
    if isinstance(outcome, httpx.TransportError):
        return backoff
    if outcome.status_code not in {429, 503}:
        return None
    pause = retry_after_s(outcome)
    pause = backoff if pause is None else pause
    return pause if pause <= LONGEST_WAIT_S else None
