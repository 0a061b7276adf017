"""The verb that brings alerts up to date: evaluate every rule, end what no rule ends."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from memmon import labels as label_sets
from memmon.alerts import machine, news, rule, store, template
from memmon.alerts.machine import Active, Transition
from memmon.alerts.rule import AlertRule
from memmon.config.rules import RuleFile
from memmon.context import Context
from memmon.db.tables import AlertRow
from memmon.errors import BadQuery
from memmon.jobs import Job
from memmon.labels import Labels
from memmon.metrics import service as metrics
from memmon.samples import Point
from memmon.state import client, counters, keys, lease, pulse

log = logging.getLogger(__name__)

COMPONENT = "alert_manager"
LEASE_SECONDS = 10.0
"""Longer than one rule takes, and renewed before each: evaluation goes on so soon after its worker was killed."""
STALE = 60.0
"""Seconds within which an evaluation that is newer than one's own counts as newer, and not as a clock that was set back."""
_checked: tuple[RuleFile, list[AlertRule]] | None = None


def rules(ctx: Context) -> list[AlertRule]:
    """Return the alerting rules in force; they are parsed once for each configuration."""
    global _checked
    given, held = ctx.config.rules, _checked
    if held is None or held[0] is not given:
        held = _checked = (given, rule.alerting(given))
    return held[1]


def evaluate(ctx: Context) -> list[Job]:
    """Bring every rule's alerts up to date; return what follows from the transitions."""
    with client.edge():
        ctx.redis.delete(keys.evaluation_pending())
    if not lease.claim(ctx.redis, "evaluate", LEASE_SECONDS):
        return []  # Another worker is at it; samples that came in since wake the next one.
    known = rules(ctx)
    try:
        made = []
        for one in known:
            lease.renew(ctx.redis, "evaluate", LEASE_SECONDS)
            made += _evaluate_rule(ctx, one)
        made += _end_others(ctx, {one.id for one in known})
    finally:
        lease.release(ctx.redis, "evaluate")
    pulse.beat(ctx.redis, COMPONENT, "ok", ctx.now(), rules=len(known))
    return news.jobs(made)


def _evaluate_rule(ctx: Context, one: AlertRule) -> list[Transition]:
    """Bring one rule's alerts up to date. A rule whose query fails keeps its alerts as they are and touches no other."""
    now, began = ctx.now(), time.perf_counter()
    held, error = _ask(ctx, one, now)
    made: list[Transition] = []
    with ctx.write() as session:
        if store.evaluated_at(session, one.id, now, now + STALE):
            return []  # So slow that another worker has evaluated it meanwhile.
        store.save_health(session, one.id, now, time.perf_counter() - began, error)
        if error is None:
            made = _step(session, one, held, now)
    counters.observe(ctx.redis, "memmon_rule_duration_seconds", {}, time.perf_counter() - began)
    news.publish(ctx, made)
    return made


def _ask(ctx: Context, one: AlertRule, now: float) -> tuple[dict[Labels, Point], str | None]:
    """Return the series for which the rule holds, by the identity of their alert, or why that cannot be said."""
    try:
        return machine.holding(one, metrics.instant(ctx, one.expr, now)), None
    except (BadQuery, ArithmeticError, LookupError, TypeError, ValueError) as failure:
        # What the evaluator cannot compute, for whatever reason, is this rule's trouble alone.
        log.error("rule %s could not be evaluated: %s", one.id, failure)
        counters.add(ctx.redis, "memmon_rule_failures_total", {"rule": one.name})
        return {}, str(failure) or repr(failure)


def _step(session: Session, one: AlertRule, held: Mapping[Labels, Point], now: float) -> list[Transition]:
    """Move the rule's alerts on; return the transitions that were made here and not by another worker first."""
    known = {store.key(one.id, labels): labels for labels in held}
    rows = {known.get(row.active or "", label_sets.of(row.labels)): row for row in store.active_rows(session, one.id)}
    active = {labels: store.as_active(row)._replace(labels=labels) for labels, row in rows.items()}
    after, transitions = machine.step(one, active, held, now)
    moved = {transition.alert.labels: transition for transition in transitions}
    done: list[Transition] = []
    for labels, alert in ({name: made.alert for name, made in moved.items()} | after).items():
        row, transition = rows.get(labels), moved.get(labels)
        ended = transition is not None and transition.after in (None, "resolved")
        values = _changing(alert, now, ended) | _annotations(one, held.get(labels))
        if row is None:
            born = _born(one, labels, held[labels])
            shown, won = label_sets.of(born["labels"]), store.insert(session, {**born, **values})
        else:
            shown, won = label_sets.of(row.labels), store.swap(session, row.id, row.version, **values)
        if won and transition:
            done.append(transition._replace(alert=alert._replace(labels=shown)))
            _tell(one, done[-1])
    return done


def _born(one: AlertRule, labels: Labels, point: Point) -> dict[str, Any]:
    """Return what an alert keeps for its whole life. Its labels are filled in now and stay: who was told of an alert must
    know it again."""
    shown = label_sets.of(
        {name: template.render(text, dict(point.labels), point.value) for name, text in dict(labels).items()}
        if one.labels
        else labels
    )
    return {
        "active": store.key(one.id, labels),
        "version": 1,
        "source": "rule",
        "rule": one.id,
        "fingerprint": label_sets.fingerprint(shown),
        "labels": dict(shown),
        "severity": rule.severity_of(dict(shown)),
        "threshold": one.threshold,
    }


def _annotations(one: AlertRule, point: Point | None) -> dict[str, Any]:
    """Return the annotations of an alert that holds; one that no longer does keeps its last ones."""
    if point is None:
        return {}
    labels = dict(point.labels)
    return {"annotations": {n: template.render(text, labels, point.value) for n, text in one.annotations.items()}}


def _changing(alert: Active, now: float, ended: bool) -> dict[str, Any]:
    found = {
        "state": "resolved" if ended else alert.state,
        "value": alert.value if math.isfinite(alert.value) else None,
        "pending_at": alert.pending_at,
        "firing_at": alert.firing_at,
        "resolved_at": (alert.resolved_at or now) if ended else None,
        "ends_at": alert.absent_at,
        "evaluated_at": now,
    }
    return {**found, "active": None} if ended else found


def _tell(one: AlertRule, made: Transition) -> None:
    shown = label_sets.show(made.alert.labels)
    if made.after in ("pending", "firing"):
        limit = one.threshold if one.threshold is not None else "none"
        log.warning("%s %s: value %g crossed threshold %s of %s", made.after, shown, made.alert.value, limit, one.expr)
    else:
        log.info("%s %s", made.after or "inactive", shown)


def _end_others(ctx: Context, known: set[str]) -> list[Transition]:
    """End the alerts that no rule will: those of rules that the configuration no longer has, and those of detectors and
    callers whose time is over."""
    now = ctx.now()

    def is_over(row: AlertRow) -> bool:
        if row.source == "rule":
            return row.rule not in known
        return row.ends_at is not None and row.ends_at <= now

    with ctx.read() as session:
        over = [row for row in store.active_rows(session) if is_over(row)]
    if not over:
        return []  # As nearly always: no lock is taken.
    made = []
    with ctx.write() as session:
        for row in over:
            fired = row.state == "firing"
            if store.swap(session, row.id, row.version, state="resolved", resolved_at=now, active=None):
                made.append(Transition(row.state, "resolved" if fired else None, store.as_active(row)))  # type: ignore[arg-type]
                log.info("%s %s", "resolved" if fired else "inactive", label_sets.show(label_sets.of(row.labels)))
        store.forget_health(session, known)
    news.publish(ctx, made)
    return made
