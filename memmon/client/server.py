"""A small HTTP server in a thread: the page of metrics and the control endpoint, for hosts that
serve no HTTP themselves.
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from memmon.client import registry
from memmon.client.control_endpoint import BASE, MAX_BODY, ControlAnswer, ControlEndpoint

MAX_SECONDS = 30.0


class Exposed:
    """The running server; `close()` ends it."""

    def __init__(self, server: ThreadingHTTPServer):
        self._server = server
        self.port = int(server.server_address[1])
        self._thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="memmon-expose", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def expose(port: int, host: str = "127.0.0.1", token: str | None = None) -> Exposed:
    """Serve /metrics, and with a `token` the control endpoint; port 0 takes a free one. Raises
    OSError for a port in use.
    """
    server = ThreadingHTTPServer((host, port), type("Handler", (_Handler,), {"control": ControlEndpoint(token)}))
    server.daemon_threads = True
    return Exposed(server)


class _Handler(BaseHTTPRequestHandler):
    timeout = MAX_SECONDS
    control: ControlEndpoint

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/metrics":
            self._send(200, registry.CONTENT_TYPE, registry.page())
        elif path.startswith(BASE):
            self._control(path)
        else:
            self._json(
                ControlAnswer(404, {"error": "not_found", "message": "there are /metrics and the control endpoint"})
            )

    do_HEAD = do_PUT = do_POST = do_GET

    def _control(self, path: str) -> None:
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            self._json(ControlAnswer(400, {"error": "bad_input", "field": "Content-Length", "message": "is no number"}))
            return
        if length > MAX_BODY:
            self._json(ControlAnswer(413, {"error": "too_large", "message": f"more than {MAX_BODY} bytes"}))
            return
        body = self.rfile.read(max(0, length))
        self._json(self.control.answer(self.command, path, self.headers.get("Authorization", ""), body))

    def _json(self, answer: ControlAnswer) -> None:
        self._send(answer.status, "application/json", answer.content)

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: the host's standard error is not ours."""
