"""Pure: decides the notification of one group on one channel, and why."""

from __future__ import annotations

from typing import Literal, NamedTuple

from memmon.routing import dedup
from memmon.routing.dedup import NotificationLogEntry

BEING_SENT = "being sent"
WAITING = "waiting for the receiver"
CANCELLED = "no longer of interest"
ACKNOWLEDGED = "acknowledged by a person"

Act = Literal["send", "log", "cancel", "wait", "nothing"]


class ReceiverChannel(NamedTuple):
    """One channel of a receiver, and whether it takes resolved alerts and acknowledgements."""

    name: str
    wants_resolved: bool
    wants_acknowledged: bool = False


class Pending(NamedTuple):
    """A message to a channel that was not delivered yet: `state` is waiting, sending or failed."""

    id: int
    state: str
    attempts: int
    created_at: float
    firing: frozenset[int]
    resolved: frozenset[int]


class Members(NamedTuple):
    """The alerts of a group: firing, resolved, suppressed, and whether all firing ones are
    acknowledged.
    """

    firing: frozenset[int]
    resolved: frozenset[int]
    muted: frozenset[int]
    acknowledged: bool


class ChannelDecision(NamedTuple):
    """Decision about a channel, and the recorded reason."""

    act: Act
    reason: str


def decide(
    channel: ReceiverChannel,
    now_: Members,
    log_entry: NotificationLogEntry | None,
    pending: Pending | None,
    repeat: float,
    now: float,
    life: float,
) -> ChannelDecision:
    """Return what to do. At most one message of a group is on its way to a channel: one that still
    waits is brought up to date.

    An attempt without an answer may have been delivered, so a channel that may know of firing
    alerts is notified of their resolution. A message that was not delivered within `life` seconds
    is dropped once nothing fires.
    """
    if pending and pending.state == "sending":
        return ChannelDecision("wait", BEING_SENT)
    if log_entry is not None:
        # A clock that was set back must not put the next notice off.
        log_entry = log_entry._replace(firing=log_entry.firing - now_.muted, at=min(log_entry.at, now))
    reason: str = dedup.decide(
        now_.firing, now_.resolved, log_entry, repeat, now, now_.acknowledged, channel.wants_resolved
    )
    if reason not in dedup.SENDING and channel.wants_acknowledged and log_entry and now_.firing and now_.acknowledged:
        reason = ACKNOWLEDGED if not log_entry.acknowledged else reason
    sends = reason in dedup.SENDING or reason == ACKNOWLEDGED
    if pending is None:
        return _fresh(channel, reason) if sends else ChannelDecision("nothing", reason)
    if not sends and pending.attempts and pending.firing & now_.resolved and not now_.firing:
        reason, sends = "all alerts resolved", True
    if not sends:
        return ChannelDecision("cancel", CANCELLED)
    if pending.state == "failed" and not now_.firing and now - pending.created_at > life:
        return ChannelDecision("cancel", CANCELLED)
    same = (pending.firing, pending.resolved) == (now_.firing, now_.resolved)
    if pending.state == "waiting" and same:
        return ChannelDecision("wait", WAITING)
    return _fresh(channel, reason)


def _fresh(channel: ReceiverChannel, reason: str) -> ChannelDecision:
    """A resolution is not sent to a channel without `send_resolved`, but it enters the log."""
    quiet = reason in dedup.RESOLVING and not channel.wants_resolved
    return ChannelDecision("log" if quiet else "send", reason)
