"""Pure: rules over samples that are at hand, step by step: what would be pending, firing and
resolved, and when.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from memmon import labels as label_sets
from memmon.alerts import machine, template
from memmon.alerts.machine import Active, Transition
from memmon.alerts.rule import AlertRule, LoadedGroup, RecordingRule
from memmon.alerts.template import Outside
from memmon.errors import BadQuery
from memmon.labels import Labels
from memmon.samples import Point

Ask = Callable[[str, float], list[Point]]
"""ask(expr, at) -> the vector of an expression at a time (Unix seconds)."""
Record = Callable[[str, Sequence[Point], float], None]
"""record(rule, series, at): what a rule wrote at a time, so that later questions see it."""

FLAP_SECONDS = 3600.0


class SimulatedTransition(NamedTuple):
    """A transition of a rule's alert at a time, with its labels and annotations as they are
    shown.
    """

    at: float
    rule: AlertRule
    transition: Transition
    labels: Labels


class Trial:
    """Simulates the alerts of some rules step by step."""

    def __init__(self, groups: Sequence[LoadedGroup], ask: Ask, record: Record, url: str = ""):
        self._groups, self._ask, self._record, self._url = groups, ask, record, url
        self._active: dict[str, dict[Labels, Active]] = {}
        self._points: dict[str, dict[Labels, tuple[Point, float]]] = {}
        self._fired: dict[tuple[str, Labels], list[float]] = {}
        self.errors: dict[str, str] = {}
        """Why the last evaluation of a rule failed, by its id."""

    def step(self, now: float) -> list[SimulatedTransition]:
        """Evaluate all rules at `now`; return what changed."""
        steps: list[SimulatedTransition] = []
        for group in self._groups:
            for rule in group.rules:
                try:
                    steps += self._one(group, rule, now)
                    self.errors.pop(rule.id, None)
                except BadQuery as error:
                    self.errors[rule.id] = str(error)
        return steps

    def _one(self, group: LoadedGroup, rule: AlertRule | RecordingRule, now: float) -> list[SimulatedTransition]:
        at = now - group.offset
        vector = self._ask(rule.expr, at)
        if isinstance(rule, RecordingRule):
            added = {**rule.labels, label_sets.NAME: rule.name}
            self._limit(group, len(vector))
            self._record(rule.id, [Point(label_sets.merge(p.labels, added), p.value) for p in vector], now)
            return []
        holding = machine.holding(rule, vector)
        self._limit(group, len(holding))
        active = self._active.get(rule.id, {})
        if rule.clear:
            holding = machine.merge_clear_condition(rule, active, holding, self._ask(rule.clear, at))
        after, transitions = machine.step(rule, active, holding, now)
        self._active[rule.id] = {labels: self._flapping(rule, alert, now) for labels, alert in after.items()}
        last_points = {**self._points.get(rule.id, {}), **{labels: (point, now) for labels, point in holding.items()}}
        self._points[rule.id] = {labels: seen for labels, seen in last_points.items() if labels in after}
        self._record(rule.id, self._series(rule), now)
        return [
            SimulatedTransition(now, rule, t, self._shown(rule, t.alert, last_points.get(t.alert.labels)))
            for t in transitions
        ]

    def _limit(self, group: LoadedGroup, count: int) -> None:
        if group.limit and count > group.limit:
            raise BadQuery(f"exceeded limit of {group.limit} with {count}", "execution")

    def _flapping(self, rule: AlertRule, alert: Active, now: float) -> Active:
        """Return an alert with how often it had fired, where it begins to."""
        if alert.firing_at != now:
            return alert
        before = self._fired.setdefault((rule.id, alert.labels), [])
        flaps = sum(now - FLAP_SECONDS <= at for at in before)
        before.append(now)
        return alert._replace(flaps=flaps)

    def _series(self, rule: AlertRule) -> list[Point]:
        points = []
        for labels, alert in self._active[rule.id].items():
            named = {label_sets.NAME: "ALERTS", "alertstate": alert.state}
            points.append(Point(label_sets.merge(labels, named), 1.0))
            for_state = {label_sets.NAME: "ALERTS_FOR_STATE"}
            points.append(Point(label_sets.merge(labels, for_state), float(int(alert.pending_at))))
        return points

    def _shown(self, rule: AlertRule, alert: Active, seen: tuple[Point, float] | None) -> Labels:
        if seen is None:
            return alert.labels
        point, at = seen
        return label_sets.of({n: self._filled(text, point, at) for n, text in alert.labels})

    def _filled(self, text: str, point: Point, at: float) -> str:
        outside = Outside(self._url, lambda expr: self._ask(expr, at))
        return template.render(text, dict(point.labels), point.value, outside)

    def firing(self, name: str) -> list[tuple[dict[str, str], dict[str, str]]]:
        """Return labels and annotations of the alerts called `name` that fire as of the last step;
        one that is only kept firing has those of when its condition held last.
        """
        alerts = []
        for rule in self._alerting():
            for labels, alert in self._active.get(rule.id, {}).items() if rule.name == name else ():
                seen = self._points[rule.id].get(labels)
                if alert.state == "firing" and seen is not None:
                    notes = {n: self._filled(text, *seen) for n, text in rule.annotations.items()}
                    alerts.append((dict(self._shown(rule, alert, seen)), notes))
        return alerts

    def _alerting(self) -> Iterable[AlertRule]:
        return (rule for group in self._groups for rule in group.rules if isinstance(rule, AlertRule))
