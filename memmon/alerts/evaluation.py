"""The verb that brings alerts up to date: evaluate every rule, end what no rule ends."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence

from memmon import labels as label_sets
from memmon.alerts import lifecycle, machine, recording, rule, store, transitions
from memmon.alerts.lifecycle import QueryResult
from memmon.alerts.machine import Transition
from memmon.alerts.rule import AlertRule, Book, LoadedGroup, RecordingRule
from memmon.alerts.template import NOWHERE
from memmon.config.rules import RuleFile
from memmon.context import Context
from memmon.errors import BadQuery
from memmon.jobs import Job
from memmon.labels import Labels
from memmon.metrics import service as metrics
from memmon.samples import Point
from memmon.state import client, counters, heartbeat, keys, lease

log = logging.getLogger(__name__)

COMPONENT = "alert_manager"
LEASE_SECONDS = 10.0
"""Lease time (s), renewed before each rule. After a worker is killed, another continues once it has
passed.
"""
_checked: tuple[RuleFile, Book] | None = None


def book(ctx: Context) -> Book:
    """Return the rules in force; they are parsed once for each configuration."""
    global _checked
    config, cached = ctx.config.rules, _checked
    if cached is None or cached[0] is not config:
        cached = _checked = (config, rule.book(config))
    return cached[1]


def rules(ctx: Context) -> list[AlertRule]:
    """Return the alerting rules in force."""
    return book(ctx).alerting


def evaluate(ctx: Context) -> list[Job]:
    """Bring every rule's alerts up to date; return what follows from the transitions."""
    with client.edge():
        ctx.redis.delete(keys.evaluation_pending())
    if not _begin(ctx):
        return []
    rule_book = book(ctx)
    try:
        changes = _bring_up(ctx, rule_book)
        changes += _end_others(ctx, rule_book)
        recording.write_alerts(ctx, bool(changes), ctx.now())
    finally:
        lease.release(ctx.redis, "evaluate")
    heartbeat.beat(ctx.redis, COMPONENT, "ok", ctx.now(), rules=len(rule_book.ids))
    with client.edge():
        is_wanted_again = ctx.redis.getdel(keys.evaluation_again())
    return [*transitions.jobs(changes), *([Job("alerts.evaluate")] if is_wanted_again else [])]


def _begin(ctx: Context) -> bool:
    """Take the lease. While another worker has it, tell that one that there is more to look at: it
    may have read its samples already.
    """
    is_mine = lease.claim(ctx.redis, "evaluate", LEASE_SECONDS)
    if not is_mine:
        with client.edge():
            ctx.redis.set(keys.evaluation_again(), "1", px=round(LEASE_SECONDS * 2000))
        # It may have looked just before.
        is_mine = lease.claim(ctx.redis, "evaluate", LEASE_SECONDS)
    if is_mine:
        with client.edge():
            # Every sample that arrived before this point is evaluated.
            ctx.redis.delete(keys.evaluation_again())
    return is_mine


def _bring_up(ctx: Context, book: Book) -> list[Transition]:
    """Bring the alerts of rules up to date, all as of one moment and in one transaction."""
    now = ctx.now()
    due = _due(ctx, book, now)
    transitions_made = lifecycle.apply_results(ctx, [*_ask_all(ctx, due, book.recorded, now)], now)
    transitions.publish(ctx, transitions_made)
    return transitions_made


def _due(ctx: Context, book: Book, now: float) -> list[LoadedGroup]:
    """Return the groups whose time has come: those without an interval always, others once it is
    over since they last were; a little sooner is well enough, since ticks and samples come when
    they come.
    """
    if all(group.interval is None for group in book.groups):
        return list(book.groups)
    with ctx.read() as session:
        last = {name: health.evaluated_at for name, health in store.health(session).items()}

    def is_due(group: LoadedGroup) -> bool:
        times = [last[rule.id] for rule in group.rules if rule.id in last]
        if group.interval is None or not times:
            return True
        return not 0 <= now - min(times) < group.interval - min(1.0, 0.1 * group.interval)

    return [group for group in book.groups if is_due(group)]


