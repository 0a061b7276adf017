"""Inputs shared by all alerts in one flush: firing alerts, silences, maintenance windows,
inhibitions.
"""

from __future__ import annotations

from typing import Any

from memmon import labels as label_sets
from memmon.alerts import service as alerts
from memmon.context import Context
from memmon.labels import Labels
from memmon.promql.matcher import all_accept
from memmon.routing import interval, maintenance, mute, route, silences
from memmon.routing.dependency import Dependencies
from memmon.routing.mute import Suppression
from memmon.routing.route import RouteNode


class FlushInputs:
    """Asked for each alert and each route: why are they kept back now? Read once, so that all
    answers belong together.
    """

    def __init__(self, ctx: Context, now: float):
        self.now = now
        self.routes = ctx.config.routes
        firing = alerts.firing_labels(ctx)
        with ctx.read() as session:
            self._silences = [silence for silence in silences.in_force(session, now) if silence.starts_at <= now]
            self._windows = maintenance.in_force(session, now)
        self._names = {alert_id: fingerprint for alert_id, fingerprint, _ in firing}
        self._labels = {alert_id: labels for alert_id, _, labels in firing}
        numbered = [(alert_id, labels) for alert_id, _, labels in firing]
        self._inhibitor = mute.Inhibitor(self.routes.inhibit_rules, numbered)
        self.dependencies = Dependencies(ctx.config.targets.targets, numbered)
        self.top = route.tree(self.routes, ctx.settings)

    def labels_of(self, alert: dict[str, Any]) -> Labels:
        """Return the label set of an alert that is shown."""
        return self._labels.get(alert["id"]) or label_sets.of(alert["labels"])

    def suppressions_of(self, labels: Labels) -> list[Suppression]:
        """Return the suppressions of an alert with `labels`."""
        suppressions = [
            Suppression(
                "silence",
                silence.id,
                f"silenced by {silence.by or 'a person'}: {silence.comment or 'no comment'}",
                silence.ends_at,
            )
            for silence in self._silences
            if silence.mutes(labels, self.now)
        ]
        suppressions += [
            Suppression("maintenance", str(window.id), f"in the maintenance window {window.name}", window.end)
            for window in self._windows
            if all_accept(window.matchers, labels)
        ]
        suppressions += [
            Suppression("inhibition", self._names[alert_id], f"inhibited by alert {alert_id}")
            for alert_id in self._inhibitor.inhibiting(labels)
        ]
        for cause in self.dependencies.causes(labels):
            numbers = ", ".join(map(str, cause.alerts))
            suppressions.append(
                Suppression(
                    "dependency", cause.target, f"{cause.target}, which it depends on, has failed: alert {numbers}"
                )
            )
        return suppressions

    def route_held(self, node: RouteNode) -> list[Suppression]:
        """Return the time intervals that mute a route now."""
        names = interval.muting(node.mute, node.active, self.routes.intervals, self.now)
        return [
            Suppression("time interval", name, f"{name} mutes the route" if name in node.mute else f"outside of {name}")
            for name in names
        ]
