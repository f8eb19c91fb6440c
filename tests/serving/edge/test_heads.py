"""Which heads are answered, and why others are refused."""

import pytest

from serving.edge import heads
from tests.serving.edge.raw import HOST, Running, received, send

GET = b"GET /a HTTP/1.1\r\n"
POST = b"POST /a HTTP/1.1\r\n"
UPGRADE = b"Connection: upgrade\r\nUpgrade: h2c\r\n"
CODING = b"Transfer-Encoding: "
CHUNKED = POST + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
LARGE = heads.HEAD_BYTES


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (GET + HOST + b"A: " + b"x" * LARGE + b"\r\n\r\n", 431, "head_too_large"),
        (GET + HOST + b"A: " + b"x" * 9 * LARGE, 431, "head_too_large"),
        (GET + HOST + b"a" * 9 * LARGE, 431, "head_too_large"),
        (GET + HOST + b"a: b\r\n" * 101 + b"\r\n", 431, "head_too_large"),
        (GET + HOST + b"a: b\r\n" * LARGE, 431, "head_too_large"),
        (b"\r\n" * LARGE, 431, "head_too_large"),
        (b"GET /" + b"a" * heads.TARGET_BYTES + b" HTTP/1.1\r\n\r\n", 414, "target_too_long"),
        (b"GET /?" + b"a" * 9 * LARGE, 414, "target_too_long"),
        (CHUNKED + b"3;" + b"a" * 9 * LARGE, 400, "malformed_request"),
        (CHUNKED + b"0\r\n" + b"a: b\r\n" * LARGE, 400, "malformed_request"),
        (CHUNKED + b"0\r\na: " + b"b" * 9 * LARGE, 400, "malformed_request"),
        (GET + HOST + HOST + b"\r\n", 400, "malformed_request"),
        (GET + b"\r\n", 400, "malformed_request"),
        (GET + b"Host: a b\r\n\r\n", 400, "malformed_request"),
        (GET + b"Host: a/b\r\n\r\n", 400, "malformed_request"),
        (GET + HOST + b"Authorization: a\r\nauthorization: b\r\n\r\n", 400, "malformed_request"),
        (GET + HOST + b"Idempotency-Key: a\r\n" * 2 + b"\r\n", 400, "malformed_request"),
        (GET + HOST + b"X: a\r\n b\r\n\r\n", 400, "malformed_request"),
        (GET + HOST + b"X : a\r\n\r\n", 400, "malformed_request"),
        (GET + b"Host: a\nX: b\r\n\r\n", 400, "malformed_request"),
        (b"POST /a HTTP/1.0\r\n" + CODING + b"chunked\r\n\r\n0\r\n\r\n", 400, "malformed_request"),
        (POST + HOST + CODING + b"gzip, chunked\r\n\r\n0\r\n\r\n", 400, "malformed_request"),
        (POST + HOST + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n", 400, "malformed_request"),
        (POST + HOST + b"Content-Length: 3\r\n" * 2 + b"\r\nabc", 400, "malformed_request"),
        (POST + HOST + b"Content-Length: +3\r\n\r\nabc", 400, "malformed_request"),
        (CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 3\r\n\r\n"), 400, "malformed_request"),
        (POST + HOST + UPGRADE + b"Content-Length: 3\r\n\r\nabc", 400, "malformed_request"),
        (b"GET http://other/a HTTP/1.1\r\n" + HOST + b"\r\n", 400, "malformed_request"),
        (b"GET /a#b HTTP/1.1\r\n" + HOST + b"\r\n", 400, "malformed_request"),
        (b"GET /a HTTP/2.0\r\n" + HOST + b"\r\n", 400, "malformed_request"),
        (b"CONNECT a:1 HTTP/1.1\r\n" + HOST + b"\r\n", 400, "malformed_request"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "malformed_request"),
    ],
)  # fmt: skip
def test_refused(echo: Running, sent: bytes, status: int, code: str) -> None:
    (answer,) = echo.answers(sent)

    assert (answer.status, answer.code) == (status, code)
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        (GET + HOST + b"A: " + b"x" * (LARGE - 200) + b"\r\n\r\n", "/a"),
        (GET + HOST + b"".join(b"a%d: b\r\n" % n for n in range(99)) + b"\r\n", "/a"),
        (b"\r\n" * 99 + GET + HOST + b"\r\n", "/a"),
        (b"GET /a HTTP/1.0\r\n\r\n", "/a"),
        (b"GET http://127.0.0.1/a HTTP/1.1\r\n" + HOST + b"\r\n", "/a"),
        (b"GET http://127.0.0.1?a HTTP/1.1\r\n" + HOST + b"\r\n", "/"),
        (b"GET /a%20b?c=/d?e HTTP/1.1\r\n" + HOST + b"\r\n", "/a b"),
        (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", "*"),
        (GET + HOST + UPGRADE + b"\r\n", "/a"),
        (GET + b"Host: [::1]:3000\r\n\r\n", "/a"),
    ],
)
def test_answered(echo: Running, sent: bytes, path: str) -> None:
    (answer,) = echo.answers(sent, 1)

    assert (answer.status, answer.body["path"]) == (200, path)


def test_trailers_are_no_fields_of_the_head(echo: Running) -> None:
    trailer = b"3;x=y\r\nabc\r\n0\r\nAuthorization: Bearer x\r\n\r\n"
    with echo.connect() as connection:
        send(connection, CHUNKED.replace(b"POST /a", b"POST /hold") + trailer)
        echo.app.hold.set()  # only now the application looks at the fields
        answer = next(received(connection))

    assert answer.body["bytes"] == 3
    assert set(answer.body["headers"]) == {"host", "transfer-encoding"}


def test_white_space_around_a_value_is_no_part_of_it(echo: Running) -> None:
    (answer,) = echo.answers(GET + HOST + b"A: \tb\xa0 \t\r\n\r\n", 1)

    assert answer.body["headers"]["a"] == "b\xa0"


def test_a_body_of_small_chunks_is_read(echo: Running) -> None:
    (answer,) = echo.answers(CHUNKED + b"1\r\nx\r\n" * 50_000 + b"0\r\n\r\n", 1)

    assert answer.body["bytes"] == 50_000


def test_after_an_upgrade_nothing_is_read(echo: Running) -> None:
    hidden = GET.replace(b"/a", b"/hidden") + HOST + b"\r\n"

    (answer,) = echo.answers(GET + HOST + UPGRADE + b"\r\n" + hidden)

    assert answer.body["path"] == "/a"


def test_blank_lines_after_an_answer_are_bounded_too(echo: Running) -> None:
    with echo.connect() as connection:
        send(connection, GET + HOST + b"\r\n")
        answers = received(connection)
        assert next(answers).status == 200
        send(connection, b"\r\n" * LARGE)
        assert next(answers).status == 431


def test_two_requests_at_once(echo: Running) -> None:
    first, second = echo.answers(GET + HOST + b"\r\n" + CHUNKED + b"3\r\nabc\r\n0\r\n\r\n", 2)

    assert (first.body["bytes"], second.body["bytes"]) == (0, 3)


def test_a_request_before_a_refused_one_is_answered(echo: Running) -> None:
    answers = echo.answers(GET + HOST + b"\r\n" + GET + b"\r\n")

    assert [answer.status for answer in answers] == [200]
