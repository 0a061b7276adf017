"""A real local server that speaks what a test has recorded of an engine's API."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from memmon.config.targets import Component, Target
from memmon.incidents.controls.base import ControlledComponent

Answers = Callable[[str, str, Any], tuple[int, Any]]


class Engine:
    """Records its requests: method, path, headers, body; `answers` lists the answers."""

    def __init__(self, answers: Answers, unix: Path | None = None):
        engine = self
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                body = json.loads(raw) if raw else None
                engine.asked.append((self.command, self.path, dict(self.headers), body))
                status, answer = answers(self.command, self.path, body)
                text = b"" if answer is None else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PATCH = do_DELETE = _answer

            def address_string(self) -> str:
                return "local"

            def log_message(self, *_: object) -> None: ...

        class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True

        self.server: socketserver.BaseServer = (
            UnixServer(str(unix), Handler) if unix else ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        )
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = "" if unix else f"http://127.0.0.1:{self.server.server_address[1]}"  # type: ignore[index]

    def paths(self) -> list[str]:
        return [f"{method} {path}" for method, path, _, _ in self.asked]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def engines() -> Iterator[Callable[..., Engine]]:
    """Start engines: engines(answers, unix=path)."""
    engines: list[Engine] = []

    def make(answers: Answers, unix: Path | None = None) -> Engine:
        engines.append(Engine(answers, unix))
        return engines[-1]

    yield make
    for entry in engines:
        entry.close()


@pytest.fixture
def part() -> Callable[..., ControlledComponent]:
    """Make a component as controls see it: part(control="docker", unit="web")."""

    def make(key: str = "7/act/0", **component: Any) -> ControlledComponent:
        target = Target.model_validate({"name": "demo", "database": "/nonexistent"})
        return ControlledComponent(target, "api", Component.model_validate(component), key, 5.0)

    return make
