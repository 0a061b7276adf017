"""What waits to be sent to one client: a bounded list, which shrinks to the newest of each kind for
who reads too slowly.
"""

from __future__ import annotations

import threading

MAX_QUEUED = 64


class SendQueue:
    """Messages for one client. Every kind of message is news about a whole, so that of two the
    newer one is enough.
    """

    def __init__(self, max_queued: int = MAX_QUEUED):
        self._size = max_queued
        self._waiting: list[tuple[str, str]] = []
        self._changed = threading.Condition()
        self._closed = False

    def put(self, kind: str, message: str) -> None:
        """Add a message; never waits."""
        with self._changed:
            self._waiting.append((kind, message))
            if len(self._waiting) > self._size:
                newest = {kind: index for index, (kind, _) in enumerate(self._waiting)}
                self._waiting = [self._waiting[index] for index in sorted(newest.values())]
            self._changed.notify()

    def get(self) -> str | None:
        """Wait for a message and return it; None once the mailbox was closed."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            return None if self._closed else self._waiting.pop(0)[1]

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
