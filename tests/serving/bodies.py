"""Invalid bodies and headers, made from valid ones by a seeded generator."""

import copy
import json
import random
from collections.abc import Callable
from typing import Any, Final

VIEW: dict[str, Any] = {
    "event_id": "v1",
    "type": "product_viewed",
    "customer_id": "anna",
    "time": "2024-02-29T12:00:00Z",
    "product_id": "tea",
}
ORDER: dict[str, Any] = {
    "event_id": "e1",
    "type": "order_completed",
    "customer_id": "anna",
    "time": "2024-02-29T12:00:00+01:00",
    "order_id": "web/1",
    "currency": "GBP",
    "items": [{"product_id": "mug", "quantity": 2, "unit_price": 2.5}],
}
Headers = list[tuple[bytes, bytes]]
VALID: Final[tuple[tuple[str, str, Any], ...]] = (
    (
        "POST",
        "/v1/recommendations",
        {
            "customer_id": "anna", "session_product_ids": ["tea", "mug"], "scenario": "email",
            "k": 3, "strategy": "for_you", "exclude_product_ids": ["pot"], "diversity": 0.5,
            "filter": {"categories": ["a"], "price_min": 1, "price_max": 9, "in_stock": True},
            "max_per_category": 2, "personalized": True, "explain": True,
        },
    ),
    ("POST", "/v1/recommendations:batch", {"requests": [{"customer_id": "anna"}, {"k": 3}]}),
    ("POST", "/v1/products:similar", {"product_id": "tea", "k": 3, "explain": True}),
    (
        "PUT",
        "/v1/products:batch",
        {"products": [{"product_id": "tea", "title": "Tea", "category": "c", "unit_price": 2.5,
                       "available": True, "store_stock": {"north": 3}}]},
    ),
    ("POST", "/v1/predictions/churn", {"customer_ids": ["anna", "ben"], "explain": True}),
    ("POST", "/v1/customers:predictions", {"customer_id": "anna"}),
    ("POST", "/v1/customers:portrait", {"customer_id": "anna", "language": "zh"}),
    (
        "POST",
        "/v1/campaigns:profit",
        {
            "customers": [{"customer_id": "anna", "churn_probability": 0.5, "expected_spend": 40,
                           "average_order_value": 20, "days_since_last_order": 30}],
            "margin": 0.4, "contact_cost": 1, "save_rate": 0.1, "save_rate_low": 0.05,
            "save_rate_high": 0.2,
        },
    ),
    ("POST", "/v1/events", {"events": [VIEW, ORDER]}),
    ("GET", "/v1/segments", None),
    ("GET", "/v1/segments/none/members", None),
    ("PUT", "/v1/segments/none", {"filter": "orders_total > 1 and lifecycle = \"active\""}),
    (
        "POST",
        "/v1/audiences",
        {"customer_ids": ["anna", "ben"], "size": 3, "smallest_size": 1, "opt_outs": ["cleo"]},
    ),
    ("GET", "/v1/experiments", None),
    ("GET", "/v1/experiments/none/results", None),
    # A valid start runs a process: this one breaks a rule before that.
    ("POST", "/v1/experiments/none:start", {"variants": {"a": {"model": "x", "weight": -1}}}),
    ("POST", "/v1/experiments/none:ramp", {"exposed_share": 0.5}),
    ("POST", "/v1/experiments/none:stop", {"reason": "seen"}),
    ("POST", "/v1/experiments/none:kill", {"reason": "harm"}),
)  # fmt: skip
JUNK: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 1, 1.5, -0.0, 1e308, 5e-324, 10**30, -(10**30), 2**63, 2**64),
    *("", " ", "x" * 128, "x" * 129, "x" * 5_000, "\0", "a\n", "\x7f", "\x85", "\ufeff", "\u202e"),
    *("🜁" * 128, "茶/1", "../../etc/passwd", "' OR 1=1 --", "{}", "NaN", "2024-02-30T00:00:00Z"),
    *("9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "GBP", "EUR"),
    *([], {}, [[]], [None], {"": None}, ["tea"] * 101, {"a/b~c": 1}, [{}] * 101, [1] * 1_001),
)
NUMBERS: Final = (b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e400", b"0x10", b"01", b"1.",
                  b"1" * 400, b"1e-400", b"-", b"1E+308")  # fmt: skip
TEXTS: Final = (b'"\\ud800"', b'"\\udfff\\ud800"', b'"\xff\xfe"', b'"\xed\xa0\x80"', b'"\\x41"',
                b'"\\u12"', b'"\x00"', b'"\xc0\xaf"', b'"\\u0000"', b"'single'")  # fmt: skip
