"""The verbs of alerts: evaluate, raise, acknowledge, resolve, show."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from typing import Any

from memmon import encode
from memmon import labels as label_sets
from memmon.alerts import machine, rule, store, template
from memmon.alerts.machine import Active, Transition
from memmon.alerts.rule import AlertRule
from memmon.context import Context
from memmon.db.tables import AlertRow
from memmon.errors import BadQuery, Conflict, NotFound
from memmon.jobs import Job
from memmon.labels import Labels
from memmon.metrics import service as metrics
from memmon.state import client, counters, keys, lease, live, pulse

log = logging.getLogger(__name__)

COMPONENT = "alert_manager"
LEASE_SECONDS = 20.0
RESEND_RESOLVED = 900.0
"""Seconds for which a resolved alert is still placed, as Prometheus does, so that a lost placing is made good."""


def rules(ctx: Context) -> list[AlertRule]:
    """Return the alerting rules in force."""
    return rule.alerting(ctx.config.rules)


def evaluate(ctx: Context) -> list[Job]:
    """Bring every rule's alerts up to date; return what follows from the transitions."""
    with client.edge():
        ctx.redis.delete(keys.evaluation_pending())
    if not lease.claim(ctx.redis, "evaluate", LEASE_SECONDS):
        return []  # Another worker is at it; samples that came in since wake the next one.
    try:
        made = [transition for one in rules(ctx) for transition in _evaluate_rule(ctx, one)]
        made += _end_raised(ctx)
    finally:
        lease.release(ctx.redis, "evaluate")
    pulse.beat(ctx.redis, COMPONENT, "ok", ctx.now(), rules=len(rules(ctx)))
    return _after(ctx, made)


def _evaluate_rule(ctx: Context, one: AlertRule) -> list[Transition]:
    """Bring one rule's alerts up to date. A rule whose query fails keeps its alerts as they are and touches no other."""
    now, began = ctx.now(), time.perf_counter()
    try:
        vector = metrics.instant(ctx, one.expr, now)
        error = None
    except BadQuery as failure:
        vector, error = [], str(failure)
        log.error("rule %s could not be evaluated: %s", one.id, failure)
        counters.add(ctx.redis, "memmon_rule_failures_total", {"rule": one.name})
    made: list[Transition] = []
    with ctx.write() as session:
        store.save_health(session, one.id, now, time.perf_counter() - began, error)
        if error is None:
            rows = {label_sets.of(row.labels): row for row in store.active_rows(session, one.id)}
            active = {labels: store.as_active(row) for labels, row in rows.items()}
            after, transitions = machine.step(one, active, vector, now)
            made = _apply(session, one, rows, after, transitions, now)
    counters.observe(ctx.redis, "memmon_rule_duration_seconds", {}, time.perf_counter() - began)
    return made


def _apply(
    session: Any,
    one: AlertRule,
    rows: Mapping[Labels, AlertRow],
    after: Mapping[Labels, Active],
    transitions: list[Transition],
    now: float,
) -> list[Transition]:
    """Write what the machine said; leave out what another worker did first."""
    moved = {transition.alert.labels: transition for transition in transitions}
    done: list[Transition] = []
    for labels in {*after, *moved}:
        alert = after.get(labels) or moved[labels].alert
        row, transition = rows.get(labels), moved.get(labels)
        if row is None:
            won = store.insert(session, _values(one, alert, now) | {"version": 1, "source": "rule"})
        else:
            ended = transition is not None and transition.after in (None, "resolved")
            won = store.swap(session, row.id, row.version, **_values(one, alert, now, ended=ended))
        if won and transition:
            done.append(transition)
            _tell(one, transition)
    return done


def _values(one: AlertRule, alert: Active, now: float, ended: bool = False) -> dict[str, Any]:
    labels = dict(alert.labels)
    return {
        "active": None if ended else store.key(one.id, alert.labels),
        "rule": one.id,
        "fingerprint": label_sets.fingerprint(alert.labels),
        "labels": {name: template.render(text, labels, alert.value) for name, text in labels.items()},
        "annotations": {name: template.render(text, labels, alert.value) for name, text in one.annotations.items()},
        "severity": one.severity,
        "state": "resolved" if ended else alert.state,
        "value": alert.value if math.isfinite(alert.value) else None,
        "threshold": one.threshold,
        "pending_at": alert.pending_at,
        "firing_at": alert.firing_at,
        "resolved_at": (alert.resolved_at or now) if ended else None,
        "ends_at": alert.absent_at,
        "evaluated_at": now,
    }


def _tell(one: AlertRule, made: Transition) -> None:
    shown = label_sets.show(made.alert.labels)
    if made.after in ("pending", "firing"):
        limit = one.threshold if one.threshold is not None else "none"
        log.warning("%s %s: value %g crossed threshold %s of %s", made.after, shown, made.alert.value, limit, one.expr)
    else:
        log.info("%s %s", made.after or "inactive", shown)


