"""Moves the alerts of rules on by what their queries said, and keeps it."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from memmon import labels as label_sets
from memmon.alerts import machine, rule, store, template
from memmon.alerts.machine import Active, Transition
from memmon.alerts.rule import AlertRule, RecordingRule
from memmon.alerts.tables import AlertRow
from memmon.alerts.template import Outside
from memmon.context import Context
from memmon.labels import Labels
from memmon.metrics import service as metrics
from memmon.samples import Point
from memmon.state import counters

log = logging.getLogger("memmon.alerts.evaluation")

STALE = 60.0
"""Seconds within which an evaluation that is newer than one's own counts as newer, and not as a
clock that was set back.
"""


class QueryResult(NamedTuple):
    """Result of one rule's query: the series for which its condition holds, keyed by alert
    identity, the series that `clear` keeps, or the error. A recording rule has written its result
    already and holds for no series.
    """

    rule: AlertRule | RecordingRule
    holding: dict[Labels, Point]
    clear: list[Point]
    error: str | None
    seconds: float


def apply_results(ctx: Context, asked: Sequence[QueryResult], now: float) -> list[Transition]:
    """Move the alerts on and keep how the rules went. A rule whose query failed keeps its alerts as
    they are and touches no other; one that another worker has evaluated meanwhile, since this one
    was so slow, is left alone.
    """
    transitions: list[Transition] = []
    with ctx.write() as session:
        overtaken = store.evaluated(session, now, now + STALE)
        mine = [answer for answer in asked if answer.rule.id not in overtaken]
        health = [
            {"rule": answer.rule.id, "evaluated_at": now, "seconds": answer.seconds, "error": answer.error}
            for answer in mine
        ]
        store.save_health(session, health)
        rows: dict[str, list[AlertRow]] = {}
        for row in store.active_rows(session):
            if row.source == "rule":
                rows.setdefault(row.rule, []).append(row)
        step = _Step(session, now, _outside(ctx, now))
        for answer in mine:
            if answer.error is None and isinstance(answer.rule, AlertRule):
                transitions += step.of(answer.rule, rows.get(answer.rule.id, []), answer)
        store.swap_all(session, step.same)
    counters.observe_all(ctx.redis, "memmon_rule_duration_seconds", [answer.seconds for answer in asked])
    return transitions


def _outside(ctx: Context, now: float) -> Outside:
    """Return what templates may ask, at the moment of the evaluation."""
    url = ctx.settings.external_url or f"http://localhost:{ctx.settings.dashboard_port}"
    return Outside(url, lambda expr: metrics.instant(ctx, expr, now))


class _Step:
    """One evaluation of all rules, in one transaction."""

    def __init__(self, session: Session, now: float, outside: Outside):
        self._session, self._now, self._outside = session, now, outside
        self.same: list[tuple[AlertRow, dict[str, Any]]] = []
        """Unchanged alerts with new values or annotations; they are written in one statement."""
        self._fired = cache(lambda: store.fired_since(session, now - store.FLAP_SECONDS))

    def of(self, rule: AlertRule, rule_rows: Sequence[AlertRow], asked: QueryResult) -> list[Transition]:
        """Move the rule's alerts on; return the transitions that were made here and not by another
        worker first.
        """
        now = self._now
        labels_by_key = {store.key(rule.id, labels): labels for labels in asked.holding}
        labels_by_key |= {
            store.key(rule.id, name): name for name in (machine.identity(rule, p.labels) for p in asked.clear)
        }
        rows = {labels_by_key.get(row.active or "", label_sets.of(row.labels)): row for row in rule_rows}
        active = {labels: store.as_active(row)._replace(labels=labels) for labels, row in rows.items()}
        holding = (
            machine.merge_clear_condition(rule, active, asked.holding, asked.clear) if asked.clear else asked.holding
        )
        after, transitions = machine.step(rule, active, holding, now)
        moved = {transition.alert.labels: transition for transition in transitions}
        done: list[Transition] = []
        for labels, alert in ({name: change.alert for name, change in moved.items()} | after).items():
            row, transition = rows.get(labels), moved.get(labels)
            ended = transition is not None and transition.after in (None, "resolved")
            annotations = _annotations(rule, holding.get(labels), self._outside) or (row.annotations if row else {})
            values = _changing(alert, now, ended) | {"annotations": annotations}
            if row is not None and transition is None:
                self.same.append((row, values))
                continue
            assert transition is not None
            filled_labels, won = self._write(rule, labels, row, transition, values, holding)
            if won:
                done.append(transition._replace(alert=alert._replace(labels=filled_labels)))
                _tell(rule, done[-1])
        return done

    def _write(
        self,
        rule: AlertRule,
        labels: Labels,
        row: AlertRow | None,
        transition: Transition,
        values: dict[str, Any],
        holding: Mapping[Labels, Point],
    ) -> tuple[Labels, bool]:
        """Write one alert that changed; return its labels as they are shown, and whether nobody
        else was first.
        """
        born = _born(rule, labels, holding[labels], self._outside) if row is None else {}
        fingerprint = born["fingerprint"] if row is None else row.fingerprint
        if transition.after == "firing":
            values["flaps"] = self._fired().get((rule.id, fingerprint), 0)
        if row is None:
            return label_sets.of(born["labels"]), store.insert(self._session, {**born, **values})
        return label_sets.of(row.labels), store.swap(self._session, row.id, row.version, **values)


def _born(alert_rule: AlertRule, labels: Labels, point: Point, outside: Outside) -> dict[str, Any]:
    """Return the columns that an alert keeps for its whole life. Labels are rendered once, so that
    receivers recognize the alert later.
    """
    filled_labels = labels_of(alert_rule, labels, point, outside)
    return {
        "active": store.key(alert_rule.id, labels),
        "version": 1,
        "source": "rule",
        "rule": alert_rule.id,
        "fingerprint": label_sets.fingerprint(filled_labels),
        "labels": dict(filled_labels),
        "severity": rule.severity_of(dict(filled_labels)),
        "threshold": alert_rule.threshold,
    }


def labels_of(rule: AlertRule, labels: Labels, point: Point, outside: Outside) -> Labels:
    """Return the labels of an alert with their templates filled in."""
    if not rule.labels:
        return labels
    series_labels = dict(point.labels)
    return label_sets.of({name: template.render(text, series_labels, point.value, outside) for name, text in labels})


def _annotations(rule: AlertRule, point: Point | None, outside: Outside) -> dict[str, str]:
    """Return the annotations of an alert that holds; one that no longer does keeps its last
    ones.
    """
    if point is None:
        return {}
    labels = dict(point.labels)
    return {name: template.render(text, labels, point.value, outside) for name, text in rule.annotations.items()}


def _changing(alert: Active, now: float, ended: bool) -> dict[str, Any]:
    columns = {
        "state": "resolved" if ended else alert.state,
        "value": alert.value if math.isfinite(alert.value) else None,
        "pending_at": alert.pending_at,
        "firing_at": alert.firing_at,
        "resolved_at": (alert.resolved_at or now) if ended else None,
        "ends_at": alert.absent_at,
        "evaluated_at": now,
    }
    return {**columns, "active": None} if ended else columns


def _tell(rule: AlertRule, transition: Transition) -> None:
    series_text = label_sets.show(transition.alert.labels)
    if transition.after in ("pending", "firing"):
        limit = rule.threshold if rule.threshold is not None else "none"
        log.warning(
            "%s %s: value %g crossed threshold %s of %s",
            transition.after,
            series_text,
            transition.alert.value,
            limit,
            rule.expr,
        )
    else:
        log.info("%s %s", transition.after or "inactive", series_text)
