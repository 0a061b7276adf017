"""The demo's process: a threaded HTTP server around the instrumented memories."""

from __future__ import annotations

import random
import threading
from socketserver import ThreadingMixIn
from types import FrameType
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from memmon import client
from memmon.demo.app import EXEMPT, FEATURES, App
from memmon.demo.cache import Cache
from memmon.demo.database import Database
from memmon.demo.environment import Environment
from memmon.demo.faults import Faults
from memmon.demo.load import LoadGenerator, sentence
from memmon.demo.service import Memories

FURNISHED = 100
"""Memories that a new demo begins with, so that searches find something from the start."""


class Server(ThreadingMixIn, WSGIServer):
    """A thread a request."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64


class Handler(WSGIRequestHandler):
    """Without a line for every request, and without asking the DNS for the name of every caller."""

    timeout = 30

    def log_message(self, *_: object) -> None:
        """The demo's requests are counted, not logged."""

    def address_string(self) -> str:
        return str(self.client_address[0])


class Demo:
    """The running parts. `run` serves until `stop`."""

    def __init__(self, environment: Environment, load: bool = True):
        self._faults = Faults()
        self._database = Database(environment.database, self._faults.hold)
        cache = Cache()
        memories = Memories(self._database, cache, self._faults)
        if load and memories.is_empty():
            dice = random.Random()
            for _ in range(FURNISHED):
                memories.remember(sentence(dice))
        client.instrument(memories)
        client.watch_cache(cache)
        client.watch_pool(lambda: self._database.active, lambda: self._database.size)
        client.control("connections", size=lambda: self._database.size, scale=self._database.resize)
        app = client.Middleware(
            App(memories, self._faults, environment.client_token),
            token=environment.client_token,
            report_url=environment.report_url,
            ingest_key=environment.ingest_key,
            trusted_proxies=("127.0.0.0/8", "::1/128"),
            features=FEATURES,
            exempt=EXEMPT,
        )
        self._server = Server((environment.host, environment.port), Handler)
        self._server.set_app(app)
        self._load = LoadGenerator(environment.host, environment.port) if load else None

    def run(self) -> None:
        """Serve until `stop` is called."""
        if self._load:
            self._load.start()
        self._server.serve_forever(poll_interval=0.25)
        self._server.server_close()
        self._database.close()

    def stop(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """End quietly; fit for a signal handler, which must not wait for the loop that it
        interrupts.
        """
        if self._load:
            self._load.stop()
        self._faults.close()
        threading.Thread(target=self._server.shutdown, daemon=True).start()
