"""The rules for the head of a request: RFC 9110 and RFC 9112, and the bounds of this service.

llhttp, the parser below, refuses what breaks the grammar: methods, field names, control characters,
line ends, a body with two lengths. These are the rules that it leaves to its user.
"""

import re
from collections.abc import Mapping
from typing import Final

from serving.problems import Problem

HEAD_BYTES: Final = 64 * 1024
TARGET_BYTES: Final = 8 * 1024
MOST_FIELDS: Final = 100
SINGLE: Final = frozenset(
    {
        *(b"authorization", b"content-encoding", b"content-length", b"content-type", b"host"),
        *(b"idempotency-key", b"origin", b"transfer-encoding", b"x-request-id"),
    }
)
"""Fields that come once: of two, a proxy may have checked the other one."""
_ORIGIN_FORM: Final = re.compile(rb"/[!\"$-~]*")  # visible ASCII without `#`
_ABSOLUTE_FORM: Final = re.compile(rb"https?://([^/?#]+)(/[!\"$-~]*|\?[!\"$-~]*)?", re.IGNORECASE)
_HOST: Final = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[\w.~!$&'()*+,;=%-]*)(?::[0-9]*)?", re.ASCII)

Fields = list[tuple[bytes, bytes]]
"""Names in lower case and values, in order."""


def target_problem(target: bytes) -> Problem | None:
    """Return why the request target, or what arrived of it, is refused; None if it is not."""
    if len(target) <= TARGET_BYTES:
        return None
    return Problem("target_too_long", f"a request target has at most {TARGET_BYTES} bytes")


def size_problem(size: int) -> Problem | None:
    """Return why a head of `size` bytes is refused; None if it is not."""
    if size <= HEAD_BYTES:
        return None
    return Problem("head_too_large", f"a head has at most {HEAD_BYTES} bytes")


def count_problem(fields: Fields) -> Problem | None:
    """Return why a head with `fields` is refused; None if it is not."""
    if len(fields) <= MOST_FIELDS:
        return None
    return Problem("head_too_large", f"a head has at most {MOST_FIELDS} fields")


def _fields_problem(fields: Fields, values: Mapping[bytes, bytes], version: str) -> Problem | None:
    host, coding = values.get(b"host"), values.get(b"transfer-encoding")
    rule = None
    if version not in {"1.1", "1.0"}:
        rule = f"HTTP/{version}: this is HTTP/1.1"
    elif len(values) != len(fields) and (name := _given_twice(fields)):
        rule = f"{name}: given twice"
    elif host is None and version != "1.0":
        rule = "host: missing"
    elif host is not None and not _HOST.fullmatch(host):
        rule = "host: not the name of a host"
    elif coding is not None and (version == "1.0" or coding.lower() != b"chunked"):
        rule = "transfer-encoding: only chunked, and none in HTTP/1.0"
    elif b"upgrade" in values and (coding or values.get(b"content-length", b"0") != b"0"):
        rule = "upgrade: not with a body, which the parser would leave to another protocol"
    return None if rule is None else _malformed(rule)


def _given_twice(fields: Fields) -> str | None:
    names = [name for name, _ in fields]
    return next((name.decode() for name in names if name in SINGLE and names.count(name) > 1), None)


def path_and_query(
    target: bytes, fields: Fields, values: Mapping[bytes, bytes], version: str
) -> tuple[bytes, bytes]:
    """Return path and query of a request of HTTP `version`. Raises Problem if it breaks a rule.

    `values` is `dict(fields)`. A target in absolute form names the host again.

    >>> fields = [(b"host", b"shop")]
    >>> path_and_query(b"/v1/events?a=1", fields, dict(fields), "1.1")
    (b'/v1/events', b'a=1')
    >>> path_and_query(b"http://shop/livez", fields, dict(fields), "1.1")
    (b'/livez', b'')
    >>> path_and_query(b"/livez", 2 * fields, dict(fields), "1.1")
    Traceback (most recent call last):
    serving.problems.Problem: host: given twice
    """
    problem = _fields_problem(fields, values, version)
    if problem is not None:
        raise problem
    host = values.get(b"host")
    if not _ORIGIN_FORM.fullmatch(target):
        if target == b"*":
            return target, b""
        absolute = _ABSOLUTE_FORM.fullmatch(target)
        if absolute is None:
            raise _malformed("the request target is no path")
        if host is None or absolute[1].lower() != host.lower():
            raise _malformed("host: the request target names another host")
        target = absolute[2] or b"/"
        target = target if target.startswith(b"/") else b"/" + target
    path, _, query = target.partition(b"?")
    return path, query


def size_of(target: bytes, fields: Fields) -> int:
    """Return the bytes of a head: the request line and its fields."""
    return len(target) + 16 + sum(len(name) + len(value) + 4 for name, value in fields)


def _malformed(detail: str) -> Problem:
    return Problem("malformed_request", detail)
