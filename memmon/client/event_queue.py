"""Security events on their way to memmon: a bounded queue, a thread, batches. The host never waits
for it.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
import urllib.error
import urllib.request
from typing import Any

from memmon.client import registry

log = logging.getLogger(__name__)

PATH = "/api/security/events"
MAX_WAITING = 1000
MAX_BATCH = 100
GATHER_SECONDS = 0.2
TIMEOUT = 5.0
LONGEST_PAUSE = 30.0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the key elsewhere."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class Reporter:
    """Sends events in the background; what does not fit into the queue is dropped and counted."""

    def __init__(self, url: str, key: str, waiting: int = MAX_WAITING, pause: float = 1.0):
        self._url = url.rstrip("/") + PATH
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._queue: queue.Queue[dict[str, Any]] = queue.Queue(waiting)
        self._shortest = pause
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        # The address is the operator's own, often loopback: no proxy of the environment lies
        # between.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)
        _dropped("full")
        _dropped("refused")

    def report(self, event: dict[str, Any]) -> None:
        """Queue one event; never waits."""
        try:
            self._queue.put_nowait(event)
        except queue.Full:
            _dropped("full").inc()
        self._start()

    def _start(self) -> None:
        """Start the thread at the first event, and again in a child process, where threads do not
        survive a fork.
        """
        if self._thread is not None and self._thread.is_alive():
            return
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="memmon-report", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            self._deliver(self._batch())

    def _batch(self) -> list[dict[str, Any]]:
        """Wait for an event; return it with the events that are queued behind it."""
        batch = [self._queue.get()]
        deadline = time.monotonic() + GATHER_SECONDS
        while len(batch) < MAX_BATCH:
            try:
                batch.append(self._queue.get(timeout=max(0.0, deadline - time.monotonic())))
            except queue.Empty:
                break
        return batch

    def _deliver(self, events: list[dict[str, Any]]) -> None:
        """Retry until memmon accepts or rejects the events. Meanwhile the queue fills and drops
        further events.
        """
        pause = self._shortest
        while True:
            status = self._post(events)
            if 200 <= status < 300:
                _sent().inc(len(events))
                return
            if 300 <= status < 500 and status != 429:
                log.warning("memmon refused %d security events with status %d", len(events), status)
                _dropped("refused").inc(len(events))
                return
            time.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    def _post(self, events: list[dict[str, Any]]) -> int:
        """Return the status of the answer, 0 for none."""
        request = urllib.request.Request(self._url, json.dumps(events).encode(), self._headers)
        try:
            with self._opener.open(request, timeout=TIMEOUT) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        # This thread must survive every answer of the server.
        except Exception as error:  # noqa: BLE001
            log.debug("memmon does not take security events: %s", error)
            return 0


def _dropped(reason: str) -> Any:
    about = "Security events that memmon did not get, by reason"
    return registry.counter("memmon_client_events_dropped_total", about, "reason").labels(reason)


def _sent() -> Any:
    return registry.counter("memmon_client_events_sent_total", "Security events that memmon took")
