"""Pure: simulates the notifications of routes for alerts with known start and end times."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from memmon.config.routes import Routes
from memmon.labels import Labels
from memmon.routing import dedup, interval, mute, route
from memmon.routing.dedup import NotificationLogEntry
from memmon.routing.route import RouteNode


class AlertEvent(NamedTuple):
    """An alert that fires or resolves at a time (Unix seconds); `alert_number` identifies it."""

    at: float
    alert_number: int
    labels: Labels
    fires: bool


class Notice(NamedTuple):
    """One notification that would have been sent."""

    at: float
    receiver: str
    reason: str
    group_key: str
    firing: int
    resolved: int


class _Group:
    """A group during the simulation: firing and resolved alerts, the log entry, and the next
    flush.
    """

    def __init__(self, node: RouteNode, due: float):
        self.node, self.due = node, due
        self.firing: dict[int, Labels] = {}
        self.ended: set[int] = set()
        self.told: NotificationLogEntry | None = None


def simulate(routes: Routes, top: RouteNode, events: Iterable[AlertEvent], end: float) -> list[Notice]:
    """Return the notifications up to `end`, in order. Silences, maintenance and acknowledgements
    are left out: people made them.
    """
    return _Rehearsal(routes, top).run(sorted(events, key=lambda event: event.at), end)


class _Rehearsal:
    def __init__(self, routes: Routes, top: RouteNode):
        self._routes, self._top = routes, top
        self._groups: dict[str, _Group] = {}
        self._due: list[tuple[float, str]] = []
        self._firing: dict[int, Labels] = {}
        self._made: list[Notice] = []

    def run(self, events: Sequence[AlertEvent], end: float) -> list[Notice]:
        """Go through the events and the flushes between them."""
        for event in events:
            if event.at > end:
                break
            self._flush_until(event.at, is_before=True)
            self._take(event)
        self._flush_until(end, is_before=False)
        return self._made

    def _take(self, event: AlertEvent) -> None:
        if event.fires:
            self._firing[event.alert_number] = event.labels
        else:
            self._firing.pop(event.alert_number, None)
        for node in route.match(self._top, event.labels):
            key = f"{node.receiver}|{node.id}|{route.group_key(node, event.labels)}"
            group = self._groups.get(key)
            if group is None and event.fires:
                group = self._groups[key] = _Group(node, event.at + node.group_wait)
                heapq.heappush(self._due, (group.due, key))
            if group is None:
                continue
            if event.fires:
                group.firing[event.alert_number] = event.labels
            elif group.firing.pop(event.alert_number, None) is not None:
                group.ended.add(event.alert_number)

    def _flush_until(self, until: float, is_before: bool) -> None:
        while self._due and (self._due[0][0] < until if is_before else self._due[0][0] <= until):
            at, key = heapq.heappop(self._due)
            group = self._groups[key]
            self._flush(group, key, at)
            if not group.firing and not group.ended and (group.told is None or not group.told.firing):
                del self._groups[key]
                continue
            heapq.heappush(self._due, (at + group.node.group_interval, key))

    def _flush(self, group: _Group, key: str, at: float) -> None:
        node = group.node
        if interval.muting(node.mute, node.active, self._routes.intervals, at):
            return
        inhibitor = mute.Inhibitor(self._routes.inhibit_rules, self._firing.items())
        open_ones = frozenset(n for n, labels in group.firing.items() if not inhibitor.inhibiting(labels))
        suppressed_ids = frozenset(group.firing) - open_ones
        log_entry = group.told._replace(firing=group.told.firing - suppressed_ids) if group.told else None
        reason = dedup.decide(open_ones, group.ended, log_entry, node.repeat_interval, at)
        if reason in dedup.SENDING:
            shared = key.split("|", 2)[2]
            self._made.append(Notice(at, node.receiver, reason, shared, len(open_ones), len(group.ended)))
            heard = group.told.firing & suppressed_ids if group.told else frozenset()
            group.told = NotificationLogEntry(open_ones | heard, frozenset(group.ended), at)
        group.ended.clear()
