"""Send a request to the running service from the command line."""

import time

import httpx

from serving.commands.launch import LaunchError


def ask(
    url: str,
    path: str,
    body: str | None,
    *,
    method: str = "POST",
    key: str | None = None,
    patience_s: float,
) -> str:
    """Return the text of the response of `path`, errors included; a GET if `body` is None.

    Sends `body` by `method`, and `key` unless it is None. Waits up to `patience_s` seconds until
    the service at `url` is ready. Raises LaunchError if it is not ready, or does not answer.
    """
    deadline = time.monotonic() + patience_s
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url, headers=headers, timeout=30) as client:
        while not _ready(client):
            if time.monotonic() > deadline:
                raise LaunchError(
                    f"--url {url}: no service is ready there; start one by `python -m serving run`"
                )
            time.sleep(0.2)
        try:
            if body is None:
                return client.get(path).text
            json = {"Content-Type": "application/json"}
            return client.request(method, path, content=body, headers=json).text
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise LaunchError(f"{url}{path} does not answer: {error}") from error


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").is_success
    except httpx.TransportError:
        return False
