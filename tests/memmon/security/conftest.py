"""A target's process as memmon's calls see it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

TOKEN = "client-token-of-tests"


class Client:
    """A small server of `/-/memmon/restrictions`: it takes a whole state, and only with its
    token.
    """

    def __init__(self) -> None:
        outer = self
        self.states: list[dict[str, Any]] = []
        self.status = 200
        self.body = b"{}"
        self.free = threading.Event()
        self.free.set()

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.free.wait(20)
                existing = self.headers["Authorization"] == f"Bearer {TOKEN}" and self.path == "/-/memmon/restrictions"
                if existing and outer.status == 200:
                    outer.states.append(json.loads(body))
                self.send_response(outer.status if existing else 401)
                self.end_headers()
                self.wfile.write(outer.body)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def target(self, name: str, token: str = TOKEN) -> str:
        """Return the entry of targets.yml that leads here."""
        return f"{{name: {name}, database: /none, client: {{url: '{self.url}/-/memmon', token: {token}}}}}"

    def blocked(self) -> list[str]:
        """Return the addresses of the last state."""
        return [state["address"] for state in self.states[-1]["blocked"]]

    def close(self) -> None:
        self.free.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def client() -> Iterator[Client]:
    """A target's client on loopback."""
    server = Client()
    yield server
    server.close()
