"""Asking from the command line: what is shown of every kind of answer, and of none."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from typer.testing import CliRunner, Result

from serving.__main__ import app

KEY = "rgl_key"
TEXTS = {"/readyz": "", "/metrics": "# HELP requests\nrequests 3\n", "/v1/x": '{"k": 1}'}


class Answers(BaseHTTPRequestHandler):
    """Gives each path its text; hangs up where it has none."""

    def do_GET(self) -> None:
        if self.path == "/v1/key":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(str(self.headers["authorization"]).encode())
        if self.path in TEXTS:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(TEXTS[self.path].encode())

    def do_PUT(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    """A service that is ready."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def ask(url: str, path: str, *more: str) -> Result:
    return CliRunner().invoke(app, ["ask", path, *more, "--url", url, "--patience", "0"])


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/v1/x", '{\n  "k": 1\n}\n'),
        ("/metrics", "# HELP requests\nrequests 3\n\n"),
        ("/readyz", "\n"),
    ],
)
def test_json_is_laid_out_and_other_text_is_shown_as_it_is(url: str, path: str, shown: str) -> None:
    done = ask(url, path)
    assert (done.exit_code, done.stdout) == (0, shown)


def test_a_body_may_be_put(url: str) -> None:
    done = ask(url, "/v1/x", '{"k": 1}', "--method", "PUT")
    assert (done.exit_code, done.stdout) == (0, '{\n  "k": 1\n}\n')


def test_a_lost_connection_ends_as_one_line(url: str) -> None:
    done = ask(url, "/v1/lost")
    assert done.exit_code == 2
    assert done.stderr.startswith(f"error: {url}/v1/lost does not answer: ")
    assert done.stderr.count("\n") == 1


def test_a_key_is_sent_where_there_is_one(url: str) -> None:
    asked = ["ask", "/v1/key", "--url", url]
    for arguments, variables, shown in (
        ([], {}, "None\n"),
        (["--key", KEY], {}, f"Bearer {KEY}\n"),
        ([], {"REGULARS_KEY": KEY}, f"Bearer {KEY}\n"),
    ):
        done = CliRunner().invoke(app, [*asked, *arguments], env=variables)
        assert (done.exit_code, done.stdout) == (0, shown)


def test_no_service_is_said() -> None:
    done = ask("http://127.0.0.1:9", "/readyz")
    assert done.exit_code == 2
    assert "no service is ready there" in done.stderr
