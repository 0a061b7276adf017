"""Pure: inactive -> pending -> firing -> resolved. The only place that moves an alert."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from memmon import labels as label_sets
from memmon.alerts.rule import AlertRule
from memmon.errors import BadQuery
from memmon.labels import Labels
from memmon.samples import Point

FLAPPING = 3
"""An alert that fired so often within the hour before flaps."""

State = Literal["pending", "firing", "resolved"]


class Active(NamedTuple):
    """An alert as it stands. Times are Unix seconds; `absent_at` is when its condition stopped
    holding, `flaps` how often it had fired within the hour before it did this time.
    """

    labels: Labels
    state: State
    value: float
    pending_at: float
    firing_at: float | None = None
    resolved_at: float | None = None
    absent_at: float | None = None
    flaps: int = 0


class Transition(NamedTuple):
    """A state change that receivers may need to know. A new alert has no `before`."""

    before: State | None
    after: State | None
    alert: Active


def identity(rule: AlertRule, labels: Labels) -> Labels:
    """Return what makes the alert that `rule` makes of a series with `labels` the same one the next
    time.

    These are its labels before their templates are filled in: one that holds a value would be
    another alert each time.
    """
    return label_sets.merge(label_sets.without(labels, label_sets.NAME), {**rule.labels, "alertname": rule.name})


def holding(rule: AlertRule, vector: Sequence[Point]) -> dict[Labels, Point]:
    """Return the series for which the condition holds, by the identity of their alert; raise
    BadQuery where two series would be one alert.
    """
    points: dict[Labels, Point] = {}
    for point in vector:
        labels = identity(rule, point.labels)
        if labels in points:
            raise BadQuery(f"two series make one alert, {label_sets.show(labels)}", "execution")
        points[labels] = point
    return points


def merge_clear_condition(
    rule: AlertRule, active: Mapping[Labels, Active], holding: Mapping[Labels, Point], clear: Sequence[Point]
) -> dict[Labels, Point]:
    """Return the alerts whose condition counts as holding: those in `holding`, and firing alerts
    that have not yet reached the rule's clear level.
    """
    firing = {labels for labels, alert in active.items() if alert.state == "firing"}
    still = {identity(rule, point.labels): point for point in clear}
    return {**{labels: point for labels, point in still.items() if labels in firing}, **holding}


def step(
    rule: AlertRule, active: Mapping[Labels, Active], holding: Mapping[Labels, Point], now: float
) -> tuple[dict[Labels, Active], list[Transition]]:
    """Return the alerts that are active from `now` on, and the transitions made.

    `for` counts the time that the condition has held without a gap. A pending alert whose condition
    ends is forgotten; a firing one is resolved once it has been absent for `keep_firing_for`, and
    one that flaps for `damping` as well.
    """
    after: dict[Labels, Active] = {}
    transitions: list[Transition] = []
    for labels, point in holding.items():
        before = active.get(labels)
        alert = _held(rule, before or Active(labels, "pending", point.value, now), point.value, now)
        after[labels] = alert
        if before is None or before.state != alert.state:
            transitions.append(Transition(before.state if before else None, alert.state, alert))
    for labels, before in active.items():
        if labels in holding:
            continue
        alert_or_none = _ended(rule, before, now)
        if alert_or_none is None:
            transitions.append(Transition("pending", None, before))
        elif alert_or_none.state == "resolved":
            transitions.append(Transition("firing", "resolved", alert_or_none))
        else:
            after[labels] = alert_or_none
    return after, transitions


def _held(rule: AlertRule, alert: Active, value: float, now: float) -> Active:
    alert = alert._replace(value=value, absent_at=None)
    if alert.state == "pending" and now - alert.pending_at >= rule.hold:
        return alert._replace(state="firing", firing_at=now)
    return alert


def _ended(rule: AlertRule, alert: Active, now: float) -> Active | None:
    if alert.state == "pending":
        return None
    absent = alert.absent_at if alert.absent_at is not None else now
    keep = max(rule.keep_firing, rule.damping if alert.flaps >= FLAPPING else 0.0)
    if now - absent >= keep:
        return alert._replace(state="resolved", resolved_at=now, absent_at=None)
    return alert._replace(absent_at=absent)
