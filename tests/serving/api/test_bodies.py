"""Bodies in which a name comes twice, and what only one of two JSON parsers takes."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from features.workspace import Workspace
from serving.api.bodies import check_names
from serving.problems import Problem
from tests.serving.bodies import ORDER, VIEW
from tests.serving.shop import serving

LISTS, BATCH = "/v1/recommendations", "/v1/recommendations:batch"
EVENTS, PRODUCTS, CARD = "/v1/events", "/v1/products:batch", "/v1/customers:predictions"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    home = tmp_path_factory.mktemp("empty")
    Workspace.create(home, clock="fixed:2024-03-01T00:00:00Z")
    with serving(REGULARS_HOME=str(home)) as client:
        yield client


def repeated(content: Any, name: str) -> bytes:
    """Return `content` as JSON, in which the members called `name` stand twice."""
    text = json.dumps(content)
    value = json.dumps(_find(content, name))
    member = f"{json.dumps(name)}: {value}"
    assert member in text
    return text.replace(member, f"{member}, {member}").encode()


def _find(content: Any, name: str) -> Any:
    if isinstance(content, dict) and name in content:
        return content[name]
    inner = content.values() if isinstance(content, dict) else content
    found = [_find(part, name) for part in inner if isinstance(part, dict | list)]
    return next((value for value in found if value is not None), None)


TWICE: list[tuple[str, str, bytes, str]] = [
    ("POST", LISTS, b'{"k": 1, "k": 1}', "k"),
    ("POST", LISTS, b'{"k": 1, "k": 1000}', "k"),  # both a schema and a name broken
    ("POST", LISTS, b'{"k": 1, "\\u006b": 2}', "k"),
    ("POST", LISTS, b'{"customer_id": "a", "k": 3, "customer_id": "b"}', "customer_id"),
    ("POST", LISTS, repeated({"filter": {"price_min": 1}}, "price_min"), "price_min"),
    ("POST", LISTS, b'{"": 1, "": 2}', ""),
    ("POST", LISTS, '{"é": 1, "\\u00e9": 2}'.encode(), "é"),
    ("POST", BATCH, b'{"requests": [{"k": 1}], "requests": []}', "requests"),
    ("POST", BATCH, b'{"requests": [{"k": 1}, {"k": 1, "k": 2}]}', "k"),
    ("POST", EVENTS, repeated({"events": [VIEW]}, "event_id"), "event_id"),
    ("POST", EVENTS, repeated({"events": [VIEW, ORDER]}, "quantity"), "quantity"),
    ("PUT", PRODUCTS, repeated({"products": [{"product_id": "t"}]}, "product_id"), "product_id"),
    ("PUT", PRODUCTS, b'{"products": [{"product_id": "t", "store_stock": {"n": 1, "n": 2}}]}', "n"),
    ("POST", CARD, b'{"customer_id": "a", "customer_id": "b"}', "customer_id"),
    ("POST", "/v1/experiments/spring:kill", b'{"reason": "a", "reason": "b"}', "reason"),
    ("POST", LISTS, b'{"k": 1, "k": 1' + b"9" * 5_000 + b"}", "k"),
    ("POST", BATCH, b'{"requests": [{"scenario": "\xff"}, {"k": 1, "k": 2}]}', "k"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "name"), TWICE)
def test_a_name_that_comes_twice_is_refused(
    api: TestClient, method: str, path: str, body: bytes, name: str
) -> None:
    answer = api.request(method, path, content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json"), answer.text
    assert answer.json()["detail"] == f"{name!r}: an object has this name twice"


def test_a_name_of_many_objects_is_not_twice_in_one(api: TestClient) -> None:
    body = {"requests": [{"k": 1, "filter": {"in_stock": True}}] * 2}
    assert api.post(BATCH, json=body).json()["results"][1]["status"] == 200


def test_a_name_of_any_length_and_any_characters_is_told(api: TestClient) -> None:
    for name in ("x" * 1_000_000, "\\ud800", "\\u0000", "a\\nb", "`$.k`"):
        body = f'{{"{name}": 1, "{name}": 2}}'.encode()
        answer = api.post(LISTS, content=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")
        assert len(answer.content) < 1_000


# What one of the two parsers refuses alone, or takes alone.
ODD: list[tuple[bytes, set[int]]] = [
    (b'{"k": 1' + b"0" * 5_000 + b"}", {422}),
    (b'{"k": -1' + b"0" * 5_000 + b"}", {422}),
    (b'{"k": 1e' + b"9" * 5_000 + b"}", {400, 422}),
    (b'{"diversity": 0.' + b"1" * 5_000 + b"}", {200}),
    (b'{"k": NaN}', {400}),
    (b'{"diversity": Infinity}', {400}),
    (b'{"diversity": -Infinity}', {400}),
    (b'{"scenario": "\\ud800"}', {400}),
    (b'{"scenario": "\xff"}', {400}),
    (b'{"scenario": "\xed\xa0\x80"}', {400}),
    (b'{"scenario": "a\nb"}', {400}),
    (b'{"scenario": "\\x41"}', {400}),
    (b'{"\\q": 1}', {400}),
    (b'\xef\xbb\xbf{"k": 1}', {400}),
    (b'{"k": 1}\x00', {400}),
    (b'{"k": 1} {"k": 1}', {400}),
    (b' \t\r\n{"k": 1}\r\n ', {200}),
    (b'\x0b{"k": 1}', {400}),
    (b'{"k": 01}', {400}),
    (b'{"k": 1,}', {400}),
    (b"{'k': 1}", {400}),
    (b'{"a": ' * 100_000, {400}),
    (b"[" * 1_000_000, {400}),
    (b'{"filter": ' * 900 + b"1" + b"}" * 900, {400, 422}),
    (b"", {400}),
    (b" ", {400}),
    (b"\xff\xfe{\x00}\x00", {400}),
]


@pytest.mark.parametrize(("body", "statuses"), ODD)
def test_what_parsers_differ_in_is_no_failure(
    api: TestClient, body: bytes, statuses: set[int]
) -> None:
    answer = api.post(LISTS, content=body)
    assert answer.status_code in statuses, answer.text
    wrapped = api.post(BATCH, content=b'{"requests": [' + body + b"]}")
    assert wrapped.status_code in {200, 400, 422}, wrapped.text


def test_many_names_take_no_more_than_their_length() -> None:
    """The time is that of one pass, also where the last of 300,000 names is the repeated one."""
    names = [f'"{number}": 0' for number in range(300_000)]
    with pytest.raises(Problem, match="'299999': an object has this name twice"):
        check_names(f"{{{', '.join([*names, names[-1]])}}}".encode())
