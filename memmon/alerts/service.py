"""The verbs of alerts: raise, acknowledge, resolve, show. That of rules is in `evaluation`."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy.orm import Session

from memmon import encode
from memmon import labels as label_sets
from memmon.alerts import rule, store
from memmon.alerts.evaluation import book, evaluate, rules
from memmon.alerts.machine import Active, Transition
from memmon.alerts.news import announce
from memmon.alerts.rule import AlertRule, RecordingRule
from memmon.context import Context
from memmon.db.tables import AlertRow
from memmon.errors import BadInput, Conflict, NotFound
from memmon.jobs import Job
from memmon.labels import Labels
from memmon.state import live

__all__ = [
    "Past",
    "Unplaced",
    "acknowledge",
    "active",
    "announce",
    "by_ids",
    "by_rule",
    "evaluate",
    "fired_between",
    "firing",
    "firing_labels",
    "mark_placed",
    "overview",
    "past",
    "raise_event",
    "raise_in",
    "resolve",
    "rule_of",
    "rules",
    "some",
    "unacknowledge",
    "unplaced",
]

log = logging.getLogger(__name__)

DRILL = "drill"
"""The source of an alert that is raised to see whom it reaches; nothing is done about it."""
MOST_PLACED = 2000
MOST_SHOWN = 500
LONGEST_ACKNOWLEDGED = 30 * 86400.0


def raise_event(
    ctx: Context,
    name: str,
    severity: str,
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    ttl: float,
    source: str = "detector",
) -> list[Job]:
    """Make a finding an alert that fires for `ttl` seconds; raised again while it fires, it fires that much longer."""
    with ctx.write() as session:
        made = raise_in(session, name, severity, labels, annotations, ttl, ctx.now(), source)
    return announce(ctx, made)


def raise_in(
    session: Session,
    name: str,
    severity: str,
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    ttl: float,
    now: float,
    source: str = "detector",
) -> list[Transition]:
    """The same inside a transaction of the caller's, who calls `announce` with the answer once it is committed."""
    full = label_sets.of({**labels, "alertname": name, "severity": severity})
    rule_id = f"{source}/{name}"
    values = {
        "active": store.key(rule_id, full),
        "version": 1,
        "source": source,
        "rule": rule_id,
        "fingerprint": label_sets.fingerprint(full),
        "labels": dict(full),
        "annotations": dict(annotations),
        "severity": severity,
        "state": "firing",
        "value": None,
        "threshold": None,
        "pending_at": now,
        "firing_at": now,
        "resolved_at": None,
        "ends_at": now + ttl,
        "evaluated_at": now,
        "flaps": store.flaps(session, rule_id, label_sets.fingerprint(full), now),
    }
    while not store.insert(session, values):
        if store.prolong(session, str(values["active"]), now + ttl, now, dict(annotations)):
            return []
        # It ended between the two statements: it is a new one after all.
    log.warning("firing %s: reported by a %s, above its threshold", label_sets.show(full), source)
    return [Transition(None, "firing", Active(full, "firing", 1.0, now, now))]


class Unplaced(NamedTuple):
    """A firing alert that is to be put into groups; `was_placed` says that other routes had done so."""

    id: int
    labels: Labels
    firing_at: float
    flaps: int
    was_placed: bool


def unplaced(ctx: Context, mark: str) -> list[Unplaced]:
    """Return firing alerts that the routes called `mark` have not placed, the oldest first, some thousand at most."""
    with ctx.read() as session:
        rows = store.unplaced(session, mark, MOST_PLACED)
    return [Unplaced(n, label_sets.of(labels), at, flaps, placed is not None) for n, labels, at, flaps, placed in rows]


def mark_placed(session: Session, numbers: Sequence[int], mark: str) -> None:
    """Write down, in the caller's transaction, that the routes called `mark` have placed these alerts."""
    store.mark_placed(session, numbers, mark)


_labels: WeakKeyDictionary[Context, tuple[tuple[int, int, int], list[tuple[int, str, Labels]]]] = WeakKeyDictionary()


