"""WS /ws: what changes, as it changes. Messages are JSON objects with a `type`.

From the client: `ping`, and `subscribe {streams}`, which replaces an earlier one. To the client:
`pong`, `subscribed {streams}`, `update {stream, data}`, `error {error, message}`. A subscriber of
`status` receives it at once, and again whenever it may have missed a message.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from typing import Any

from flask import Blueprint, current_app, request
from flask_sock import Sock
from simple_websocket import ConnectionClosed, Server

from memmon.errors import Transient
from memmon.state.live import STREAMS
from web import http, origin
from web.errors import Forbidden
from web.live_feed import LiveFeed, Subscriber

blueprint = Blueprint("live", __name__)
sock = Sock()

MAX_CLIENTS = 1500
MAX_CONNECTION_SECONDS = 3600.0
"""Seconds after which a client must connect again, and show again that it may."""

SEND_TIMEOUT = 20.0
SERVER_OPTIONS = {"ping_interval": 25, "max_message_size": 4096}
SOCKET_ENVIRON_KEYS = ("gunicorn.socket", "werkzeug.socket")


class SendAllSocket:
    """A socket whose `send` sends all, one frame at a time, or fails.

    A cooperative socket sends what fits at the moment, and the WebSocket library does not look at
    how much that was.
    """

    def __init__(self, inner: socket.socket):
        self._inner = inner
        self._sending = threading.Lock()
        inner.settimeout(SEND_TIMEOUT)

    def send(self, data: bytes) -> int:
        with self._sending:
            self._inner.sendall(data)
        return len(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@blueprint.before_request
def _admit() -> None:
    """Refuse pages of other origins, and clients above the process' limit, before the connection is
    upgraded.
    """
    if not origin.is_same_origin(http.context().settings):
        raise Forbidden("the connection comes from a page of another origin")
    if len(_hub()) >= MAX_CLIENTS:
        raise Transient(f"{MAX_CLIENTS} clients are connected already")
    for name in SOCKET_ENVIRON_KEYS:
        if name in request.environ:
            request.environ[name] = SendAllSocket(request.environ[name])


def _hub() -> LiveFeed:
    feed: LiveFeed = current_app.extensions["memmon_hub"]
    return feed


@sock.route("/ws", bp=blueprint)  # type: ignore[untyped-decorator]
def ws(connection: Server) -> None:
    """Serve one client until it leaves."""
    hub, subscriber = _hub(), Subscriber()
    hub.start()
    hub.add_subscriber(subscriber)
    threading.Thread(target=_send, args=(connection, subscriber), name="memmon-send", daemon=True).start()
    until = time.monotonic() + MAX_CONNECTION_SECONDS
    try:
        while (left := until - time.monotonic()) > 0:
            message = connection.receive(timeout=left)
            if message is not None:
                _hear(hub, subscriber, message)
    finally:
        hub.remove_subscriber(subscriber)
        subscriber.send_queue.close()


def _send(connection: Server, subscriber: Subscriber) -> None:
    """Send what waits, until the connection is closed at either end."""
    try:
        while (message := subscriber.send_queue.get()) is not None:
            connection.send(message)
    except (ConnectionClosed, OSError):
        connection.connected = False
        # Wakes the one who reads; it may have no other sign that the client is gone.
        connection.event.set()


def _hear(hub: LiveFeed, subscriber: Subscriber, message: str | bytes) -> None:
    """Do what a client asks."""
    try:
        request_ = json.loads(message)
    except (ValueError, RecursionError):
        request_ = None
    kind = request_.get("type") if isinstance(request_, dict) else None
    if kind == "ping":
        subscriber.send("pong")
    elif kind == "subscribe":
        _subscribe(hub, subscriber, request_.get("streams", list(STREAMS)))
    else:
        subscriber.send("error", error="bad_input", message='send an object with the type "ping" or "subscribe"')


def _subscribe(hub: LiveFeed, subscriber: Subscriber, streams: Any) -> None:
    is_valid = isinstance(streams, list) and all(isinstance(name, str) and name in STREAMS for name in streams)
    if not is_valid:
        subscriber.send("error", error="bad_input", message=f"streams: must be a list of {', '.join(STREAMS)}")
        return
    subscriber.streams = frozenset(streams)
    subscriber.send("subscribed", streams=[name for name in STREAMS if name in subscriber.streams])
    if "status" in subscriber.streams:
        subscriber.send("update", stream="status", data=hub.status())
