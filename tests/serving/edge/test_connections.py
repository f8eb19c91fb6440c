"""How long a connection may wait, how many there may be, and how they end."""

import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from serving.edge import connections, descriptors, protocol
from tests.serving.edge.raw import HOST, LARGE, Running, eventually, received, running, send

GET = b"GET /a HTTP/1.1\r\n" + HOST + b"\r\n"
BODY = b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: 100\r\n\r\n"
FOREVER = 1e9


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """A server on which every deadline is short."""
    for name in ("HEAD_S", "UNREAD_S", "LINGER_S"):
        monkeypatch.setattr(connections, name, 0.2)
    with running() as server:
        yield server


def test_a_late_head_is_refused(hurried: Running) -> None:
    with hurried.connect() as connection:
        send(connection, b"GET /a HT")

        (answer,) = received(connection)

    assert (answer.status, answer.code) == (408, "head_timeout")


def test_a_head_that_drips_is_late_too(hurried: Running) -> None:
    with hurried.connect() as connection:
        eventually(lambda: not send(connection, b"G"))  # closed while it still sends

    eventually(lambda: hurried.open() == 0)


def test_an_idle_connection_is_closed_without_an_answer(hurried: Running) -> None:
    with hurried.connect() as connection:
        send(connection, GET)

        answers = list(received(connection))

    assert [answer.status for answer in answers] == [200]


def test_an_answer_that_nobody_reads_is_dropped(hurried: Running) -> None:
    with hurried.connect() as connection:
        send(connection, GET.replace(b"/a", b"/large"))

        eventually(lambda: hurried.open() == 0)


def test_a_body_is_not_the_heads_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 0.2)
    with running() as server, server.connect() as slow, server.connect() as other:
        send(slow, BODY)
        list(received(other))  # closed by its deadline, which comes after the other's
        send(slow, b"x" * 100)

        assert next(received(slow)).body["bytes"] == 100


def test_at_the_limit_the_longest_waiting_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "most_connections", lambda: 3)
    with running() as server, ExitStack() as stack:
        working, first, second = (stack.enter_context(server.connect()) for _ in range(3))
        send(working, BODY)
        send(first, GET)
        assert next(received(first)).status == 200  # it waits since now: after the second
        late = stack.enter_context(server.connect())
        send(late, GET)

        assert next(received(late)).status == 200
        assert list(received(second)) == []
        send(working, b"x" * 100)
        send(first, GET)
        assert [next(received(c)).status for c in (working, first)] == [200, 200]


def test_without_room_a_connection_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "most_connections", lambda: 1)
    with running() as server, server.connect() as working:
        send(working, BODY)
        eventually(lambda: bool(server.server.server_state.tasks))

        (answer,) = server.answers(b"")

        assert (answer.status, answer.code) == (503, "overloaded")
        send(working, b"x" * 100)
        assert next(received(working)).status == 200


def test_pipelined_requests_are_bounded(echo: Running) -> None:
    answers = echo.answers(GET * 500)

    assert len(answers) == 1 + protocol.MOST_PIPELINED
    assert answers[-1].headers["connection"] == "close"
    assert all("connection" not in answer.headers for answer in answers[:-1])


def test_an_answer_before_the_body_arrives_whole(echo: Running) -> None:
    """A server that closes with unread input resets the connection, and its answer is lost."""
    with echo.connect() as connection:
        send(connection, BODY.replace(b"/a", b"/early").replace(b"100", str(2 * LARGE).encode()))
        send(connection, b"x" * LARGE)

        (answer,) = received(connection)

    assert (answer.status, answer.headers["connection"]) == (200, "close")


def test_a_request_in_progress_sees_that_its_caller_broke_a_rule(echo: Running) -> None:
    before = echo.app.gone
    head = b"POST /a HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"

    (answer,) = echo.answers(head + b"no chunk")

    assert answer.code == "malformed_request"
    eventually(lambda: echo.app.gone == before + 1)


def test_a_request_before_queued_ones_sees_that_its_caller_left(echo: Running) -> None:
    before = echo.app.gone
    with echo.connect() as connection:
        send(connection, GET.replace(b"/a", b"/wait") + GET)
        eventually(lambda: bool(echo.server.server_state.tasks))

    eventually(lambda: echo.app.gone == before + 1)


def test_shutting_down_the_next_answer_is_the_last() -> None:
    with running() as server, server.connect() as idle, server.connect() as working:
        send(idle, GET)
        assert "connection" not in next(received(idle)).headers
        send(working, GET.replace(b"/a", b"/hold"))
        eventually(lambda: bool(server.server.server_state.tasks))
        server.stop()
        send(idle, GET)

        (last,) = received(idle)
        server.app.hold.set()
        (held,) = received(working)

    assert (last.status, last.headers["connection"]) == (200, "close")
    assert (held.status, held.headers["connection"]) == (200, "close")


def test_shutting_down_waits_for_no_idle_connection() -> None:
    with running() as server, server.connect() as idle, server.connect() as half:
        send(half, GET[:9])
        eventually(lambda: server.open() == 2)
        server.stop()

        assert list(received(idle)) == []
        (answer,) = received(half)

    assert answer.code == "head_timeout"


def test_shutting_down_ends_what_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("DRAIN_S", FOREVER), ("UNREAD_S", FOREVER), ("END_S", 0.3)):
        monkeypatch.setattr(connections, name, seconds)
    with running() as server, server.connect() as never:
        send(never, GET.replace(b"/a", b"/hold"))
        eventually(lambda: bool(server.server.server_state.tasks))
        server.stop()

        assert list(received(never)) == []
        eventually(lambda: server.open() == 0)


@pytest.mark.parametrize(
    ("soft", "hard", "limit", "most"),
    [(256, 20_000, 2304, 2048), (1024, 1024, 1024, 768), (256, 400, 400, 200)],
)
def test_descriptors(soft: int, hard: int, limit: int, most: int) -> None:
    code = (
        "import resource; from serving.edge import descriptors as d; d.raise_limit(); "
        "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], d.most_connections())"
    )

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    shown = subprocess.check_output([sys.executable, "-c", code], preexec_fn=limited, text=True)

    assert shown.split() == [str(limit), str(most)]
    assert most <= descriptors.MOST_CONNECTIONS


def test_a_reset_connection_is_forgotten(echo: Running) -> None:
    before = echo.open()
    connection = echo.connect()
    send(connection, BODY)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()

    eventually(lambda: echo.open() <= before)
