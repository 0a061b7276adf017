"""Flushes due groups: decides notifications and suppressions, and records the reasons."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from sqlalchemy.orm import Session

from memmon import encode
from memmon import labels as label_sets
from memmon.alerts import service as alerts
from memmon.context import Context
from memmon.routing import group, route, store
from memmon.routing.dedup import NotificationLogEntry
from memmon.routing.group import ChannelDecision, Members, Pending, ReceiverChannel
from memmon.routing.inputs import FlushInputs
from memmon.routing.mute import Suppression
from memmon.routing.route import RouteNode
from memmon.routing.tables import GroupRow
from memmon.state import counters

LIFE = 86400.0
"""Seconds after which it is given up to tell a channel that something ended."""
MOST_DEPENDENTS = 50
SKEW = 60.0
"""Seconds by which the clocks of workers may differ."""


class LogEntry(NamedTuple):
    """The notification log entry that a message's delivery writes."""

    firing: list[int]
    resolved: list[int]
    acknowledged: bool
    reason: str


class Outbox(Protocol):
    """What takes the messages, in the same transaction as the decision. The notification log is
    written when one is delivered, by `record`.
    """

    def pending(self, session: Session, group_key: str) -> dict[str, Pending]:
        """Return by channel the newest message of a group that was not delivered."""

    def put(
        self,
        session: Session,
        receiver: str,
        channel: str,
        payload: dict[str, Any],
        group_key: str,
        note: LogEntry,
        old: Pending | None,
    ) -> None:
        """Take a message, in the place of the `old` one."""

    def cancel(self, session: Session, old: Pending) -> None:
        """Send a message no more."""


class Work(NamedTuple):
    """A group to flush: its route, the channels of its receiver, their log entries, and their
    pending messages.
    """

    ctx: Context
    session: Session
    view: FlushInputs
    row: GroupRow
    node: RouteNode
    channels: list[ReceiverChannel]
    log_entries: dict[str, NotificationLogEntry]
    pending: dict[str, Pending]


class Split(NamedTuple):
    """A group's alerts: those to notify, and the suppressions of the other firing ones."""

    open: dict[int, dict[str, Any]]
    suppressions: dict[int, list[Suppression]]

    def members(self) -> Members:
        """Return the ids of both, as decisions want them."""
        firing = frozenset(alert_id for alert_id, alert in self.open.items() if alert["state"] == "firing")
        cared = bool(firing) and all(self.open[alert_id]["status"] == "acknowledged" for alert_id in firing)
        return Members(firing, frozenset(self.open) - firing, frozenset(self.suppressions), cared)


def flush(ctx: Context, outbox: Outbox) -> int:
    """Look at every group that is due; return how many messages were put into the outbox."""
    now = ctx.now()
    farthest = _farthest(ctx)
    with ctx.read() as session:
        due = store.due_keys(session, now, farthest)
    if not due:
        return 0
    view = FlushInputs(ctx, now)
    nodes = {(route.short(node.key, 255), node.receiver): node for node in reversed(route.walk(view.top))}
    return sum(_flush_one(ctx, view, nodes, key, outbox, now + farthest) for key in due)


def _farthest(ctx: Context) -> float:
    """Return how far ahead a group may be put off, with some room for clocks that differ."""
    nodes = route.walk(route.tree(ctx.config.routes, ctx.settings))
    return max(max(node.group_wait, node.group_interval) for node in nodes) + SKEW


def _flush_one(
    ctx: Context, view: FlushInputs, nodes: dict[tuple[str, str], RouteNode], key: str, outbox: Outbox, latest: float
) -> int:
    """Claim, decide and send in one transaction: who loses the claim has sent nothing."""
    with ctx.write() as session:
        row = store.lock_group(session, key)
        if row is None or row.due_at is None or view.now < row.due_at <= latest:
            return 0  # Another worker got there first.
        node = nodes.get((row.route, row.receiver))
        if node is None:
            # The routes changed; its alerts are placed anew.
            store.drop_group(session, key, view.now)
            return 0
        channels, pending = told_channels(ctx, row.receiver), outbox.pending(session, key)
        work = Work(ctx, session, view, row, node, channels, store.log_entries(session, key), pending)
        group_alerts = alerts.alerts_by_id(session, store.members(session, key))
        over = frozenset() if pending else _over(group_alerts, work)
        store.leave(session, key, over, view.now)
        split = _split(work, [alert for alert in group_alerts if alert["id"] not in over])
        sent = _tell(work, split, outbox)
    if split.suppressions:
        counters.add(ctx.redis, "memmon_notifications_suppressed_total", {"receiver": row.receiver})
    return sent


def _over(group_alerts: list[dict[str, Any]], work: Work) -> frozenset[int]:
    """Return the alerts of whose end all have heard who want to."""
    ended = frozenset(alert["id"] for alert in group_alerts if alert["state"] != "firing")
    return (ended & _told_of(work.log_entries, "resolved")) - _owed(work.log_entries, work.channels)


def _owed(log_entries: dict[str, NotificationLogEntry], channels: list[ReceiverChannel]) -> frozenset[int]:
    """Return the alerts whose firing was delivered to a channel that takes resolutions."""
    wanting = {channel.name for channel in channels if channel.wants_resolved}
    return _told_of({name: entry for name, entry in log_entries.items() if name in wanting}, "firing")


