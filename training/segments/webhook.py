"""Deliver an exported file to another system by a signed request.

The request is a POST with the file as its body and these headers:

    X-Regulars-Timestamp: seconds since 1970, when it was sent
    X-Regulars-Signature: v1=HEX

HEX is the HMAC-SHA256 (RFC 2104), with the shared secret as the key, of the timestamp in decimal
digits, a full stop and the body. The receiver computes the same, compares in constant time, and
refuses an old timestamp: a request that was read on its way cannot be sent again later.
"""

import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from training.segments.membership import SegmentError

SHORTEST_SECRET: Final = 16
"""Characters of a secret, at least."""
TIMEOUT_S: Final = 30.0
_TYPES: Final = {".csv": "text/csv; charset=utf-8", ".parquet": "application/vnd.apache.parquet"}
_LOCAL: Final = ("localhost", "127.0.0.1", "::1")


class WebhookError(SegmentError):
    """A webhook cannot be called, or did not take what it was sent."""


def signature(secret: str, body: bytes, *, timestamp: int) -> str:
    """Return the signature of `body`, sent at `timestamp` (seconds since 1970).

    >>> signature("a secret of the shop", b"customer_id", timestamp=1323475200)[:19]
    'v1=02cb6c60392cb8ea'
    """
    message = str(timestamp).encode() + b"." + body
    return "v1=" + hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def secret_of(environment: Mapping[str, str], name: str) -> str:
    """Return the secret in the variable `name`. Raises WebhookError if it is missing or short."""
    secret = environment.get(name, "")
    if len(secret) < SHORTEST_SECRET:
        raise WebhookError(
            f"--secret-env {name}: the variable holds {len(secret)} characters; set it to a secret "
            f"of {SHORTEST_SECRET} or more, which the receiver has too"
        )
    return secret


def check_url(url: str) -> None:
    """Raise WebhookError unless `url` is https, or http to this machine."""
    parts = urlsplit(url)
    if not parts.hostname or not (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL)
    ):
        raise WebhookError(f"--webhook {url}: an https:// URL, or http:// to this machine")


def deliver(
    file: Path, url: str, *, segment: str, secret: str, timestamp: int, timeout_s: float = TIMEOUT_S
) -> int:
    """POST `file`, the exported members of `segment`, to `url`; return the status, 200 to 299.

    `timestamp` is the time now, seconds since 1970. Redirects are not followed. Raises WebhookError
    for another status, or if nobody answered within `timeout_s`; the file stays.
    """
    check_url(url)
    body = file.read_bytes()
    headers = {
        "Content-Type": _TYPES[file.suffix],
        "X-Regulars-Segment": segment,
        "X-Regulars-Timestamp": str(timestamp),
        "X-Regulars-Signature": signature(secret, body, timestamp=timestamp),
    }
    way_on = f"the file is {file}: export again to send it again"
    try:
        answer = httpx.post(url, content=body, headers=headers, timeout=timeout_s)
    except httpx.HTTPError as error:
        raise WebhookError(f"--webhook {url}: {error or type(error).__name__}; {way_on}") from error
    if not answer.is_success:
        raise WebhookError(f"--webhook {url}: answered {answer.status_code}; {way_on}")
    return answer.status_code
