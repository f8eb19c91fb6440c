"""nginx with the reference settings, before a stub: what it passes, and what it stops."""

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.pages import ROOT
from tests.serving.deploy.certificate import make_certificate
from tests.serving.server import free_port
from tests.serving.shop import until

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/opt/homebrew/bin")
REFERENCE = ROOT / "serving/deploy/nginx.conf"
HEAD = b"POST /v1/x%2Fy//z?a=%2f HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer k\r\n"
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


class Stub(BaseHTTPRequestHandler):
    """Says what reached it."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        seen = f"{self.requestline}\n{self.headers}".encode() + body
        self.send_response(200)
        self.send_header("Content-Length", str(len(seen)))
        self.end_headers()
        self.wfile.write(seen)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def settings(folder: Path, *, port: int, upstream: int) -> Path:
    """Return the reference for this machine: its ports, and a certificate made for it."""
    text = REFERENCE.read_text(encoding="utf-8")
    certificate, key = make_certificate(folder, "api.example.com")
    for old, new, times in (
        ("listen 443 ", f"listen 127.0.0.1:{port} ", 2),
        ("server 127.0.0.1:3000;", f"server 127.0.0.1:{upstream};", 1),
        ("/etc/ssl/certs/regulars.pem", str(certificate), 1),
        ("/etc/ssl/private/regulars.key", str(key), 1),
        ("/var/log/nginx/access.log", str(folder / "access.log"), 1),
        ("worker_processes auto;", f"worker_processes 1; pid {folder}/pid; daemon off;", 1),
    ):
        assert text.count(old) == times, old
        text = text.replace(old, new)
    for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"):
        text = text.replace("http {", f"http {{\n  {kind}_temp_path {folder}/{kind};", 1)
    file = folder / "nginx.conf"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture
def stub() -> Iterator[int]:
    """The port of what stands for the service."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Stub) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def port(stub: int, tmp_path: Path) -> Iterator[int]:
    """The port of nginx with the reference settings."""
    chosen = free_port()
    file = settings(tmp_path, port=chosen, upstream=stub)
    command = [str(NGINX), "-e", str(tmp_path / "error.log"), "-c", str(file)]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        until(lambda: _listens(chosen))
        yield chosen
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def told(port: int, request: bytes, *, name: str = "api.example.com") -> bytes:
    """Return all that comes back for `request` over TLS."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    answer = b""
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        context.wrap_socket(plain, server_hostname=name) as connection,
    ):
        connection.sendall(request)
        with suppress(ConnectionError):
            while part := connection.recv(65536):
                answer += part
    return answer


def test_the_api_is_passed_as_it_was_asked(port: int) -> None:
    request = HEAD + b"Connection: close\r\nX-A: b\r\nContent-Length: 2\r\n\r\n{}"
    head, _, seen = told(port, request).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert seen.startswith(b"POST /v1/x%2Fy//z?a=%2f HTTP/1.1\n")
    for field in (b"Host: api.example.com", b"Authorization: Bearer k", b"X-A: b"):
        assert field in seen
    assert b"Connection:" not in seen  # it is kept for the next one
    assert b"X-Forwarded-For: 127.0.0.1" in seen  # without keys the service refuses it for this
    assert seen.endswith(b"{}")


def test_no_trailer_reaches_the_service(port: int) -> None:
    chunks = b"2\r\n{}\r\n0\r\nAuthorization: Bearer other\r\n\r\n"
    request = HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
    seen = told(port, request)
    assert seen.endswith(b"{}")
    assert b"other" not in seen
    assert b"Content-Length: 2" in seen


@pytest.mark.parametrize(
    "path",
    [
        *("/metrics", "/docs", "/openapi.json", "/readyz", "/", "/v1"),
        *("/v1/../metrics", "/v1/..%2fmetrics", "//v1/x", "/V1/x"),
    ],
)
def test_all_else_stays_inside(port: int, path: str) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\r\n"
    assert told(port, request.encode()).startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize(
    ("more", "status"),
    [
        (b"X: " + b"a" * 9000 + b"\r\n", 400),
        (b"".join(b"X-%d: %s\r\n" % (n, b"a" * 7000) for n in range(6)), 400),
        (b"Content-Length: 4194305\r\n", 413),
    ],
)
def test_what_is_too_large_ends_here(port: int, more: bytes, status: int) -> None:
    answer = told(port, HEAD + b"Connection: close\r\n" + more + b"\r\n")
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())


def test_another_name_is_not_answered(port: int) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        told(port, HEAD + b"\r\n", name="other.example.com")