def _told_of(log_entries: dict[str, NotificationLogEntry], field: str) -> frozenset[int]:
    return frozenset[int]().union(*(getattr(entry, field) for entry in log_entries.values()))


def _split(work: Work, group_alerts: list[dict[str, Any]]) -> Split:
    """Time intervals keep back everything, also ends, until they are over. What else keeps an alert
    back does not keep back its end from who heard that it fires.
    """
    split = Split({}, {})
    view, closed = work.view, work.view.route_held(work.node)
    heard = _told_of(work.log_entries, "firing")
    for alert in group_alerts:
        alert_id, is_firing = alert["id"], alert["state"] == "firing"
        suppressions = (
            closed + view.suppressions_of(view.labels_of(alert)) if is_firing or alert_id not in heard else closed
        )
        if not suppressions:
            split.open[alert_id] = alert
        elif is_firing or alert_id in heard:
            split.suppressions[alert_id] = suppressions
    return split


def _tell(work: Work, split: Split, outbox: Outbox) -> int:
    """Decide and act for each channel; return the number of messages in the outbox."""
    members, now, row = split.members(), work.view.now, work.row
    verdicts: dict[str, ChannelDecision] = {}
    for channel in work.channels:
        before, old = work.log_entries.get(channel.name), work.pending.get(channel.name)
        verdict = group.decide(channel, members, before, old, work.node.repeat_interval, now, LIFE)
        verdicts[channel.name] = verdict
        heard = (before.firing if before else frozenset()) & members.muted
        note = LogEntry(sorted(members.firing | heard), sorted(members.resolved), members.acknowledged, verdict.reason)
        if verdict.act == "send":
            payload = _payload(work, split, verdict.reason)
            outbox.put(work.session, row.receiver, channel.name, payload, row.key, note, old)
        elif verdict.act == "log":
            record(work.session, row.key, channel.name, note, now)
        if old and verdict.act in ("log", "cancel"):
            outbox.cancel(work.session, old)
    _keep(work, split, members, verdicts)
    return sum(verdict.act == "send" for verdict in verdicts.values())


def told_channels(ctx: Context, receiver: str) -> list[ReceiverChannel]:
    """Return the channels of a receiver, as decisions see them."""
    receiver_config = route.receivers(ctx.config.routes, ctx.settings).get(receiver)
    return [
        ReceiverChannel(name, config.send_resolved, name.startswith("pagerduty"))
        for name, config in (route.channels(receiver_config) if receiver_config else ())
    ]


def record(session: Session, group_key: str, channel: str, note: LogEntry, at: float) -> None:
    """Write the notification log entry of a channel."""
    store.save_log_entry(session, group_key=group_key, channel=channel, notified_at=at, **note._asdict())


def _keep(work: Work, split: Split, members: Members, verdicts: dict[str, ChannelDecision]) -> None:
    """Record the decision and the next flush. Resolved alerts leave once every channel was
    notified; an empty group is deleted.
    """
    session, row, now = work.session, work.row, work.view.now
    store.save_decision(
        session,
        now,
        group_key=row.key,
        channels={name: verdict.reason for name, verdict in verdicts.items()},
        firing=sorted(members.firing),
        resolved=sorted(members.resolved),
        muted={
            str(alert_id): [suppression.to_json() for suppression in suppressions]
            for alert_id, suppressions in sorted(split.suppressions.items())
        },
    )
    is_busy = any(verdict.act in ("send", "wait") for verdict in verdicts.values())
    is_idle = not members.firing and not members.muted
    owed = _owed(store.log_entries(session, row.key), work.channels)
    if not is_busy:
        store.leave_but(session, row.key, members.firing | members.muted | owed, now)
    if is_idle and not is_busy and not owed & members.resolved:
        store.drop_group(session, row.key, now)
        return
    ends = [
        suppression.until
        for suppressions in split.suppressions.values()
        for suppression in suppressions
        if suppression.until is not None and suppression.until > now
    ]
    row.due_at = min([now + work.node.group_interval, *ends])
    row.flushed_at = None if is_idle else now


def _payload(work: Work, split: Split, reason: str) -> dict[str, Any]:
    ctx, view, row, node = work.ctx, work.view, work.row, work.node
    ordered = sorted(split.open.values(), key=lambda alert: (alert["state"] != "firing", alert["id"]))
    rows = [{**alert, "status": "firing" if alert["state"] == "firing" else "resolved"} for alert in ordered]
    for alert in rows:
        dependents = view.dependencies.dependents(view.labels_of(alert))
        if dependents:
            alert["dependents"] = dependents[:MOST_DEPENDENTS]
    # What others depend on is the likely cause: it comes first, the one with the most dependents
    # before the others.
    rows.sort(key=lambda alert: (alert["status"] != "firing", -len(alert.get("dependents", ()))))
    return {
        "kind": "alert",
        "status": "firing" if any(alert["status"] == "firing" for alert in rows) else "resolved",
        "reason": reason,
        "group_key": route.group_key(node, label_sets.of(row.labels)),
        "group_labels": row.labels,
        "route_labels": dict(node.labels),
        "receiver": row.receiver,
        "alerts": rows,
        "external_url": ctx.settings.external_url or f"http://localhost:{ctx.settings.dashboard_port}",
        "at": encode.iso(ctx.now()),
    }
