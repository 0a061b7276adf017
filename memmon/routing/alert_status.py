"""Routing status of each firing alert: its suppressions and its routes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from memmon import labels as label_sets
from memmon.alerts import service as alerts
from memmon.context import Context
from memmon.labels import Labels
from memmon.promql.matcher import Matcher, all_accept
from memmon.routing import dispatcher, route
from memmon.routing.inputs import FlushInputs
from memmon.routing.mute import Suppression
from memmon.routing.route import RouteNode


class AlertStatus(NamedTuple):
    """One firing alert as it is shown, what keeps it back, the routes that it takes, and the time
    intervals that mute all of these.
    """

    alert: dict[str, Any]
    labels: Labels
    suppressions: list[Suppression]
    nodes: list[RouteNode]
    muted_by: list[str]

    @property
    def muted(self) -> bool:
        """Return True if all notifications of the alert are suppressed."""
        return bool(self.suppressions or self.muted_by)

    @property
    def silenced_by(self) -> list[str]:
        """The silences and maintenance windows that mute it."""
        return [
            suppression.by if suppression.kind == "silence" else f"maintenance/{suppression.by}"
            for suppression in self.suppressions
            if suppression.kind in ("silence", "maintenance")
        ]

    @property
    def inhibited_by(self) -> list[str]:
        """The fingerprints of the alerts that inhibit it, and the failed targets that it depends
        on.
        """
        return [suppression.by for suppression in self.suppressions if suppression.kind in ("inhibition", "dependency")]


def statuses(ctx: Context, matchers: tuple[Matcher, ...] = ()) -> list[AlertStatus]:
    """Return the firing alerts that the matchers accept, each with its suppressions and routes."""
    if not matchers:
        return statuses_of(FlushInputs(ctx, ctx.now()), alerts.firing(ctx))
    numbers = [alert_id for alert_id, _, labels in alerts.firing_labels(ctx) if all_accept(matchers, labels)]
    alerts_ = [alert for alert in alerts.by_ids(ctx, numbers) if alert["state"] == "firing"]
    return statuses_of(FlushInputs(ctx, ctx.now()), alerts_)


def statuses_of(view: FlushInputs, alert_rows: list[dict[str, Any]]) -> list[AlertStatus]:
    """The same of alerts that are at hand."""
    closed = {node.id: [suppression.by for suppression in view.route_held(node)] for node in route.walk(view.top)}
    statuses = []
    for alert in alert_rows:
        labels = label_sets.of(alert["labels"])
        nodes = route.match(view.top, dispatcher.routed(labels, alert["flaps"]))
        names = [closed[node.id] for node in nodes]
        muted_by = sorted({name for interval_name in names for name in interval_name}) if all(names) else []
        statuses.append(AlertStatus(alert, labels, view.suppressions_of(labels), nodes, muted_by))
    return statuses


def suppressed(ctx: Context, numbers: Collection[int] | None = None) -> dict[int, list[Suppression]]:
    """Return why each alert that fires (or each of `numbers`) and is kept back is, by its id; time
    intervals keep back routes, and are not among them.
    """
    view = FlushInputs(ctx, ctx.now())
    requested = None if numbers is None else frozenset(numbers)
    labels_by_id = ((n, labels) for n, _, labels in alerts.firing_labels(ctx) if requested is None or n in requested)
    suppressions = {alert_id: view.suppressions_of(labels) for alert_id, labels in labels_by_id}
    return {alert_id: suppressions_ for alert_id, suppressions_ in suppressions.items() if suppressions_}
