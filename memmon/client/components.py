"""Parts of the host that memmon may restart or scale: what the host has named, and nothing else.

A key that came before is answered as it was then: a call that is made twice acts once.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

KEPT = 100


class HostComponent(NamedTuple):
    """The host's functions to restart, measure and scale one component; None where unsupported."""

    restart: Callable[[], Any] | None
    size: Callable[[], int] | None
    scale: Callable[[int], Any] | None


class Unfit(ValueError):
    """The component does not support the request; `status` is the HTTP status of the answer."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


class HostComponents:
    """The parts of this process by name, and how often each was restarted."""

    def __init__(self) -> None:
        self._parts: dict[str, HostComponent] = {}
        self._generations: dict[str, int] = {}
        self._done: OrderedDict[tuple[str, str], dict[str, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, name: str, part: HostComponent) -> None:
        """Let memmon control the part called `name`."""
        self._parts[name] = part

    def show(self, name: str) -> dict[str, Any]:
        """Return {name, generation, size?}; Unfit for a part that nobody named."""
        part = self._part(name)
        description: dict[str, Any] = {"name": name, "generation": self._generations.get(name, 0)}
        return description | ({"size": int(part.size())} if part.size else {})

    def do(self, name: str, request: Any) -> dict[str, Any]:
        """Restart or scale as {"action", "size", "key"} says; return how the part is then."""
        part, key = self._part(name), str(request.get("key") or "") if isinstance(request, dict) else ""
        with self._lock:
            if key and (name, key) in self._done:
                return self._done[name, key]
            self._act(name, part, request)
            description = self.show(name)
            if key:
                self._done[name, key] = description
                while len(self._done) > KEPT:
                    self._done.popitem(last=False)
            return description

    def forget(self) -> None:
        """Know of no call any more, as after a restart of the process."""
        with self._lock:
            self._done.clear()

    def _act(self, name: str, part: HostComponent, request: Any) -> None:
        action = request.get("action") if isinstance(request, dict) else None
        if action == "restart" and part.restart:
            part.restart()
            self._generations[name] = self._generations.get(name, 0) + 1
        elif action == "scale" and part.scale:
            size = request.get("size")
            if not isinstance(size, int) or isinstance(size, bool) or size < 1:
                raise Unfit(400, "size: must be a whole number above 0")
            part.scale(size)
        elif action in ("restart", "scale"):
            raise Unfit(409, f"{name} cannot {action}")
        else:
            raise Unfit(400, "action: must be restart or scale")

    def _part(self, name: str) -> HostComponent:
        if name not in self._parts:
            raise Unfit(404, f"this process has named no part {name[:100]}")
        return self._parts[name]


PARTS = HostComponents()


def control(
    name: str,
    *,
    restart: Callable[[], Any] | None = None,
    size: Callable[[], int] | None = None,
    scale: Callable[[int], Any] | None = None,
) -> None:
    """Let memmon restart, measure and scale the component `name` of this process."""
    PARTS.add(name, HostComponent(restart, size, scale))