def _ask_all(ctx: Context, groups: Sequence[LoadedGroup], recorded: set[str], now: float) -> Iterator[QueryResult]:
    renewed = began = time.perf_counter()
    exprs = [text for group in groups for rule in group.rules for text in _exprs(rule)]
    with metrics.pinned(ctx, exprs, now, but=recorded):
        for group, rule in [(mine, rule) for mine in groups for rule in mine.rules]:
            if began - renewed > LEASE_SECONDS / 10:
                lease.renew(ctx.redis, "evaluate", LEASE_SECONDS)
                renewed = began
            holding, clear, error = _ask(ctx, group, rule, now)
            ended = time.perf_counter()
            yield QueryResult(rule, holding, clear, error, ended - began)
            began = ended


def _exprs(rule: AlertRule | RecordingRule) -> list[str]:
    return [rule.expr, rule.clear] if isinstance(rule, AlertRule) and rule.clear else [rule.expr]


def _ask(
    ctx: Context, group: LoadedGroup, rule: AlertRule | RecordingRule, now: float
) -> tuple[dict[Labels, Point], list[Point], str | None]:
    """Return the series for which the rule's condition holds, keyed by alert identity, the series
    that its `clear` expression keeps, and the error text of a failed query. A recording rule's
    result is written at once, because later rules may read it.
    """
    at = now - group.offset
    try:
        vector = metrics.instant(ctx, rule.expr, at)
        if isinstance(rule, RecordingRule):
            recording.write(ctx, {rule.id: recording.named(rule, vector, group.limit)}, now)
            return {}, [], None
        holding = machine.holding(rule, vector)
        if group.limit and len(holding) > group.limit:
            raise BadQuery(f"exceeded limit of {group.limit} with {len(holding)} alerts", "execution")
        _check_labels(rule, holding)
        return holding, metrics.instant(ctx, rule.clear, at) if rule.clear else [], None
    except (BadQuery, ArithmeticError, LookupError, TypeError, ValueError) as failure:
        # Any error of the evaluator fails this rule only.
        log.error("rule %s could not be evaluated: %s", rule.id, failure)
        counters.add(ctx.redis, "memmon_rule_failures_total", {"rule": rule.name})
        return {}, [], str(failure) or repr(failure)


def _check_labels(rule: AlertRule, holding: Mapping[Labels, Point]) -> None:
    """Raise BadQuery where two alerts have the same labels once their templates are filled in."""
    if len(holding) < 2 or not any("{{" in text for text in rule.labels.values()):
        return
    seen: set[Labels] = set()
    for labels, point in holding.items():
        filled_labels = lifecycle.labels_of(rule, labels, point, NOWHERE)
        if filled_labels in seen:
            raise BadQuery(f"two series make one alert, {label_sets.show(filled_labels)}", "execution")
        seen.add(filled_labels)


def _end_others(ctx: Context, book: Book) -> list[Transition]:
    """End the alerts that no rule will: those of rules that the configuration no longer has, and
    those of detectors and callers whose time is over.
    """
    now, alerting = ctx.now(), {rule.id for rule in book.alerting}
    with ctx.read() as session:
        over = store.over(session, alerting, now)
        has_slept = store.is_acknowledgement_over(session, now)
    if not over and not has_slept:
        return []  # As nearly always: no lock is taken.
    ended = []
    with ctx.write() as session:
        for alert_id in store.forget_acknowledged(session, now):
            log.warning("alert %s: the time for which it was acknowledged is over", alert_id)
        for row in over:
            fired = row.state == "firing"
            if store.swap(session, row.id, row.version, state="resolved", resolved_at=now, active=None):
                ended.append(Transition(row.state, "resolved" if fired else None, store.as_active(row)))  # type: ignore[arg-type]
                log.info("%s %s", "resolved" if fired else "inactive", label_sets.show(label_sets.of(row.labels)))
        store.forget_health(session, book.ids)
    transitions.publish(ctx, ended)
    return ended
