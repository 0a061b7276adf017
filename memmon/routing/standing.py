"""How each firing alert stands: what mutes it, and the routes by which it is told."""

from __future__ import annotations

from typing import Any, NamedTuple

from memmon import labels as label_sets
from memmon.alerts import service as alerts
from memmon.context import Context
from memmon.labels import Labels
from memmon.routing import mute, route
from memmon.routing.route import Node
from memmon.routing.silences import in_force


class Standing(NamedTuple):
    """One firing alert as it is shown, the ids of the silences and the fingerprints of the alerts that mute it, its routes."""

    alert: dict[str, Any]
    labels: Labels
    silenced_by: list[str]
    inhibited_by: list[str]
    nodes: list[Node]

    @property
    def muted(self) -> bool:
        """Tell whether nobody is told of it for now."""
        return bool(self.silenced_by or self.inhibited_by)


def standing(ctx: Context) -> list[Standing]:
    """Return every firing alert with what mutes it and where it goes."""
    now, top = ctx.now(), route.tree(ctx.config.routes, ctx.settings)
    firing = [(alert, label_sets.of(alert["labels"])) for alert in alerts.firing(ctx)]
    with ctx.read() as session:
        held = in_force(session, now)
    inhibitor = mute.Inhibitor(ctx.config.routes.inhibit_rules, ((alert["id"], labels) for alert, labels in firing))
    prints = {alert["id"]: alert["fingerprint"] for alert, _ in firing}
    return [
        Standing(
            alert,
            labels,
            mute.silenced_by(held, labels, now),
            [prints[n] for n in inhibitor.inhibiting(labels)],
            route.match(top, labels),
        )
        for alert, labels in firing
    ]
