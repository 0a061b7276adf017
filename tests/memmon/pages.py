"""A real HTTP server whose pages a test sets."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Server(ThreadingHTTPServer):
    """One that lets a whole shard connect at the same time."""

    request_queue_size = 128


class Pages:
    """`pages[path]` is the body; /hang answers only when the test ends, /huge never ends by
    itself.
    """

    def __init__(self) -> None:
        outer = self
        self.pages: dict[str, str] = {}
        self.release = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/hang":
                    outer.release.wait(20)
                existing = self.path in outer.pages or self.path == "/huge"
                self.send_response(200 if existing else 404)
                self.end_headers()
                if self.path == "/huge":
                    self._pour()
                self.wfile.write(outer.pages.get(self.path, "").encode())

            def _pour(self) -> None:
                try:
                    while not outer.release.is_set():
                        self.wfile.write(b"x 1\n" * 100_000)
                except OSError:
                    return

            def log_message(self, *_: object) -> None: ...

        self.server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.release.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def pages() -> Iterator[Pages]:
    """A server of pages on loopback."""
    server = Pages()
    yield server
    server.close()