def firing_labels(ctx: Context) -> list[tuple[int, str, Labels]]:
    """Return id, fingerprint and labels of the firing alerts. An alert's labels never change, so a process reads them again only
    when others fire than before."""
    with ctx.read() as session:
        mark, held = store.firing_mark(session), _labels.get(ctx)
        if held is None or held[0] != mark:
            rows = store.firing_labels(session)
            held = _labels[ctx] = (mark, [(n, fingerprint, label_sets.of(own)) for n, fingerprint, own in rows])
    return held[1]


def firing(ctx: Context) -> list[dict[str, Any]]:
    """Return the firing alerts."""
    with ctx.read() as session:
        return [_shown(row) for row in store.firing(session)]


def active(ctx: Context) -> list[dict[str, Any]]:
    """Return the pending and firing alerts."""
    with ctx.read() as session:
        return [_shown(row) for row in store.active_rows(session)]


def by_ids(ctx: Context, ids: list[int]) -> list[dict[str, Any]]:
    """Return those of the alerts that exist, in the order of their ids."""
    with ctx.read() as session:
        return some(session, ids)


def some(session: Session, ids: list[int]) -> list[dict[str, Any]]:
    """The same inside a transaction of the caller's."""
    return [_shown(row) for row in store.some(session, ids)]


def _shown(row: Any) -> dict[str, Any]:
    """Return an alert as it is shown; `row` has the columns of its table."""
    annotations = row.annotations
    name = row.labels.get("alertname", "")
    return {
        "id": row.id,
        "name": name,
        "severity": row.severity,
        "state": row.state,
        "status": "acknowledged" if row.acknowledged_at else "open",
        "message": annotations.get("summary") or annotations.get("description") or name,
        "value": row.value,
        "threshold": row.threshold,
        "labels": row.labels,
        "annotations": annotations,
        "fingerprint": row.fingerprint,
        "source": row.source,
        "active_at": encode.iso(row.pending_at),
        "created_at": encode.iso(row.firing_at or row.pending_at),
        "updated_at": encode.iso(row.evaluated_at),
        "resolved_at": encode.iso(row.resolved_at),
        "ends_at": encode.iso(row.ends_at),
        "acknowledged_at": encode.iso(row.acknowledged_at),
        "acknowledged_by": row.acknowledged_by,
        "acknowledged_until": encode.iso(row.acknowledged_until),
        "comment": row.comment,
        "flaps": row.flaps,
    }


def acknowledge(ctx: Context, number: int, by: str, comment: str = "", seconds: float | None = None) -> dict[str, Any]:
    """Say that somebody cares about a firing alert, for `seconds` or until it is resolved; its notifications are not repeated."""
    if seconds is not None and not 0 < seconds <= LONGEST_ACKNOWLEDGED:
        raise BadInput("duration", "must be more than nothing and at most 30 days")
    now = ctx.now()
    until = None if seconds is None else now + seconds
    said = {"acknowledged_by": by, "acknowledged_until": until, "comment": comment or None}
    return _by_hand(ctx, number, acknowledged_at=now, **said)[0]


def unacknowledge(ctx: Context, number: int) -> dict[str, Any]:
    """Take back that somebody cares about an alert."""
    return _by_hand(ctx, number, acknowledged_at=None, acknowledged_by=None, acknowledged_until=None)[0]


def resolve(ctx: Context, number: int, by: str, comment: str = "") -> tuple[dict[str, Any], list[Job]]:
    """End an alert by hand. One whose condition still holds fires anew at the next evaluation."""
    said = comment or f"resolved by {by}"
    shown, row = _by_hand(ctx, number, state="resolved", resolved_at=ctx.now(), active=None, comment=said)
    return shown, announce(ctx, [Transition("firing", "resolved", store.as_active(row))])


def _by_hand(ctx: Context, number: int, **values: Any) -> tuple[dict[str, Any], AlertRow]:
    with ctx.write() as session:
        row = store.held(session, number)
        if row is None:
            raise NotFound(f"no alert {number}")
        if row.state != "firing":
            raise Conflict(f"alert {number} is {row.state}, not firing")
        store.swap(session, row.id, row.version, **values)
        session.flush()
        session.refresh(row)
        shown = _shown(row)
    live.publish(ctx.redis, "alerts", [shown])
    return shown, row


