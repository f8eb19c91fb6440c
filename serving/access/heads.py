"""Fields of a request's head: each that the API reads comes once."""

from collections.abc import Iterable

from serving.problems import Problem


def single(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    """Return the value of the field `name`, without white space around it; None if it is missing.

    Raises Problem for a second one: a proxy in front may have checked the other (RFC 9110, 5.3).

    >>> single([(b"accept", b"*/*"), (b"authorization", b"Bearer x ")], b"authorization")
    b'Bearer x'
    """
    values = [value for other, value in headers if other == name]
    if not values:
        return None
    if len(values) > 1:
        raise Problem("malformed_request", f"{name.decode()}: given {len(values)} times, not once")
    return values[0].strip(b" \t")
