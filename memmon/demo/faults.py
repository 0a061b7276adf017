"""Faults that can be switched on for a while. They are gone when the time is over or the process
restarts.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import threading
import time
from typing import Any

from memmon.errors import BadInput

log = logging.getLogger(__name__)

FAULTS = {
    "slow-database": "every query waits more than a second inside SQLite",
    "memory-leak": "the process takes up to 200 MB that it does not need",
    "errors": "every operation on memories fails",
    "cache-misses": "the cache is emptied before every look-up",
    "crash": "the process kills itself",
}
MAX_SECONDS = 3600.0
LEAK_BYTES = 200 << 20
LEAK_STEP = 8 << 20
LEAK_EVERY = 0.5
SLOWEST, FASTEST = 1.9, 1.3
"""Seconds that a query waits: clearly above the limit of 1 second, clearly below that of 5."""


class Faults:
    """Which faults are on, until when."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._change = threading.Condition()
        self._closed = False
        self._leaking: threading.Thread | None = None

    def switch(self, request: Any) -> dict[str, Any]:
        """Switch a fault on as {"fault", "seconds"} (0 seconds: off); return the active faults.
        BadInput names the wrong field.
        """
        name, seconds = _parse(request)
        with self._change:
            self._until[name] = time.time() + seconds
            self._change.notify_all()
        log.warning("fault %s for %g s", name, seconds)
        if name == "memory-leak" and seconds:
            self._start_leak()
        if name == "crash" and seconds:
            # After the answer.
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGKILL)).start()
        return self.to_json()

    def to_json(self) -> dict[str, Any]:
        """Return the faults that are on, until when (Unix seconds), and all that there are."""
        now = time.time()
        return {
            "on": [{"fault": name, "until": until} for name, until in self._until.items() if until > now],
            "faults": FAULTS,
        }

    def on(self, name: str) -> bool:
        """Tell whether the fault is on."""
        return not self._closed and self._until.get(name, 0.0) > time.time()

    def wait(self, name: str, seconds: float) -> None:
        """Wait `seconds`, less when the fault ends before."""
        deadline = time.monotonic() + seconds
        with self._change:
            while self.on(name) and (left := deadline - time.monotonic()) > 0:
                self._change.wait(min(left, 0.5))

    def hold(self) -> int:
        """The SQL function of every query: returns 1 at once, or after a while that the database is
        slow.
        """
        if self.on("slow-database"):
            self.wait("slow-database", random.uniform(FASTEST, SLOWEST))
        return 1

    def close(self) -> None:
        """End every fault and every wait."""
        with self._change:
            self._closed = True
            self._change.notify_all()

    def _start_leak(self) -> None:
        if self._leaking is None or not self._leaking.is_alive():
            self._leaking = threading.Thread(target=self._leak, name="leak", daemon=True)
            self._leaking.start()

    def _leak(self) -> None:
        taken: list[bytes] = []
        while self.on("memory-leak"):
            if len(taken) * LEAK_STEP < LEAK_BYTES:
                # Written to, else the system would not really give it.
                taken.append(b"\x01" * LEAK_STEP)
            self.wait("memory-leak", LEAK_EVERY)


def _parse(request: Any) -> tuple[str, float]:
    if not isinstance(request, dict):
        raise BadInput("body", "must be an object")
    name, seconds = request.get("fault"), request.get("seconds")
    if not isinstance(name, str) or name not in FAULTS:
        raise BadInput("fault", f"must be one of {', '.join(FAULTS)}")
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 <= seconds <= MAX_SECONDS:
        raise BadInput("seconds", f"must be a number from 0 to {MAX_SECONDS:g}")
    return name, float(seconds)
