"""An answer that many ask for at once, calculated once in a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any

MAX_ENTRIES = 64
EVICTION_SECONDS = 60.0
"""Seconds after which an answer is forgotten when there are many."""


class TtlCache:
    """Caches answers for `ttl` seconds; older ones are dropped when there are many."""

    def __init__(self, ttl: float):
        self._seconds = ttl
        self._kept: dict[Hashable, tuple[float, Future[Any]]] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, compute: Callable[[], Any], ttl: float | None = None) -> Any:
        """Return the answer for `key`, recomputed when it is older than `seconds`. Concurrent
        callers wait for the computation and share its failure.
        """
        life = self._seconds if ttl is None else ttl
        answer: Future[Any] = Future()
        with self._lock:
            cached = self._kept.get(key)
            if not cached or time.monotonic() - cached[0] >= life:
                cached = None
                self._forget()
                self._kept[key] = (time.monotonic(), answer)
        if cached:
            return cached[1].result()
        try:
            answer.set_result(compute())
        # The waiting callers must receive the failure.
        except BaseException as error:  # noqa: BLE001
            self._kept.pop(key, None)
            answer.set_exception(error)
        return answer.result()

    def _forget(self) -> None:
        if len(self._kept) >= MAX_ENTRIES:
            now = time.monotonic()
            self._kept = {
                key: entry
                for key, entry in self._kept.items()
                if now - entry[0] < EVICTION_SECONDS or not entry[1].done()
            }
