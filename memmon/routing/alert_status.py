"""How each firing alert stands: what keeps it back, and the routes by which it is told."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from memmon import labels as label_sets
from memmon.alerts import service as alerts
from memmon.context import Context
from memmon.labels import Labels
from memmon.promql.matcher import Matcher, all_accept
from memmon.routing import dispatcher, route
from memmon.routing.inputs import View
from memmon.routing.mute import Held
from memmon.routing.route import Node


class Standing(NamedTuple):
    """One firing alert as it is shown, what keeps it back, the routes that it takes, and the time intervals that mute all of
    these."""

    alert: dict[str, Any]
    labels: Labels
    held: list[Held]
    nodes: list[Node]
    muted_by: list[str]

    @property
    def muted(self) -> bool:
        """Tell whether nobody is told of it for now."""
        return bool(self.held or self.muted_by)

    @property
    def silenced_by(self) -> list[str]:
        """The silences and maintenance windows that mute it."""
        return [
            one.by if one.kind == "silence" else f"maintenance/{one.by}"
            for one in self.held
            if one.kind in ("silence", "maintenance")
        ]

    @property
    def inhibited_by(self) -> list[str]:
        """The fingerprints of the alerts that inhibit it, and the failed targets that it depends on."""
        return [one.by for one in self.held if one.kind in ("inhibition", "dependency")]


def standing(ctx: Context, wanted: tuple[Matcher, ...] = ()) -> list[Standing]:
    """Return the firing alerts that `wanted` accept, each with what keeps it back and where it goes."""
    if not wanted:
        return standing_of(View(ctx, ctx.now()), alerts.firing(ctx))
    numbers = [number for number, _, labels in alerts.firing_labels(ctx) if all_accept(wanted, labels)]
    found = [one for one in alerts.by_ids(ctx, numbers) if one["state"] == "firing"]
    return standing_of(View(ctx, ctx.now()), found)


def standing_of(view: View, some: list[dict[str, Any]]) -> list[Standing]:
    """The same of alerts that are at hand."""
    closed = {node.id: [one.by for one in view.route_held(node)] for node in route.walk(view.top)}
    found = []
    for alert in some:
        labels = label_sets.of(alert["labels"])
        nodes = route.match(view.top, dispatcher.routed(labels, alert["flaps"]))
        names = [closed[node.id] for node in nodes]
        muted_by = sorted({name for one in names for name in one}) if all(names) else []
        found.append(Standing(alert, labels, view.held(labels), nodes, muted_by))
    return found


def suppressed(ctx: Context, numbers: Collection[int] | None = None) -> dict[int, list[Held]]:
    """Return why each alert that fires (or each of `numbers`) and is kept back is, by its id; time intervals keep back routes, and
    are not among them."""
    view = View(ctx, ctx.now())
    wanted = None if numbers is None else frozenset(numbers)
    some = ((n, labels) for n, _, labels in alerts.firing_labels(ctx) if wanted is None or n in wanted)
    found = {number: view.held(labels) for number, labels in some}
    return {number: held for number, held in found.items() if held}
