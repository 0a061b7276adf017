"""A least-recently-used cache of search results that knows its size in bytes."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from typing import Any

Found = list[dict[str, Any]]


class Cache:
    """Holds what searches found; the longest unused goes first when it is full."""

    def __init__(self, entries: int = 256, size: int = 1 << 20):
        self._held: OrderedDict[tuple[str, int], tuple[Found, int]] = OrderedDict()
        self._max_entries = entries
        self._max_bytes = size
        self._lock = threading.Lock()
        self.size_bytes = 0
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._held)

    def get(self, query: str, limit: int) -> Found | None:
        """Return what the search found the last time, or None."""
        with self._lock:
            entry = self._held.get((query, limit))
            if entry is None:
                self.misses += 1
                return None
            self.hits += 1
            self._held.move_to_end((query, limit))
            return entry[0]

    def put(self, query: str, limit: int, results: Found) -> None:
        """Keep what a search found."""
        size = len(query) + len(json.dumps(results))
        with self._lock:
            self._drop((query, limit))
            self._held[query, limit] = (results, size)
            self.size_bytes += size
            while len(self._held) > self._max_entries or self.size_bytes > self._max_bytes:
                self._drop(next(iter(self._held)))

    def forget_about(self, text: str) -> None:
        """Drop the searches that a new memory with this text belongs to."""
        lower = text.lower()
        with self._lock:
            for key in [key for key in self._held if all(word in lower for word in key[0].split())]:
                self._drop(key)

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._held.clear()
            self.size_bytes = 0

    def _drop(self, key: tuple[str, int]) -> None:
        entry = self._held.pop(key, None)
        if entry:
            self.size_bytes -= entry[1]