def overview(
    ctx: Context, limit: int = 100, active: int = MOST_SHOWN, after: int = 0, worst_first: bool = False
) -> dict[str, Any]:
    """Return rules, firing alerts and history as GET /api/alerts shows them; the door adds what routing knows. Of the firing ones
    at most `active` above the id `after`; `next` is where to go on, None at the end."""
    known = rules(ctx)
    with ctx.read() as session:
        shown = [_shown(row) for row in store.page(session, active, after, worst_first)] if active else []
        counted = store.by_state(session)
        past = [_shown(row) for row in store.history(session, limit)] if limit else []
        health = store.health(session)
        total, resolved = store.counts(session)
    firing_now = {severity: count for (state, severity), count in counted.items() if state == "firing"}
    return {
        "summary": {
            "total_alerts": total,
            "active_alerts": sum(firing_now.values()),
            "pending_alerts": sum(count for (state, _), count in counted.items() if state == "pending"),
            "alerts_by_severity": {name: firing_now.get(name, 0) for name in rule.SEVERITIES},
            "alerts_resolved": resolved,
            "alert_rules": len(known),
        },
        "active_alerts": shown,
        "next": shown[-1]["id"] if shown and len(shown) == active and not worst_first else None,
        "alert_rules": [_shown_rule(one, health.get(one.id)) for one in known],
        "alert_history": past,
    }


class Past(NamedTuple):
    """One firing, as far as a report wants it; times are Unix seconds."""

    rule: str
    firing_at: float
    resolved_at: float | None
    acknowledged_at: float | None
    flaps: int


def past(ctx: Context, start: float, end: float) -> list[Past]:
    """Return every alert that fired at some time in [start, end]."""
    with ctx.read() as session:
        return [Past(*row) for row in store.fired_in(session, start, end)]


def fired_between(ctx: Context, names: Set[str], start: float, end: float) -> dict[str, int]:
    """Return how often alerts with these names really began to fire in a time."""
    with ctx.read() as session:
        found = Counter(labels.get("alertname", "") for labels in store.fired_between(session, start, end))
    return {name: count for name, count in found.items() if name in names}


def by_rule(ctx: Context) -> list[dict[str, Any]]:
    """Return every rule as it is shown, in the order of the files, an alerting one with its pending and firing `alerts`."""
    with ctx.read() as session:
        rows, health = store.active_rows(session), store.health(session)
    mine = [row for row in rows if row.source == "rule"]
    found = []
    for group in book(ctx).groups:
        for one in group.rules:
            shown = (
                _shown_rule(one, health.get(one.id))
                if isinstance(one, AlertRule)
                else _recorded(one, health.get(one.id))
            )
            if isinstance(one, AlertRule):
                shown["alerts"] = [_shown(row) for row in mine if row.rule == one.id]
            found.append(shown)
    return found


def rule_of(ctx: Context, number: int) -> dict[str, Any]:
    """Return the rule that made an alert as it is shown, or for another alert what did: `{"source": ...}`."""
    with ctx.read() as session:
        row, health = store.get(session, number), store.health(session)
    if row is None:
        raise NotFound(f"no alert {number}")
    known = next((one for one in rules(ctx) if one.id == row.rule), None)
    if known is None:
        return {"source": row.source, "id": row.rule}
    return {"source": row.source, "id": row.rule, **_shown_rule(known, health.get(known.id))}


def _recorded(one: RecordingRule, health: Any) -> dict[str, Any]:
    shown = {"id": one.id, "name": one.name, "group": one.group, "expr": one.expr, "labels": one.labels}
    return {**shown, **_health(health)}


def _health(health: Any) -> dict[str, Any]:
    return {
        "last_evaluation": encode.iso(health.evaluated_at) if health else None,
        "evaluation_seconds": health.seconds if health else None,
        "error": health.error if health else None,
    }


def _shown_rule(one: AlertRule, health: Any) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "group": one.group,
        "expr": one.expr,
        "condition": one.condition,
        "severity": one.severity,
        "threshold": one.threshold,
        "duration": one.hold,
        "keep_firing_for": one.keep_firing,
        "clear": one.clear,
        "damping": one.damping,
        "enabled": True,
        "labels": one.labels,
        "annotations": one.annotations,
        **_health(health),
    }
