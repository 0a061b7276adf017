"""An answer that many ask for at once, calculated once in a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Any

MOST = 16


class Recent:
    """Keeps the answers of the last `seconds`."""

    def __init__(self, seconds: float):
        self._seconds = seconds
        self._kept: dict[Hashable, tuple[float, Any]] = {}

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return the answer for `key`, made anew when it is too old."""
        known = self._kept.get(key)
        if known and time.monotonic() - known[0] < self._seconds:
            return known[1]
        value = make()
        self._kept[key] = (time.monotonic(), value)
        while len(self._kept) > MOST:
            del self._kept[next(iter(self._kept))]
        return value
