"""Pure: rules over samples that are at hand, step by step: what would be pending, firing and resolved, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from memmon import labels as label_sets
from memmon.alerts import machine, template
from memmon.alerts.machine import Active, Transition
from memmon.alerts.rule import AlertRule, Group, RecordingRule
from memmon.alerts.template import Outside
from memmon.errors import BadQuery
from memmon.labels import Labels
from memmon.samples import Point

Ask = Callable[[str, float], list[Point]]
"""ask(expr, at) -> the vector of an expression at a time (Unix seconds)."""
Record = Callable[[str, Sequence[Point], float], None]
"""record(rule, series, at): what a rule wrote at a time, so that later questions see it."""

FLAP_SECONDS = 3600.0


class Made(NamedTuple):
    """A transition of a rule's alert at a time, with its labels and annotations as they are shown."""

    at: float
    rule: AlertRule
    transition: Transition
    labels: Labels


class Trial:
    """The alerts of some rules as time goes on."""

    def __init__(self, groups: Sequence[Group], ask: Ask, record: Record, url: str = ""):
        self._groups, self._ask, self._record, self._url = groups, ask, record, url
        self._active: dict[str, dict[Labels, Active]] = {}
        self._points: dict[str, dict[Labels, tuple[Point, float]]] = {}
        self._fired: dict[tuple[str, Labels], list[float]] = {}
        self.errors: dict[str, str] = {}
        """Why the last evaluation of a rule failed, by its id."""

    def step(self, now: float) -> list[Made]:
        """Evaluate all rules at `now`; return what changed."""
        made: list[Made] = []
        for group in self._groups:
            for one in group.rules:
                try:
                    made += self._one(group, one, now)
                    self.errors.pop(one.id, None)
                except BadQuery as error:
                    self.errors[one.id] = str(error)
        return made

    def _one(self, group: Group, one: AlertRule | RecordingRule, now: float) -> list[Made]:
        at = now - group.offset
        vector = self._ask(one.expr, at)
        if isinstance(one, RecordingRule):
            added = {**one.labels, label_sets.NAME: one.name}
            self._limit(group, len(vector))
            self._record(one.id, [Point(label_sets.merge(p.labels, added), p.value) for p in vector], now)
            return []
        held = machine.holding(one, vector)
        self._limit(group, len(held))
        active = self._active.get(one.id, {})
        if one.clear:
            held = machine.kept(one, active, held, self._ask(one.clear, at))
        after, transitions = machine.step(one, active, held, now)
        self._active[one.id] = {labels: self._flapping(one, alert, now) for labels, alert in after.items()}
        known = {**self._points.get(one.id, {}), **{labels: (point, now) for labels, point in held.items()}}
        self._points[one.id] = {labels: seen for labels, seen in known.items() if labels in after}
        self._record(one.id, self._series(one), now)
        return [Made(now, one, t, self._shown(one, t.alert, known.get(t.alert.labels))) for t in transitions]

    def _limit(self, group: Group, count: int) -> None:
        if group.limit and count > group.limit:
            raise BadQuery(f"exceeded limit of {group.limit} with {count}", "execution")

    def _flapping(self, one: AlertRule, alert: Active, now: float) -> Active:
        """Return an alert with how often it had fired, where it begins to."""
        if alert.firing_at != now:
            return alert
        before = self._fired.setdefault((one.id, alert.labels), [])
        flaps = sum(now - FLAP_SECONDS <= at for at in before)
        before.append(now)
        return alert._replace(flaps=flaps)

    def _series(self, one: AlertRule) -> list[Point]:
        found = []
        for labels, alert in self._active[one.id].items():
            named = {label_sets.NAME: "ALERTS", "alertstate": alert.state}
            found.append(Point(label_sets.merge(labels, named), 1.0))
            for_state = {label_sets.NAME: "ALERTS_FOR_STATE"}
            found.append(Point(label_sets.merge(labels, for_state), float(int(alert.pending_at))))
        return found

    def _shown(self, one: AlertRule, alert: Active, seen: tuple[Point, float] | None) -> Labels:
        if seen is None:
            return alert.labels
        point, at = seen
        return label_sets.of({n: self._filled(text, point, at) for n, text in alert.labels})

    def _filled(self, text: str, point: Point, at: float) -> str:
        outside = Outside(self._url, lambda expr: self._ask(expr, at))
        return template.render(text, dict(point.labels), point.value, outside)

    def firing(self, name: str) -> list[tuple[dict[str, str], dict[str, str]]]:
        """Return labels and annotations of the alerts called `name` that fire as of the last step; one that is only kept firing
        has those of when its condition held last."""
        found = []
        for one in self._alerting():
            for labels, alert in self._active.get(one.id, {}).items() if one.name == name else ():
                seen = self._points[one.id].get(labels)
                if alert.state == "firing" and seen is not None:
                    notes = {n: self._filled(text, *seen) for n, text in one.annotations.items()}
                    found.append((dict(self._shown(one, alert, seen)), notes))
        return found

    def _alerting(self) -> Iterable[AlertRule]:
        return (one for group in self._groups for one in group.rules if isinstance(one, AlertRule))
