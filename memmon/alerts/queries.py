"""Read model of alerts: firing alerts, unplaced alerts, rules with their health, and history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy.orm import Session

from memmon import encode
from memmon import labels as label_sets
from memmon.alerts import rule, store
from memmon.alerts.evaluation import book, rules
from memmon.alerts.rule import AlertRule, RecordingRule
from memmon.context import Context
from memmon.errors import NotFound
from memmon.labels import Labels

MOST_PLACED = 2000
MOST_SHOWN = 500


class Unplaced(NamedTuple):
    """A firing alert that is to be put into groups; `was_placed` says that other routes had done
    so.
    """

    id: int
    labels: Labels
    firing_at: float
    flaps: int
    was_placed: bool


def unplaced(ctx: Context, mark: str) -> list[Unplaced]:
    """Return firing alerts that the routes called `mark` have not placed, the oldest first, some
    thousand at most.
    """
    with ctx.read() as session:
        rows = store.unplaced(session, mark, MOST_PLACED)
    return [Unplaced(n, label_sets.of(labels), at, flaps, placed is not None) for n, labels, at, flaps, placed in rows]


def mark_placed(session: Session, numbers: Sequence[int], mark: str) -> None:
    """Write down, in the caller's transaction, that the routes called `mark` have placed these
    alerts.
    """
    store.mark_placed(session, numbers, mark)


_labels: WeakKeyDictionary[Context, tuple[tuple[int, int, int], list[tuple[int, str, Labels]]]] = WeakKeyDictionary()


def firing_labels(ctx: Context) -> list[tuple[int, str, Labels]]:
    """Return id, fingerprint and labels of the firing alerts. An alert's labels never change, so a
    process reads them again only when others fire than before.
    """
    with ctx.read() as session:
        mark, cached = store.firing_mark(session), _labels.get(ctx)
        if cached is None or cached[0] != mark:
            rows = store.firing_labels(session)
            cached = _labels[ctx] = (
                mark,
                [(n, fingerprint, label_sets.of(alert_labels)) for n, fingerprint, alert_labels in rows],
            )
    return cached[1]


def firing(ctx: Context) -> list[dict[str, Any]]:
    """Return the firing alerts."""
    with ctx.read() as session:
        return [to_json(row) for row in store.firing(session)]


def active(ctx: Context) -> list[dict[str, Any]]:
    """Return the pending and firing alerts."""
    with ctx.read() as session:
        return [to_json(row) for row in store.active_rows(session)]


def by_ids(ctx: Context, ids: list[int]) -> list[dict[str, Any]]:
    """Return those of the alerts that exist, in the order of their ids."""
    with ctx.read() as session:
        return alerts_by_id(session, ids)


def alerts_by_id(session: Session, ids: list[int]) -> list[dict[str, Any]]:
    """The same inside a transaction of the caller's."""
    return [to_json(row) for row in store.rows_by_id(session, ids)]


def to_json(row: Any) -> dict[str, Any]:
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


def overview(
    ctx: Context, limit: int = 100, active: int = MOST_SHOWN, after: int = 0, worst_first: bool = False
) -> dict[str, Any]:
    """Return rules, firing alerts and history as GET /api/alerts shows them; the door adds what
    routing knows. Of the firing ones at most `active` above the id `after`; `next` is where to go
    on, None at the end.
    """
    alert_rules = rules(ctx)
    with ctx.read() as session:
        active_alerts = [to_json(row) for row in store.page(session, active, after, worst_first)] if active else []
        counted = store.by_state(session)
        past = [to_json(row) for row in store.history(session, limit)] if limit else []
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
            "alert_rules": len(alert_rules),
        },
        "active_alerts": active_alerts,
        "next": active_alerts[-1]["id"] if active_alerts and len(active_alerts) == active and not worst_first else None,
        "alert_rules": [_shown_rule(rule, health.get(rule.id)) for rule in alert_rules],
        "alert_history": past,
    }


class PastAlert(NamedTuple):
    """One firing, as far as a report wants it; times are Unix seconds."""

    rule: str
    firing_at: float
    resolved_at: float | None
    acknowledged_at: float | None
    flaps: int


def past(ctx: Context, start: float, end: float) -> list[PastAlert]:
    """Return every alert that fired at some time in [start, end]."""
    with ctx.read() as session:
        return [PastAlert(*row) for row in store.fired_in(session, start, end)]


def fired_between(ctx: Context, names: Set[str], start: float, end: float) -> dict[str, int]:
    """Return how often alerts with these names really began to fire in a time."""
    with ctx.read() as session:
        counts = Counter(labels.get("alertname", "") for labels in store.fired_between(session, start, end))
    return {name: count for name, count in counts.items() if name in names}


def by_rule(ctx: Context) -> list[dict[str, Any]]:
    """Return every rule as it is shown, in the order of the files, an alerting one with its pending
    and firing `alerts`.
    """
    with ctx.read() as session:
        rows, health = store.active_rows(session), store.health(session)
    mine = [row for row in rows if row.source == "rule"]
    listed = []
    for group in book(ctx).groups:
        for definition in group.rules:
            if isinstance(definition, AlertRule):
                rule_alerts = [to_json(row) for row in mine if row.rule == definition.id]
                listed.append({**_shown_rule(definition, health.get(definition.id)), "alerts": rule_alerts})
            else:
                listed.append(_recorded(definition, health.get(definition.id)))
    return listed


def rule_of(ctx: Context, alert_id: int) -> dict[str, Any]:
    """Return the rule that made an alert as it is shown, or for another alert what did: `{"source":
    ...}`.
    """
    with ctx.read() as session:
        row, health = store.get(session, alert_id), store.health(session)
    if row is None:
        raise NotFound(f"no alert {alert_id}")
    current_rule = next((rule for rule in rules(ctx) if rule.id == row.rule), None)
    if current_rule is None:
        return {"source": row.source, "id": row.rule}
    return {"source": row.source, "id": row.rule, **_shown_rule(current_rule, health.get(current_rule.id))}


def _recorded(rule: RecordingRule, health: Any) -> dict[str, Any]:
    about = {"id": rule.id, "name": rule.name, "group": rule.group, "expr": rule.expr, "labels": rule.labels}
    return {**about, **_health(health)}


def _health(health: Any) -> dict[str, Any]:
    return {
        "last_evaluation": encode.iso(health.evaluated_at) if health else None,
        "evaluation_seconds": health.seconds if health else None,
        "error": health.error if health else None,
    }


def _shown_rule(rule: AlertRule, health: Any) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": rule.name,
        "group": rule.group,
        "expr": rule.expr,
        "condition": rule.condition,
        "severity": rule.severity,
        "threshold": rule.threshold,
        "duration": rule.hold,
        "keep_firing_for": rule.keep_firing,
        "clear": rule.clear,
        "damping": rule.damping,
        "enabled": True,
        "labels": rule.labels,
        "annotations": rule.annotations,
        **_health(health),
    }