def _end_raised(ctx: Context) -> list[Transition]:
    """Resolve the alerts of detectors and callers whose time is over."""
    made, now = [], ctx.now()
    with ctx.write() as session:
        for row in store.active_rows(session):
            over = row.source != "rule" and row.ends_at is not None and row.ends_at <= now
            if over and store.swap(session, row.id, row.version, state="resolved", resolved_at=now, active=None):
                made.append(Transition("firing", "resolved", store.as_active(row)))
    return made


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
    now = ctx.now()
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
    }
    with ctx.write() as session:
        fresh = store.insert(session, values)
        if not fresh:
            for row in store.active_rows(session, rule_id):
                if row.active == values["active"]:
                    store.swap(session, row.id, row.version, ends_at=now + ttl, annotations=dict(annotations))
    if not fresh:
        return []
    log.warning("firing %s: reported by a %s, above its threshold", label_sets.show(full), source)
    return _after(ctx, [Transition(None, "firing", Active(full, "firing", 1.0, now, now))])


def _after(ctx: Context, made: list[Transition]) -> list[Job]:
    """Count and publish transitions; return what follows from them."""
    told = [one for one in made if one.after in ("firing", "resolved")]
    for one in told:
        if one.after == "firing":
            severity = label_sets.get(one.alert.labels, "severity", "warning")
            counters.add(ctx.redis, "memmimic_alerts_total", {"severity": severity})
    if made:
        live.publish(ctx.redis, "alerts", [{"labels": dict(t.alert.labels), "state": t.after} for t in made])
    return [Job("notify.place"), Job("incidents.correlate")] if told else []


def notifiable(ctx: Context) -> list[dict[str, Any]]:
    """Return the firing alerts and the lately resolved ones, as they are shown: the full set, whatever was told before."""
    with ctx.read() as session:
        return [_shown(row) for row in store.notifiable(session, ctx.now() - RESEND_RESOLVED)]


def firing(ctx: Context) -> list[dict[str, Any]]:
    """Return the firing alerts."""
    return [alert for alert in notifiable(ctx) if alert["state"] == "firing"]


def active(ctx: Context) -> list[dict[str, Any]]:
    """Return the pending and firing alerts."""
    with ctx.read() as session:
        return [_shown(row) for row in store.active_rows(session)]


def by_ids(ctx: Context, ids: list[int]) -> list[dict[str, Any]]:
    """Return those of the alerts that exist."""
    with ctx.read() as session:
        rows = [store.get(session, number) for number in ids]
        return [_shown(row) for row in rows if row]


def _shown(row: AlertRow) -> dict[str, Any]:
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
        "created_at": encode.iso(row.firing_at or row.pending_at),
        "updated_at": encode.iso(row.evaluated_at),
        "resolved_at": encode.iso(row.resolved_at),
        "acknowledged_at": encode.iso(row.acknowledged_at),
        "acknowledged_by": row.acknowledged_by,
        "comment": row.comment,
    }


def acknowledge(ctx: Context, number: int, by: str, comment: str = "") -> dict[str, Any]:
    """Say that somebody cares about a firing alert; its notifications are not repeated."""
    return _by_hand(ctx, number, acknowledged_at=ctx.now(), acknowledged_by=by, comment=comment or None)[0]


def resolve(ctx: Context, number: int, by: str, comment: str = "") -> tuple[dict[str, Any], list[Job]]:
    """End an alert by hand. One whose condition still holds fires anew at the next evaluation."""
    said = comment or f"resolved by {by}"
    shown, row = _by_hand(ctx, number, state="resolved", resolved_at=ctx.now(), active=None, comment=said)
    return shown, _after(ctx, [Transition("firing", "resolved", store.as_active(row))])


def _by_hand(ctx: Context, number: int, **values: Any) -> tuple[dict[str, Any], AlertRow]:
    with ctx.write() as session:
        row = store.get(session, number)
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


def overview(ctx: Context, limit: int = 100) -> dict[str, Any]:
    """Return rules, firing alerts and history as GET /api/alerts shows them; the door adds what routing knows."""
    known = rules(ctx)
    with ctx.read() as session:
        firing_now = [_shown(row) for row in store.active_rows(session) if row.state == "firing"]
        pending = sum(row.state == "pending" for row in store.active_rows(session))
        past = [_shown(row) for row in store.history(session, limit)]
        health = store.health(session)
        total, resolved = store.counts(session)
    severities = {name: sum(a["severity"] == name for a in firing_now) for name in rule.SEVERITIES}
    return {
        "summary": {
            "total_alerts": total,
            "active_alerts": len(firing_now),
            "pending_alerts": pending,
            "alerts_by_severity": severities,
            "alerts_resolved": resolved,
            "alert_rules": len(known),
        },
        "active_alerts": firing_now,
        "alert_rules": [_shown_rule(one, health.get(one.id)) for one in known],
        "alert_history": past,
    }


def _shown_rule(one: AlertRule, health: Any) -> dict[str, Any]:
    return {
        "name": one.name,
        "group": one.group,
        "expr": one.expr,
        "condition": one.condition,
        "severity": one.severity,
        "threshold": one.threshold,
        "duration": one.hold,
        "keep_firing_for": one.keep_firing,
        "enabled": True,
        "labels": one.labels,
        "annotations": one.annotations,
        "last_evaluation": encode.iso(health.evaluated_at) if health else None,
        "evaluation_seconds": health.seconds if health else None,
        "error": health.error if health else None,
    }
