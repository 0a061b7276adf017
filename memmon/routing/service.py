"""The verbs of routing: place alerts in groups, flush groups that are due, silence."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy.orm import Session

from memmon import encode
from memmon import labels as label_sets
from memmon.alerts import service as alerts
from memmon.context import Context
from memmon.db.tables import GroupRow, SilenceRow
from memmon.errors import BadInput, Conflict, NotFound
from memmon.promql.matcher import Matcher
from memmon.routing import dedup, mute, route, store
from memmon.routing.dedup import Told
from memmon.routing.matcher import checked
from memmon.routing.mute import Silence
from memmon.routing.route import Node
from memmon.state import counters, live

log = logging.getLogger(__name__)

Send = Callable[[Session, str, dict[str, Any], str], object]
"""send(session, receiver, payload, key): puts a message into the outbox, in the same transaction."""

MAX_SILENCE = 366 * 86400.0


def place(ctx: Context) -> int:
    """Put every notifiable alert into the groups of its routes; return how many groups got something new.

    The full set is placed each time, so that one that was lost between evaluation and here is made good.
    """
    top, now = route.tree(ctx.config.routes, ctx.settings), ctx.now()
    wanted: dict[str, tuple[Node, label_sets.Labels, dict[str, str]]] = {}
    for alert in alerts.notifiable(ctx):
        labels = label_sets.of(alert["labels"])
        for node in route.match(top, labels):
            key = route.group_key(node, labels)
            entry = wanted.setdefault(key, (node, route.group_labels(node, labels), {}))
            entry[2][str(alert["id"])] = alert["state"]
    changed = 0
    with ctx.write() as session:
        for key, (node, shared, states) in wanted.items():
            changed += _place_one(session, key, node, dict(shared), states, now)
    return changed


def _place_one(
    session: Session, key: str, node: Node, shared: dict[str, str], states: dict[str, str], now: float
) -> bool:
    row = store.group(session, key)
    if row is None:
        if "firing" not in states.values():
            return False  # Resolved before anybody could have been told of it.
        due = now + node.group_wait
        store.add_group(
            session, key=key, route=node.path, receiver=node.receiver, labels=shared, alerts=states, due_at=due
        )
        return True
    merged = {**row.alerts, **states}
    if merged == row.alerts:
        return False
    due = now if row.flushed_at is None else row.flushed_at + node.group_interval
    earliest = min(row.due_at, due) if row.due_at is not None and row.flushed_at is None else due
    return store.swap_group(session, row, alerts=merged, due_at=earliest)


def flush(ctx: Context, send: Send) -> int:
    """Look at every group that is due; return how many messages were put into the outbox."""
    now, sent = ctx.now(), 0
    nodes = {node.path: node for node in _walk(route.tree(ctx.config.routes, ctx.settings))}
    with ctx.read() as session:
        keys = [row.key for row in store.due_groups(session, now)]
    for key in keys:
        sent += _flush_one(ctx, nodes, key, send)
    return sent


def _flush_one(ctx: Context, nodes: dict[str, Node], key: str, send: Send) -> bool:
    """Claim, decide and send in one transaction: who loses the claim has sent nothing."""
    now = ctx.now()
    firing_now = [(alert["id"], label_sets.of(alert["labels"])) for alert in alerts.firing(ctx)]
    with ctx.write() as session:
        row = store.group(session, key)
        if row is None or row.due_at is None or row.due_at > now:
            return False  # Another worker got there first.
        node = nodes.get(row.route)
        if node is None or node.receiver != row.receiver:
            store.drop_group(session, key)  # The routes changed; its alerts are placed anew.
            return False
        known = {alert["id"]: alert for alert in alerts.by_ids(ctx, [int(number) for number in row.alerts])}
        silences = _silences(session, now)
        open_ones, muted = _split(ctx, known, silences, firing_now, now)
        reason = _decide(session, row, node, open_ones, now)
        if reason in dedup.SENDING:
            payload = _payload(ctx, row, open_ones)
            send(session, row.receiver, payload, f"{key}@{row.version}")
        elif muted:
            counters.add(ctx.redis, "memmon_notifications_suppressed_total", {"receiver": row.receiver})
        _keep(session, row, node, open_ones, muted, reason, now)
        return reason in dedup.SENDING


def _split(
    ctx: Context,
    known: dict[int, dict[str, Any]],
    silences: Sequence[Silence],
    firing_now: list[tuple[int, label_sets.Labels]],
    now: float,
) -> tuple[dict[int, dict[str, Any]], dict[int, dict[str, Any]]]:
    """Return the alerts that may be told, and those that are muted."""
    open_ones: dict[int, dict[str, Any]] = {}
    muted: dict[int, dict[str, Any]] = {}
    for number, alert in known.items():
        labels = label_sets.of(alert["labels"])
        others = [(other, found) for other, found in firing_now if other != number]
        quiet = mute.silenced_by(silences, labels, now) or mute.inhibited_by(
            ctx.config.routes.inhibit_rules, others, labels
        )
        # A resolved alert may always be told: who heard that it fires must hear that it ended.
        (muted if quiet and alert["state"] == "firing" else open_ones)[number] = alert
    return open_ones, muted


def _decide(session: Session, row: GroupRow, node: Node, open_ones: dict[int, Any], now: float) -> str:
    entry = store.told(session, row.key, row.receiver)
    told = None
    if entry is not None and entry.notified_at is not None:
        told = Told(frozenset(entry.firing), frozenset(entry.resolved), entry.notified_at)
    firing = {number for number, alert in open_ones.items() if alert["state"] == "firing"}
    resolved = set(open_ones) - firing
    acknowledged = bool(firing) and all(open_ones[number]["acknowledged_at"] for number in firing)
    return dedup.decide(firing, resolved, told, node.repeat_interval, now, acknowledged)


def _keep(
    session: Session,
    row: GroupRow,
    node: Node,
    open_ones: dict[int, Any],
    muted: dict[int, Any],
    reason: str,
    now: float,
) -> None:
    """Write down what was decided; forget resolved alerts, and the group when none is left."""
    entry = store.told(session, row.key, row.receiver)
    sent = reason in dedup.SENDING
    firing = sorted(number for number, alert in open_ones.items() if alert["state"] == "firing")
    if entry and not sent:
        firing = sorted(set(entry.firing))
    store.save_told(
        session,
        group_key=row.key,
        receiver=row.receiver,
        firing=firing,
        resolved=sorted(number for number, alert in open_ones.items() if alert["state"] != "firing"),
        reason=reason if not muted or sent else f"{reason}; {len(muted)} suppressed",
        decided_at=now,
        notified_at=now if sent else (entry.notified_at if entry else None),
    )
    left = {str(n): a["state"] for n, a in (*open_ones.items(), *muted.items()) if a["state"] == "firing"}
    if not left:
        store.drop_group(session, row.key)
        return
    store.swap_group(session, row, alerts=left, flushed_at=now, due_at=now + node.group_interval)


def _payload(ctx: Context, row: GroupRow, open_ones: dict[int, dict[str, Any]]) -> dict[str, Any]:
    ordered = sorted(open_ones.values(), key=lambda alert: (alert["state"] != "firing", alert["id"]))
    shown = [{**alert, "status": "firing" if alert["state"] == "firing" else "resolved"} for alert in ordered]
    return {
        "kind": "alert",
        "status": "firing" if any(alert["status"] == "firing" for alert in shown) else "resolved",
        "group_key": row.key,
        "group_labels": row.labels,
        "receiver": row.receiver,
        "alerts": shown,
        "external_url": ctx.settings.external_url or f"http://localhost:{ctx.settings.dashboard_port}",
        "at": encode.iso(ctx.now()),
    }


def _walk(node: Node) -> list[Node]:
    return [node, *(deeper for child in node.children for deeper in _walk(child))]


def _silences(session: Session, now: float) -> list[Silence]:
    return [
        Silence(row.id, tuple(_matcher(one) for one in row.matchers), row.starts_at, row.ends_at)
        for row in store.silences(session, now)
    ]


def _matcher(one: dict[str, Any]) -> Matcher:
    op = {(True, False): "=", (False, False): "!=", (True, True): "=~", (False, True): "!~"}
    return Matcher(one["name"], op[one.get("isEqual", True), one.get("isRegex", False)], one["value"])


def silence(
    ctx: Context, matchers: Sequence[Matcher], seconds: float, by: str, comment: str, starts_at: float | None = None
) -> dict[str, Any]:
    """Mute what `matchers` match for `seconds`; return the silence."""
    if not matchers or all(matcher.accepts(()) for matcher in matchers):
        raise BadInput("matchers", "at least one matcher must not match an empty label")
    if not 0 < seconds <= MAX_SILENCE:
        raise BadInput("duration", "must be more than nothing and at most 366 days")
    now = ctx.now()
    values: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "matchers": [
            {"name": m.name, "value": m.value, "isRegex": "~" in m.op, "isEqual": not m.op.startswith("!")}
            for m in (checked(*one) for one in matchers)
        ],
        "starts_at": starts_at if starts_at is not None else now,
        "ends_at": (starts_at if starts_at is not None else now) + seconds,
        "created_by": by,
        "comment": comment,
        "updated_at": now,
    }
    with ctx.write() as session:
        store.save_silence(session, **values)
        row = store.silence(session, values["id"])
        shown = _shown(row, now)  # type: ignore[arg-type]
    log.info("silence %s by %s for %g s: %s", shown["id"], by, seconds, ", ".join(map(str, matchers)))
    live.publish(ctx.redis, "alerts", {"silence": shown["id"]})
    return shown


def expire_silence(ctx: Context, number: str) -> None:
    """End a silence now."""
    now = ctx.now()
    with ctx.write() as session:
        row = store.silence(session, number)
        if row is None:
            raise NotFound(f"no silence {number}")
        if row.ends_at <= now:
            raise Conflict(f"silence {number} has ended already")
        row.ends_at = now
        row.updated_at = now
    live.publish(ctx.redis, "alerts", {"silence": number})


def silences(ctx: Context, ended_since: float = 3600.0) -> list[dict[str, Any]]:
    """Return the silences that hold, will hold, or ended in the last `ended_since` seconds."""
    now = ctx.now()
    with ctx.read() as session:
        return [_shown(row, now) for row in store.silences(session, now - ended_since)]


def suppressed(ctx: Context) -> dict[int, list[str]]:
    """Return the silences by the id of the firing alert that they mute."""
    now = ctx.now()
    with ctx.read() as session:
        held = _silences(session, now)
    found = {a["id"]: mute.silenced_by(held, label_sets.of(a["labels"]), now) for a in alerts.firing(ctx)}
    return {number: ids for number, ids in found.items() if ids}


def _shown(row: SilenceRow, now: float) -> dict[str, Any]:
    state = "expired" if row.ends_at <= now else ("active" if row.starts_at <= now else "pending")
    return {
        "id": row.id,
        "matchers": row.matchers,
        "startsAt": encode.iso(row.starts_at),
        "endsAt": encode.iso(row.ends_at),
        "updatedAt": encode.iso(row.updated_at),
        "createdBy": row.created_by,
        "comment": row.comment,
        "status": {"state": state},
    }
