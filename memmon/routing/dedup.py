"""Pure: decides whether a group is notified again, and why. Source: Alertmanager's
`notify/dedup_stage.go`.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Literal, NamedTuple

Reason = Literal[
    "first notification",
    "new alerts added",
    "all alerts resolved",
    "some alerts resolved",
    "repeat interval elapsed",
    "nothing new",
    "nothing firing and nothing notified before",
    "acknowledged",
]

RESOLVING: frozenset[str] = frozenset({"all alerts resolved", "some alerts resolved"})
"""Reasons that concern only channels with `send_resolved`."""

SENDING: frozenset[str] = RESOLVING | {"first notification", "new alerts added", "repeat interval elapsed"}


class NotificationLogEntry(NamedTuple):
    """The last delivery: alert ids, time (Unix seconds), and whether all firing alerts were
    acknowledged then.
    """

    firing: frozenset[int]
    resolved: frozenset[int]
    at: float
    acknowledged: bool = False


def decide(
    firing: AbstractSet[int],
    resolved: AbstractSet[int],
    log_entry: NotificationLogEntry | None,
    repeat: float,
    now: float,
    acknowledged: bool = False,
    send_resolved: bool = True,
) -> Reason:
    """Return why the receiver is notified of these alerts now, or not. With `acknowledged` (all
    firing alerts are acknowledged) nothing is repeated. Without `send_resolved` only the resolution
    of all alerts is a reason, so that it enters the log.
    """
    if log_entry is None:
        return "first notification" if firing else "nothing firing and nothing notified before"
    if not firing <= log_entry.firing:
        return "new alerts added"
    if not firing:
        return "all alerts resolved" if log_entry.firing else "nothing new"
    if send_resolved and not resolved <= log_entry.resolved:
        return "some alerts resolved"
    if now - log_entry.at > repeat:
        return "acknowledged" if acknowledged else "repeat interval elapsed"
    return "nothing new"
