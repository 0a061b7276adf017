"""Every key in Redis: its name, type and life. Nothing else builds a key."""

from __future__ import annotations

PREFIX = "memmon:"


def lease(name: str) -> str:
    """String: who holds `name`; expires with the lease."""
    return f"{PREFIX}lease:{name}"


def period(name: str, number: int) -> str:
    """String: the period `number` of the tick `name` was claimed; expires after two periods."""
    return f"{PREFIX}period:{name}:{number}"


def live(stream: str) -> str:
    """Channel of the live feed's `stream`."""
    return f"{PREFIX}live:{stream}"


def counters() -> str:
    """Hash: metric with labels -> number, durable."""
    return f"{PREFIX}counters"


def pulse() -> str:
    """Hash: component -> JSON of its last run; no expiry, readers judge the age."""
    return f"{PREFIX}pulse"


def workers() -> str:
    """Hash: worker's node name -> JSON of its last heartbeat; readers drop old ones."""
    return f"{PREFIX}workers"


def evaluation_pending() -> str:
    """String: an evaluation is waiting, so no other need be sent; expires after one interval."""
    return f"{PREFIX}evaluation-pending"
