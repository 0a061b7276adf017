"""The verb that brings alerts up to date: evaluate every rule, end what no rule ends."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

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


class Asked(NamedTuple):
    """What a rule's query said: the series for which it holds, by the identity of their alert, or why that cannot be said."""

    rule: AlertRule
    held: dict[Labels, Point]
    error: str | None
    seconds: float


def evaluate(ctx: Context) -> list[Job]:
    """Bring every rule's alerts up to date; return what follows from the transitions."""
    with client.edge():
        ctx.redis.delete(keys.evaluation_pending())
    if not _begin(ctx):
        return []
    known = rules(ctx)
    try:
        made = _bring_up(ctx, known)
        made += _end_others(ctx, {one.id for one in known})
    finally:
        lease.release(ctx.redis, "evaluate")
    pulse.beat(ctx.redis, COMPONENT, "ok", ctx.now(), rules=len(known))
    with client.edge():
        is_wanted_again = ctx.redis.getdel(keys.evaluation_again())
    return [*news.jobs(made), *([Job("alerts.evaluate")] if is_wanted_again else [])]


def _begin(ctx: Context) -> bool:
    """Take the lease. While another worker has it, tell that one that there is more to look at: it may have read its samples
    already."""
    is_mine = lease.claim(ctx.redis, "evaluate", LEASE_SECONDS)
    if not is_mine:
        with client.edge():
            ctx.redis.set(keys.evaluation_again(), "1", px=round(LEASE_SECONDS * 2000))
        is_mine = lease.claim(ctx.redis, "evaluate", LEASE_SECONDS)  # It may have looked just before.
    if is_mine:
        with client.edge():
            ctx.redis.delete(keys.evaluation_again())  # All that is there by now is looked at.
    return is_mine


def _bring_up(ctx: Context, known: Sequence[AlertRule]) -> list[Transition]:
    """Bring the alerts of rules up to date, all as of one moment and in one transaction."""
    now = ctx.now()
    made = _settle(ctx, [*_ask_all(ctx, known, now)], now)
    news.publish(ctx, made)
    return made


def _ask_all(ctx: Context, known: Sequence[AlertRule], now: float) -> Iterator[Asked]:
    renewed = began = time.perf_counter()
    with metrics.pinned(ctx, [one.expr for one in known], now):
        for one in known:
            if began - renewed > LEASE_SECONDS / 10:
                lease.renew(ctx.redis, "evaluate", LEASE_SECONDS)
                renewed = began
            held, error = _ask(ctx, one, now)
            ended = time.perf_counter()
            yield Asked(one, held, error, ended - began)
            began = ended


def _settle(ctx: Context, asked: Sequence[Asked], now: float) -> list[Transition]:
    """Move the alerts on and keep how the rules went. A rule whose query failed keeps its alerts as they are and touches no
    other; one that another worker has evaluated meanwhile, since this one was so slow, is left alone."""
    made: list[Transition] = []
    with ctx.write() as session:
        overtaken = store.evaluated(session, now, now + STALE)
        mine = [one for one in asked if one.rule.id not in overtaken]
        health = [
            {"rule": one.rule.id, "evaluated_at": now, "seconds": one.seconds, "error": one.error} for one in mine
        ]
        store.save_health(session, health)
        rows: dict[str, list[AlertRow]] = {}
        for row in store.active_rows(session):
            if row.source == "rule":
                rows.setdefault(row.rule, []).append(row)
        for one in mine:
            if one.error is None:
                made += _step(session, one.rule, rows.get(one.rule.id, []), one.held, now)
    counters.observe_all(ctx.redis, "memmon_rule_duration_seconds", [one.seconds for one in asked])
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


def _step(
    session: Session, one: AlertRule, own: Sequence[AlertRow], held: Mapping[Labels, Point], now: float
) -> list[Transition]:
    """Move the rule's alerts on; return the transitions that were made here and not by another worker first."""
    known = {store.key(one.id, labels): labels for labels in held}
    rows = {known.get(row.active or "", label_sets.of(row.labels)): row for row in own}
    active = {labels: store.as_active(row)._replace(labels=labels) for labels, row in rows.items()}
    after, transitions = machine.step(one, active, held, now)
    moved = {transition.alert.labels: transition for transition in transitions}
    done: list[Transition] = []
    same: list[tuple[AlertRow, dict[str, Any]]] = []
    for labels, alert in ({name: made.alert for name, made in moved.items()} | after).items():
        row, transition = rows.get(labels), moved.get(labels)
        ended = transition is not None and transition.after in (None, "resolved")
        annotations = _annotations(one, held.get(labels)) or (row.annotations if row else {})
        values = _changing(alert, now, ended) | {"annotations": annotations}
        if row is not None and transition is None:
            same.append((row, values))
            continue
        if row is None:
            born = _born(one, labels, held[labels])
            shown, won = label_sets.of(born["labels"]), store.insert(session, {**born, **values})
        else:
            shown, won = label_sets.of(row.labels), store.swap(session, row.id, row.version, **values)
        if won and transition:
            done.append(transition._replace(alert=alert._replace(labels=shown)))
            _tell(one, done[-1])
    store.swap_all(session, same)
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


def _annotations(one: AlertRule, point: Point | None) -> dict[str, str]:
    """Return the annotations of an alert that holds; one that no longer does keeps its last ones."""
    if point is None:
        return {}
    labels = dict(point.labels)
    return {name: template.render(text, labels, point.value) for name, text in one.annotations.items()}


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

    def has_slept(row: AlertRow) -> bool:
        return row.acknowledged_until is not None and row.acknowledged_until <= now

    with ctx.read() as session:
        rows = store.active_rows(session)
    over = [row for row in rows if is_over(row)]
    if not over and not any(has_slept(row) for row in rows):
        return []  # As nearly always: no lock is taken.
    made = []
    with ctx.write() as session:
        for number in store.forget_acknowledged(session, now):
            log.warning("alert %s: the time for which it was acknowledged is over", number)
        for row in over:
            fired = row.state == "firing"
            if store.swap(session, row.id, row.version, state="resolved", resolved_at=now, active=None):
                made.append(Transition(row.state, "resolved" if fired else None, store.as_active(row)))  # type: ignore[arg-type]
                log.info("%s %s", "resolved" if fired else "inactive", label_sets.show(label_sets.of(row.labels)))
        store.forget_health(session, known)
    news.publish(ctx, made)
    return made
