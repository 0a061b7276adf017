"""A real HTTP server whose answers a test holds back."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver:
    """Keeps the Idempotency-Key of each request that came in, and of each that was answered. While
    it `holds`, nothing is answered.
    """

    def __init__(self) -> None:
        outer = self
        self.came: list[str] = []
        self.answered: list[str] = []
        self._free = threading.Event()
        self._free.set()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                key = f"{self.path} {self.headers['Idempotency-Key']}"
                outer.came.append(key)
                outer._free.wait(60)
                if outer.gone(self):
                    return
                self.send_response(200)
                self.end_headers()
                outer.answered.append(key)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def hold(self) -> None:
        """Answer nobody from now on."""
        self._free.clear()

    def free(self) -> None:
        """Answer, also those who wait."""
        self._free.set()

    @staticmethod
    def gone(handler: BaseHTTPRequestHandler) -> bool:
        """Tell whether the caller hung up."""
        handler.connection.setblocking(False)
        try:
            return handler.connection.recv(1) == b""
        except BlockingIOError:
            return False
        finally:
            handler.connection.setblocking(True)

    def close(self) -> None:
        self.free()
        self.server.shutdown()
        self.server.server_close()
