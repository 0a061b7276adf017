"""Pure: whether a group's receiver is told again, and why. Source: Alertmanager's `notify/dedup_stage.go`."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Literal, NamedTuple

Reason = Literal[
    "first notification",
    "new alerts",
    "alerts resolved",
    "repeat interval elapsed",
    "nothing new",
    "nothing firing and nothing told before",
    "acknowledged",
]

SENDING: frozenset[str] = frozenset({"first notification", "new alerts", "alerts resolved", "repeat interval elapsed"})


class Told(NamedTuple):
    """What the receiver was last told, and when (Unix seconds)."""

    firing: frozenset[int]
    resolved: frozenset[int]
    at: float


def decide(
    firing: AbstractSet[int],
    resolved: AbstractSet[int],
    told: Told | None,
    repeat: float,
    now: float,
    acknowledged: bool = False,
) -> Reason:
    """Return why the receiver is, or is not, told of these alerts now. `acknowledged` says that somebody cares for all
    that fire: then nothing is repeated."""
    if told is None or not told.firing:
        if firing:
            return "first notification"
        return "nothing new" if told else "nothing firing and nothing told before"
    if not firing <= told.firing:
        return "new alerts"
    if resolved & told.firing:
        return "alerts resolved"
    if firing and now - told.at >= repeat:
        return "acknowledged" if acknowledged else "repeat interval elapsed"
    return "nothing new"