TYPES: Final = (b"", b"text/plain", b"application/xml", b"multipart/form-data; boundary=x",
                b"application/json; charset=utf-16", b"\xff\xfe", b"application/JSON")  # fmt: skip
KEYS: Final = (b"", b"k", b"same", b"x" * 128, b"x" * 129, b"\xff\xfe", b"\xc3\xa9", b"a\tb",
               b"a b", b"\x00", b"'; DROP TABLE kept --")  # fmt: skip


def request(rng: random.Random) -> tuple[str, str, bytes, Headers]:
    """Return method, path, body and headers of a request that is nearly valid."""
    method, path, valid = rng.choice(VALID)
    body = b"" if valid is None else rng.choice(_MUTATIONS)(rng, copy.deepcopy(valid))
    if rng.random() < 0.05:
        path = path.replace("none", rng.choice(["%00", "é", "a" * 200, "..", "%2F", "CON", " "]))
    if rng.random() < 0.03:
        method = rng.choice(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "BREW"])
    headers: Headers = [(b"content-type", b"application/json")]
    if rng.random() < 0.2:
        headers[0] = (b"content-type", rng.choice(TYPES))
    if rng.random() < 0.2:
        headers.append((b"idempotency-key", rng.choice(KEYS)))
    if rng.random() < 0.1:
        headers.append((b"x-request-id", rng.choice(KEYS)))
    if rng.random() < 0.1:
        odd = [b"authorization", b"content-encoding", b"accept", b"transfer-encoding", b"expect"]
        headers.append((rng.choice(odd), rng.choice([*KEYS, *TYPES, b"gzip", b"Bearer "])))
    return method, path, body, headers


def _places(node: Any) -> list[tuple[Any, Any]]:
    """Return (container, key) of every value below `node`."""
    pairs = [*node.items()] if isinstance(node, dict) else []
    pairs = [*enumerate(node)] if isinstance(node, list) else pairs
    return [(node, key) for key, _ in pairs] + [p for _, child in pairs for p in _places(child)]


def _values(rng: random.Random, body: Any) -> bytes:
    for _ in range(rng.randint(1, 3)):
        container, key = rng.choice(_places(body) or [([body], 0)])
        container[key] = copy.deepcopy(rng.choice(JUNK))
    return _encoded(body)


def _fields(rng: random.Random, body: Any) -> bytes:
    """Drop a field, add an unknown one, or give one twice."""
    container, key = rng.choice(_places(body))
    text = _encoded(body)
    action = rng.choice(["drop", "add", "twice"])
    if action == "drop":
        del container[key]
        return _encoded(body)
    field = b'"surplus":' if action == "add" else json.dumps(str(key)).encode() + b":"
    place = rng.choice([i for i, c in enumerate(text) if c == ord("{")])
    value = _encoded(rng.choice(JUNK))
    rest = text[place + 1 :]
    return text[: place + 1] + field + value + (b"" if rest[:1] == b"}" else b",") + rest


def _raw(rng: random.Random, body: Any) -> bytes:
    """Replace a value by one that is not JSON."""
    container, key = rng.choice(_places(body))
    container[key] = "@@"
    return _encoded(body).replace(b'"@@"', rng.choice([*NUMBERS, *TEXTS]))


def _deep(rng: random.Random, body: Any) -> bytes:
    container, key = rng.choice(_places(body))
    container[key] = "@@"
    depth = rng.choice([10, 500, 2_000, 50_000])
    begin, end = rng.choice([(b"[", b"]"), (b'{"a":', b"}")])
    return _encoded(body).replace(b'"@@"', begin * depth + b"1" + end * rng.choice([0, depth]))


def _bytes(rng: random.Random, body: Any) -> bytes:
    """Cut, overwrite or insert bytes."""
    text = bytearray(_encoded(body))
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(text) + 1)
        action = rng.randrange(4)
        if action == 0:
            del text[place:]
        elif action == 1:
            text[place : place + 1] = bytes([rng.randrange(256)])
        elif action == 2:
            text[place:place] = rng.choice([b"\xef\xbb\xbf", b"\x00", b"//", b",", b"\xf0\x9f"])
        else:
            del text[place : place + rng.randint(1, 9)]
    return bytes(text)


def _whole(rng: random.Random, body: Any) -> bytes:
    """Replace the whole body by another value."""
    other = rng.choice([*JUNK, [body], {"body": body}, "text"])
    return rng.choice([_encoded(other), _encoded(body).decode().encode("utf-16"), b"a=1&b=2"])


def _encoded(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")


_MUTATIONS: Final[tuple[Callable[[random.Random, Any], bytes], ...]] = (
    _values, _values, _fields, _raw, _deep, _bytes, _whole,
)  # fmt: skip
