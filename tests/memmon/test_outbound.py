import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from memmon import outbound
from memmon.errors import Permanent, Refused, Transient


class Handler(BaseHTTPRequestHandler):
    release = threading.Event()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/hang":
            self.release.wait(10)
        self.send_response(302 if self.path == "/away" else 200)
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(b"x" * 3_000_000 if self.path == "/huge" else body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Handler.release.clear()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    Handler.release.set()
    server.shutdown()
    server.server_close()


def test_json_goes_out_and_the_answer_comes_back(url: str) -> None:
    answer = outbound.request("POST", f"{url}/", json={"a": 1}, allow_private=True)
    assert (answer.status, answer.body) == (200, b'{"a": 1}')


def test_a_redirect_is_not_followed(url: str) -> None:
    assert outbound.request("POST", f"{url}/away", json={}, allow_private=True).status == 302


def test_a_huge_answer_is_cut(url: str) -> None:
    assert len(outbound.request("POST", f"{url}/huge", json={}, allow_private=True).body) <= outbound.MAX_ANSWER_BYTES


def test_silence_is_transient(url: str) -> None:
    with pytest.raises(Transient, match="no answer within 0.2 s"):
        outbound.request("POST", f"{url}/hang", json={}, timeout=0.2, allow_private=True)


def test_a_closed_port_is_transient() -> None:
    with pytest.raises(Transient):
        outbound.request("GET", "http://127.0.0.1:1/", allow_private=True)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "localhost"]
)
def test_private_addresses_are_refused_unless_allowed(host: str) -> None:
    with pytest.raises(Refused, match="private address"):
        outbound.request("GET", f"http://{host}:1/")


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1]/",
        "http://127.0.0.1?@example.com/",
        "http://127.0.0.1#@example.com/",
        "http://\uff11\uff12\uff17.0.0.1/",  # Digits of full width.
        "http://0x7f.1/",
    ],
)
def test_a_private_address_is_found_however_it_is_written(url: str) -> None:
    with pytest.raises(Refused, match="private address"):
        outbound.request("GET", url)


def test_a_name_with_several_private_addresses_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 1, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
    with pytest.raises(Refused, match="private address"):
        outbound.request("GET", "http://twice.example/")


def test_what_is_no_address_is_permanent() -> None:
    with pytest.raises(Permanent):
        outbound.request("GET", "http:///nothing", allow_private=True)
