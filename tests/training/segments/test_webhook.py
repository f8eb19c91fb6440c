"""Webhooks on a real server: signed over time and body, refused where it is not safe."""

import hashlib
import hmac
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from training.segments.webhook import WebhookError, check_url, deliver, secret_of

SECRET = "a secret of sixteen or more"


@dataclass
class Receiver:
    """What came in, and the statuses that it answers."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    seen: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def receiver(*statuses: int) -> Iterator[Receiver]:
    state = Receiver(statuses=list(statuses))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.seen.append((dict(self.headers.items()), body))
            self.send_response(state.statuses.pop(0))
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        state.url = f"http://127.0.0.1:{http.server_port}/hook"
        try:
            yield state
        finally:
            http.shutdown()
            thread.join()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "all.csv"
    path.write_bytes("customer_id\n茶/1\n".encode())
    return path


def test_the_receiver_can_check_who_sent_what_and_when(file: Path) -> None:
    with receiver(202) as state:
        assert deliver(file, state.url, segment="all", secret=SECRET, timestamp=1323475200) == 202
    ((headers, body),) = state.seen
    assert body == file.read_bytes()
    assert headers["Content-Type"] == "text/csv; charset=utf-8"
    assert headers["X-Regulars-Segment"] == "all"
    sent = headers["X-Regulars-Timestamp"]
    expected = hmac.new(SECRET.encode(), f"{sent}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["X-Regulars-Signature"] == f"v1={expected}"
    other = hmac.new(SECRET.encode(), b"1323475201." + body, hashlib.sha256).hexdigest()
    assert headers["X-Regulars-Signature"] != f"v1={other}"


@pytest.mark.parametrize("status", [302, 404, 500])
def test_what_was_not_taken_is_an_error(file: Path, status: int) -> None:
    with receiver(status) as state:
        with pytest.raises(WebhookError, match=f"answered {status}; the file is"):
            deliver(file, state.url, segment="all", secret=SECRET, timestamp=1)
        assert len(state.seen) == 1
    with pytest.raises(WebhookError, match="refused"):  # nobody listens there any more
        deliver(file, state.url, segment="all", secret=SECRET, timestamp=1)


@pytest.mark.parametrize(
    "url", ["http://crm.example/hook", "ftp://127.0.0.1/x", "crm.example", "", "https://"]
)
def test_members_are_not_sent_where_others_can_read(file: Path, url: str) -> None:
    with pytest.raises(WebhookError, match="an https:// URL"):
        deliver(file, url, segment="all", secret=SECRET, timestamp=1)
    check_url("https://crm.example/hook?x=1")


def test_a_secret_is_long_enough() -> None:
    assert secret_of({"HOOK": SECRET}, "HOOK") == SECRET
    for environment in ({}, {"HOOK": "short"}):
        with pytest.raises(WebhookError, match="--secret-env HOOK: the variable holds"):
            secret_of(environment, "HOOK")
