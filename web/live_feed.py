"""One listener per process on Redis' live feed, and its subscribers."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Any

from memmon import encode
from memmon.analysis import service as analysis
from memmon.context import Context
from memmon.errors import MemmonError
from memmon.state import client, heartbeat, keys
from web.cache import TtlCache
from web.send_queue import SendQueue

log = logging.getLogger(__name__)

COMPONENT = "dashboard_server"
STATUS_TTL = 1.0
"""Seconds for which a status is reused for all subscribers: many clients that connect at once cost
one query.
"""

RECONNECT_SECONDS = 1.0
LISTEN_TIMEOUT = 2.0
"""Seconds that an operation of the listener may take; a Redis that hangs is found out within its
health check and these.
"""


class Subscriber:
    """One client: its streams and its queued messages."""

    def __init__(self) -> None:
        self.streams: frozenset[str] = frozenset()
        self.send_queue = SendQueue()

    def send(self, message_type: str, **fields: Any) -> None:
        """Send a message of this type."""
        self.send_queue.put(
            f"{message_type} {fields.get('stream', '')}", encode.dumps({"type": message_type, **fields})
        )


class LiveFeed:
    """Forwards every message of the live feed to the subscribers of its stream, and publishes
    memmon's status.
    """

    def __init__(self, ctx: Callable[[], Context]):
        self.is_redis_up = True
        """Whether Redis answered the last time that it was asked."""
        self._ctx = ctx
        self._subscribers: set[Subscriber] = set()
        self._pid: int | None = None
        self._lock = threading.Lock()
        self._recent = TtlCache(STATUS_TTL)

    def __len__(self) -> int:
        return len(self._subscribers)

    def start(self) -> None:
        """Begin to listen, once a process: threads do not survive a fork."""
        with self._lock:
            if self._pid == os.getpid():
                return
            self._pid = os.getpid()
            threading.Thread(target=self._listen, name="memmon-live", daemon=True).start()
            threading.Thread(target=self._tick, name="memmon-pulse", daemon=True).start()

    def add_subscriber(self, subscriber: Subscriber) -> None:
        """Add a subscriber."""
        self._subscribers.add(subscriber)

    def remove_subscriber(self, subscriber: Subscriber) -> None:
        """Forget a subscriber."""
        self._subscribers.discard(subscriber)

    def status(self, max_age: float = STATUS_TTL) -> dict[str, Any]:
        """Return the status, at most `max_age` seconds old."""
        status: dict[str, Any] = self._recent.get("status", lambda: analysis.status(self._ctx()), max_age)
        return status

    def broadcast(self, stream: str, data: Any) -> None:
        """Tell all subscribers of `stream`; nobody waits for a slow one."""
        wanting = [subscriber for subscriber in tuple(self._subscribers) if stream in subscriber.streams]
        if wanting:
            message = encode.dumps({"type": "update", "stream": stream, "data": data})
            for subscriber in wanting:
                subscriber.send_queue.put(f"update {stream}", message)

    def _wanted(self, stream: str) -> bool:
        return any(stream in subscriber.streams for subscriber in tuple(self._subscribers))

    def _tell_status(self) -> None:
        if self._wanted("status"):
            self.broadcast("status", self.status(0))

    def _listen(self) -> None:
        """Forward Redis' messages for ever. Messages during an outage are lost: pages reload when
        the status changes.
        """
        address, last_error = self._ctx().settings.redis_address, ""
        while True:
            try:
                self._forward(client.connect(address, LISTEN_TIMEOUT, retries=0))
            except client.RedisError as error:
                self.is_redis_up = False
                if str(error) != last_error:  # One line an outage, not one a second.
                    log.warning("the live feed is interrupted: %s", error)
                last_error = str(error)
            # A message that cannot be handed out must not end the feed of everybody.
            except Exception:
                log.exception("the live feed failed")
            self._safely(self._tell_status)
            time.sleep(RECONNECT_SECONDS)

    def _forward(self, connection: client.Redis) -> None:
        feed = connection.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
        prefix = keys.live("")
        try:
            feed.psubscribe(keys.live("*"))
            self.is_redis_up = True
            self._safely(self._tell_status)
            while True:
                message = feed.get_message(timeout=LISTEN_TIMEOUT)
                if message is not None:
                    self.broadcast(message["channel"].decode().removeprefix(prefix), json.loads(message["data"]))
        finally:
            feed.close()
            connection.close()

    def _tick(self) -> None:
        """Every few seconds: say that this process lives, and tell what no event tells."""
        while True:
            self._safely(self._beat)
            self._safely(self._tell_status)
            if self._wanted("tasks"):
                self._safely(lambda: self.broadcast("tasks", analysis.tasks(self._ctx())))
            time.sleep(analysis.DASHBOARD_EVERY)

    def _beat(self) -> None:
        ctx = self._ctx()
        heartbeat.beat(ctx.redis, COMPONENT, "ok", ctx.now(), pid=os.getpid(), clients=len(self))

    def _safely(self, do: Callable[[], None]) -> None:
        try:
            do()
        except MemmonError as error:
            log.debug("%s", error)  # The status says it, and the next turn tries again.
        # The thread must live as long as the process.
        except Exception:
            log.exception("the live feed failed")
