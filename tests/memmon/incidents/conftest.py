"""A real client endpoint of a target."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

TOKEN = "client-token-of-tests"


class Endpoint:
    """A target's process as memmon's calls see it: stores the restrictions, answers as a test
    requires.
    """

    def __init__(self) -> None:
        outer = self
        self.calls: list[tuple[str, str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.status = 200
        self.body = json.dumps({"cleared": 3, "pid": 1}).encode()

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.calls.append((self.command, self.path, json.loads(body) if body else None))
                outer.headers.append(dict(self.headers))
                self.send_response(outer.status)
                self.end_headers()
                self.wfile.write(outer.body)

            do_GET = do_PUT = do_POST = _answer

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def paths(self) -> list[str]:
        return [f"{method} {path}" for method, path, _ in self.calls]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """A target's process on loopback."""
    server = Endpoint()
    yield server
    server.close()
