"""What rules and routes would have done with stored history, beside what really happened."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from memmon import encode
from memmon import labels as label_sets
from memmon.alerts import rule
from memmon.alerts import service as alert_room
from memmon.alerts.rule import AlertRule, Book
from memmon.alerts.simulation import SimulatedTransition, Trial
from memmon.config.routes import Routes
from memmon.config.rules import RuleFile
from memmon.context import Context
from memmon.errors import BadInput
from memmon.metrics import service as metrics
from memmon.promql import query
from memmon.promql.memory import Memory
from memmon.promql.query import Query
from memmon.routing import route, simulation
from memmon.routing.simulation import AlertEvent
from memmon.samples import STALE_NAN, Point, Series

LONGEST = 30 * 86400.0
MOST_STEPS = 10_080
"""Longest range with one-minute steps: a week. Longer ranges use longer steps."""
MOST_SHOWN = 200


def backtest(ctx: Context, rules: RuleFile, seconds: float, routes: Routes | None = None) -> dict[str, Any]:
    """Backtest rules: return when they would have fired in the last `seconds`, which receivers
    `routes` (default: those in force) would have notified and how often, and how often alerts of
    the same names really fired.

    Steps are one minute, longer when there would be too many. History is stored as rollups, so
    firings shorter than a rollup are not visible.
    """
    if not 60 <= seconds <= LONGEST:
        raise BadInput("since", "must be between a minute and 30 days")
    book = rule.book(rules)
    end = ctx.now() // 60 * 60
    step = max(60.0, -(-seconds // MOST_STEPS // 60) * 60)
    start = end - seconds // step * step
    steps, errors = _tried(ctx, book, start, end, step)
    events = _events(steps)
    top = route.tree(routes, ctx.settings) if routes else route.tree(ctx.config.routes, ctx.settings)
    notices = simulation.simulate(routes or ctx.config.routes, top, events, end)
    really = alert_room.fired_between(ctx, {rule.name for rule in book.alerting}, start, end)
    return {
        "from": encode.iso(start),
        "to": encode.iso(end),
        "step": step,
        "rules": [_of_rule(rule, steps, errors, really, end) for rule in book.alerting],
        "errors": errors,
        "notifications": {
            "total": len(notices),
            "by_receiver": dict(Counter(notice.receiver for notice in notices)),
            "by_reason": dict(Counter(notice.reason for notice in notices)),
            "list": [{**notice._asdict(), "at": encode.iso(notice.at)} for notice in notices[:MOST_SHOWN]],
        },
    }


def _tried(
    ctx: Context, book: Book, start: float, end: float, step: float
) -> tuple[list[SimulatedTransition], dict[str, str]]:
    """Go through the steps; return what changed, and by rule the first error that it made."""
    asked = _Asked(ctx, book.recorded, start, end, step)
    trial = Trial(book.groups, asked.ask, asked.record)
    steps: list[SimulatedTransition] = []
    errors: dict[str, str] = {}
    for index in range(round((end - start) / step) + 1):
        steps += trial.step(start + index * step)
        errors = {**trial.errors, **errors}
    return steps, errors


class _Asked:
    """Answers queries at each step. An expression is queried once for the whole range; one that
    reads recorded series of the same file is evaluated at each step over the values recorded so
    far.
    """

    def __init__(self, ctx: Context, recorded: set[str], start: float, end: float, step: float):
        self._ctx, self._recorded, self._bounds, self._step = ctx, recorded, (start, end), step
        self._answers: dict[str, list[Series]] = {}
        self._memory = Memory()
        self._before: dict[str, frozenset[label_sets.Labels]] = {}

    def ask(self, expr: str, at: float) -> list[Point]:
        """Return the vector of an expression at a step."""
        names, _ = query.reads([expr])
        if names & (self._recorded | {"ALERTS", "ALERTS_FOR_STATE"}):
            return Query(expr, self._memory, at, at).instant(at)
        if not self._bounds[0] <= at <= self._bounds[1]:
            return metrics.instant(self._ctx, expr, at)
        if expr not in self._answers:
            self._answers[expr] = metrics.range(self._ctx, expr, *self._bounds, self._step)[0]
        moment, values = round(at * 1000), []
        for series in self._answers[expr]:
            place = bisect_right(series.times, moment) - 1
            if place >= 0 and series.times[place] == moment:
                values.append(Point(series.labels, float(series.values[place])))
        return values

    def record(self, name: str, points: Sequence[Point], at: float) -> None:
        """Keep the recorded series and end the series that the rule no longer produces."""
        fresh = frozenset(point.labels for point in points)
        gone = [Point(labels, STALE_NAN) for labels in self._before.get(name, frozenset()) - fresh]
        self._before[name] = fresh
        time = np.array([round(at * 1000)], dtype=np.int64)
        self._memory.add(Series(p.labels, time, np.array([p.value])) for p in (*points, *gone))


def _events(steps: Sequence[SimulatedTransition]) -> list[AlertEvent]:
    """Return the events for routing; each firing is an alert of its own."""
    numbers: dict[tuple[str, label_sets.Labels], int] = {}
    events: list[AlertEvent] = []
    for step in steps:
        key = (step.rule.id, step.transition.alert.labels)
        if step.transition.after == "firing":
            numbers[key] = len(events) + 1
            events.append(AlertEvent(step.at, numbers[key], step.labels, True))
        elif step.transition.after == "resolved" and key in numbers:
            events.append(AlertEvent(step.at, numbers[key], step.labels, False))
    return events


def _of_rule(
    rule: AlertRule, steps: Sequence[SimulatedTransition], errors: dict[str, str], really: dict[str, int], end: float
) -> dict[str, Any]:
    began: dict[label_sets.Labels, float] = {}
    firings: list[tuple[float, float | None, label_sets.Labels]] = []
    for change in steps:
        if change.rule.id != rule.id:
            continue
        labels = change.transition.alert.labels
        if change.transition.after == "firing":
            began[labels] = change.at
        elif change.transition.after == "resolved":
            firings.append((began.pop(labels), change.at, change.labels))
    firings += [(at, None, labels) for labels, at in began.items()]
    firings.sort(key=lambda firing: firing[0])
    return {
        "name": rule.name,
        "firings": len(firings),
        "firing_seconds": sum((until or end) - at for at, until, _ in firings),
        "really_fired": really.get(rule.name, 0),
        "error": errors.get(rule.id),
        "list": [
            {"from": encode.iso(at), "to": encode.iso(until), "labels": dict(labels)}
            for at, until, labels in firings[:MOST_SHOWN]
        ],
    }
