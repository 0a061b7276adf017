"""The verb that puts firing alerts into the groups of their routes."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from memmon import labels as label_sets
from memmon.alerts import service as alerts
from memmon.alerts.machine import FLAPPING
from memmon.alerts.service import Unplaced
from memmon.context import Context
from memmon.labels import Labels
from memmon.routing import route, store
from memmon.routing.route import RouteNode


class Placement(NamedTuple):
    """A group that gets alerts: where it belongs, and its new alerts."""

    node: RouteNode
    shared: Labels
    members: list[Unplaced]


def place(ctx: Context) -> int:
    """Put every firing alert that the routes in force have not placed yet into its groups; return
    how many alerts those were.

    The alert's row stores the routes that placed it, in the same transaction. After a crash the
    next caller places it, and placing twice changes nothing.
    """
    top = route.tree(ctx.config.routes, ctx.settings)
    mark, done = route.mark(top), 0
    while unplaced := alerts.unplaced(ctx, mark):
        with ctx.write() as session:
            _place(session, top, unplaced, ctx.now())
            alerts.mark_placed(session, [alert.id for alert in unplaced], mark)
        done += len(unplaced)
    return done


def routed(labels: Labels, flaps: int) -> Labels:
    """Return the labels by which an alert is routed: one that flaps has `flapping="true"` as
    well.
    """
    return label_sets.merge(labels, {"flapping": "true"}) if flaps >= FLAPPING else labels


def key(node: RouteNode, labels: Labels) -> str:
    """Return what a group is stored under. Two routes may have the same matchers, and so the same
    group key.
    """
    return route.short(f"{node.receiver}|{route.group_key(node, labels)}", 512)


def _place(session: Session, top: RouteNode, unplaced: list[Unplaced], now: float) -> None:
    places_: dict[str, Placement] = {}
    rows: list[dict[str, Any]] = []
    for alert in unplaced:
        for node in route.match(top, routed(alert.labels, alert.flaps)):
            name = key(node, alert.labels)
            entry = places_.get(name)
            if entry is None:
                entry = places_[name] = Placement(node, route.group_labels(node, alert.labels), [])
            entry.members.append(alert)
            rows.append(
                {
                    "alert_id": alert.id,
                    "group_key": name,
                    "route": node.id,
                    "receiver": node.receiver,
                    "at": now,
                    "left_at": None,
                }
            )
    before = store.held_groups(session, sorted(places_))
    for name, place_ in sorted(places_.items()):
        began = min(member.firing_at for member in place_.members)
        due = max(now, min(began, now) + place_.node.group_wait)
        row = before.get(name)
        if row is None:
            new = {"route": route.short(place_.node.key, 255), "receiver": place_.node.receiver}
            store.add_group(session, key=name, labels=dict(place_.shared), due_at=due, **new)
        elif row.flushed_at is None and (row.due_at is None or due < row.due_at):
            # A group that waits for its first notice waits no longer than its alerts have to.
            row.due_at = due
    moved = [alert.id for alert in unplaced if alert.was_placed]
    if moved:
        store.leave_others(session, moved, {(row["alert_id"], row["group_key"]) for row in rows}, now)
    store.add_placements(session, rows)
