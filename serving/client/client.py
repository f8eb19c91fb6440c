"""A Python client of the API: `Client`, or `AsyncClient`, whose methods are awaited.

    with Client() as regulars:  # the key from REGULARS_KEY
        answer = regulars.recommend(customer_id="C012", k=3)
        print([item.product_id for item in answer.items])

The methods (`serving.client.endpoints`) take what the request Structs of `serving.schemas` take,
and return the answers' Structs.
"""

import asyncio
import os
import time
from typing import Any, Final, Self

import httpx

from serving.client.endpoints import (
    A,
    AwaitedEndpoints,
    BlockingEndpoints,
    Call,
    retry_after_s,
)

URL: Final = "http://127.0.0.1:3000"
LONGEST_WAIT_S: Final = 30.0
"""A service that asks for more patience gets none."""


class Client(BlockingEndpoints):
    """Asks the service at `url` with `key`; not given, REGULARS_URL and REGULARS_KEY say which.

    Without these it asks this machine's service, without a key. Tries again, up to `retries` times,
    where the service cannot be reached, or answers 429 or 503, after the time that it names. Raises
    ProblemError, or httpx.TransportError.
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

    def send(self, call: Call[..., A], *asked: Any) -> A:
        """Return the answer to what is asked."""
        request = call.request(self._http, *asked)
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
    """As `Client`; every method is awaited."""

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

    async def send(self, call: Call[..., A], *asked: Any) -> A:
        """Return the answer to what is asked."""
        request = call.request(self._http, *asked)
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
    """Return the seconds until another try; None where none would help.

    Every call may be tried again: it changes nothing, or says the same again, or has its
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
