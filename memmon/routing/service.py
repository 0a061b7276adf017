"""The verbs of routing: place alerts in groups, flush groups that are due. Those of silences are in `silences`."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from memmon import encode
from memmon import labels as label_sets
from memmon.alerts import service as alerts
from memmon.context import Context
from memmon.db.tables import GroupRow, NotificationLog
from memmon.labels import Labels
from memmon.routing import dedup, mute, route, store
from memmon.routing.dedup import Reason, Told
from memmon.routing.mute import Silence
from memmon.routing.route import Node
from memmon.routing.silences import expire_silence, in_force, silence, silences, suppressed
from memmon.state import counters

__all__ = ["expire_silence", "flush", "place", "silence", "silences", "suppressed"]

Send = Callable[[Session, str, dict[str, Any], str], object]
"""send(session, receiver, payload, key): puts a message into the outbox, in the same transaction."""


class Place(NamedTuple):
    """A group in the making: where it belongs, and its alerts with their state and when they began (Unix seconds)."""

    node: Node
    shared: Labels
    states: dict[str, str]
    began: list[float]


def place(ctx: Context) -> int:
    """Put every notifiable alert into the groups of its routes; return how many groups got something new.

    The full set is placed each time, so that one that was lost between evaluation and here is made good.
    """
    top, now = route.tree(ctx.config.routes, ctx.settings), ctx.now()
    wanted: dict[str, Place] = {}
    for alert in alerts.notifiable(ctx):
        labels = label_sets.of(alert["labels"])
        for node in route.match(top, labels):
            entry = wanted.setdefault(_key(node, labels), Place(node, route.group_labels(node, labels), {}, []))
            entry.states[str(alert["id"])] = alert["state"]
            if alert["state"] == "firing":
                entry.began.append(encode.seconds_of(alert["created_at"]))
    with ctx.read() as session:
        rows = store.groups(session, list(wanted))
    new = {key: one for key, one in wanted.items() if _merged(rows.get(key), one) is not None}
    if not new:
        return 0  # As nearly always: no lock is taken.
    with ctx.write() as session:
        return sum(_place_one(session, key, one, now) for key, one in new.items())


def _key(node: Node, labels: Labels) -> str:
    """Return what a group is stored under. Two routes may have the same matchers, and so the same group key."""
    return route.short(f"{node.receiver}|{route.group_key(node, labels)}", 512)


def _merged(row: GroupRow | None, one: Place) -> dict[str, str] | None:
    """Return the group's alerts with those of `one` among them, or None where there is nothing new. A resolved alert joins no
    group that it is not in: it was told already, or there was nobody who heard of it."""
    before = dict(row.alerts) if row else {}
    merged = before | {n: state for n, state in one.states.items() if state == "firing" or n in before}
    return merged if merged != before else None


def _place_one(session: Session, key: str, one: Place, now: float) -> bool:
    row = store.held(session, key)
    merged = _merged(row, one)
    if merged is None:
        return False  # Another worker placed it first.
    late = min(one.began, default=now) + one.node.group_wait <= now
    if row is None:
        return store.add_group(
            session,
            key=key,
            route=route.short(one.node.key, 255),
            receiver=one.node.receiver,
            labels=dict(one.shared),
            alerts=merged,
            due_at=now if late else now + one.node.group_wait,
        )
    # A group that waits for its first notice waits no longer than its alerts have to.
    due = now if late and row.flushed_at is None else row.due_at
    return store.swap_group(session, row, alerts=merged, due_at=due)


def flush(ctx: Context, send: Send) -> int:
    """Look at every group that is due; return how many messages were put into the outbox."""
    now, sent = ctx.now(), 0
    with ctx.read() as session:
        rows = store.due_groups(session, now)
        silences = in_force(session, now)
    if not rows:
        return 0
    nodes = {
        (route.short(node.key, 255), node.receiver): node
        for node in reversed(route.walk(route.tree(ctx.config.routes, ctx.settings)))
    }
    firing = ((alert["id"], label_sets.of(alert["labels"])) for alert in alerts.firing(ctx))
    inhibitor = mute.Inhibitor(ctx.config.routes.inhibit_rules, firing)
    view = View(now, nodes, inhibitor, silences, _deaf(ctx))
    for row in rows:
        sent += _flush_one(ctx, view, row.key, send)
    return sent


class View(NamedTuple):
    """What is the same for every group of one flush. `deaf` are the receivers none of whose channels tells what ended."""

    now: float
    nodes: dict[tuple[str, str], Node]
    inhibitor: mute.Inhibitor
    silences: list[Silence]
    deaf: frozenset[str]


def _deaf(ctx: Context) -> frozenset[str]:
    found = route.receivers(ctx.config.routes, ctx.settings).values()
    return frozenset(one.name for one in found if not any(channel.send_resolved for _, channel in route.channels(one)))


def _flush_one(ctx: Context, view: View, key: str, send: Send) -> bool:
    """Claim, decide and send in one transaction: who loses the claim has sent nothing."""
    with ctx.write() as session:
        row = store.held(session, key)
        if row is None or row.due_at is None or row.due_at > view.now:
            return False  # Another worker got there first.
        node = view.nodes.get((row.route, row.receiver))
        if node is None:
            store.drop_group(session, key)  # The routes changed; its alerts are placed anew.
            return False
        told = store.told(session, key, row.receiver)
        known = {alert["id"]: alert for alert in alerts.some(session, [int(number) for number in row.alerts])}
        open_ones, muted = _split(ctx, view, known, told)
        reason = _decide(view, row, node, open_ones, muted, told)
        if reason in dedup.SENDING:
            send(session, row.receiver, _payload(ctx, row, node, open_ones, reason), f"{key}@{uuid.uuid4().hex}")
        _keep(session, view, row, node, open_ones, muted, reason, told)
    if muted:
        counters.add(ctx.redis, "memmon_notifications_suppressed_total", {"receiver": row.receiver})
    return reason in dedup.SENDING


def _split(
    ctx: Context, view: View, known: dict[int, dict[str, Any]], told: NotificationLog | None
) -> tuple[dict[int, dict[str, Any]], dict[int, dict[str, Any]]]:
    """Return the alerts that may be told, and those that fire and are muted."""
    open_ones: dict[int, dict[str, Any]] = {}
    muted: dict[int, dict[str, Any]] = {}
    for number, alert in known.items():
        labels = label_sets.of(alert["labels"])
        quiet = mute.silenced_by(view.silences, labels, view.now) or view.inhibitor.inhibiting(labels)
        # Who heard that it fires must hear that it ended, although it is muted by now.
        if not quiet or (alert["state"] != "firing" and told and number in told.firing):
            open_ones[number] = alert
        elif alert["state"] == "firing":
            muted[number] = alert
    return open_ones, muted


def _firing(some: dict[int, dict[str, Any]]) -> set[int]:
    return {number for number, alert in some.items() if alert["state"] == "firing"}


def _decide(
    view: View,
    row: GroupRow,
    node: Node,
    open_ones: dict[int, Any],
    muted: dict[int, Any],
    entry: NotificationLog | None,
) -> Reason:
    told = None
    if entry is not None and entry.notified_at is not None:
        # What was told and is muted now neither ended nor is it to be told.
        told = Told(frozenset(entry.firing) - set(muted), frozenset(entry.resolved), entry.notified_at)
    firing = _firing(open_ones)
    acknowledged = bool(firing) and all(open_ones[number]["acknowledged_at"] for number in firing)
    wanted = row.receiver not in view.deaf
    return dedup.decide(firing, set(open_ones) - firing, told, node.repeat_interval, view.now, acknowledged, wanted)


def _keep(
    session: Session,
    view: View,
    row: GroupRow,
    node: Node,
    open_ones: dict[int, Any],
    muted: dict[int, Any],
    reason: str,
    entry: NotificationLog | None,
) -> None:
    """Write down what was decided; forget resolved alerts, and the group when none is left."""
    firing = _firing(open_ones)
    if not firing and not muted:
        store.drop_group(session, row.key)
        return
    heard = set(entry.firing) if entry else set()
    sent = reason in dedup.SENDING
    store.save_told(
        session,
        group_key=row.key,
        receiver=row.receiver,
        firing=sorted(firing | (heard & set(muted))) if sent else sorted(heard),
        resolved=sorted(set(open_ones) - firing) if sent else (entry.resolved if entry else []),
        reason=reason if not muted or sent else f"{reason}; {len(muted)} suppressed",
        decided_at=view.now,
        notified_at=view.now if sent else (entry.notified_at if entry else None),
    )
    left = {str(number): "firing" for number in sorted({*firing, *muted})}
    store.swap_group(session, row, alerts=left, flushed_at=view.now, due_at=view.now + node.group_interval)


def _payload(
    ctx: Context, row: GroupRow, node: Node, open_ones: dict[int, dict[str, Any]], reason: Reason
) -> dict[str, Any]:
    ordered = sorted(open_ones.values(), key=lambda alert: (alert["state"] != "firing", alert["id"]))
    shown = [{**alert, "status": "firing" if alert["state"] == "firing" else "resolved"} for alert in ordered]
    return {
        "kind": "alert",
        "status": "firing" if any(alert["status"] == "firing" for alert in shown) else "resolved",
        "reason": reason,
        "group_key": route.group_key(node, label_sets.of(row.labels)),
        "group_labels": row.labels,
        "receiver": row.receiver,
        "alerts": shown,
        "external_url": ctx.settings.external_url or f"http://localhost:{ctx.settings.dashboard_port}",
        "at": encode.iso(ctx.now()),
    }
