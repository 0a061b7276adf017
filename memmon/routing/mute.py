"""Pure: suppressions of an alert: a silence, a maintenance window, an inhibiting alert, or the
failure of a dependency.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

from memmon import labels as label_sets
from memmon.config.routes import InhibitRule
from memmon.labels import Labels
from memmon.promql.matcher import Matcher, all_accept
from memmon.routing.matcher import of_route

Kind = Literal["silence", "maintenance", "inhibition", "dependency", "time interval"]


class Suppression(NamedTuple):
    """Why an alert is kept back: by what (an id or a name), said in words, and until when at the
    latest, where that is known.
    """

    kind: Kind
    by: str
    text: str
    until: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as decisions keep it."""
        return self._asdict()


class Silence(NamedTuple):
    """A silence as far as muting goes. Times are Unix seconds."""

    id: str
    matchers: tuple[Matcher, ...]
    starts_at: float
    ends_at: float
    by: str = ""
    comment: str = ""

    def mutes(self, labels: Labels, now: float) -> bool:
        """Tell whether this silence holds now for an alert with `labels`."""
        return self.starts_at <= now < self.ends_at and all_accept(self.matchers, labels)


class MaintenanceWindow(NamedTuple):
    """An occurrence of a maintenance window that holds now."""

    id: int
    name: str
    matchers: tuple[Matcher, ...]
    start: float
    end: float


def silenced_by(silences: Iterable[Silence], labels: Labels, now: float) -> list[str]:
    """Return the ids of the silences that mute an alert with `labels`."""
    return [silence.id for silence in silences if silence.mutes(labels, now)]


class _Rule(NamedTuple):
    """One rule with its live sources, by the values of the labels that are to be equal; of each
    also whether it is a target.
    """

    target: tuple[Matcher, ...]
    source: tuple[Matcher, ...]
    equal: tuple[str, ...]
    sources: dict[tuple[str, ...], list[tuple[int, bool]]]


class Inhibitor:
    """All rules over what fires at one moment: made once, asked for each alert. Each rule looks at
    every firing alert once, so that ten thousand alerts are not compared with one another.
    """

    def __init__(self, rules: Sequence[InhibitRule], firing: Iterable[tuple[int, Labels]]):
        self._rules = [_Rule(of_route(rule.target), of_route(rule.source), rule.equal, {}) for rule in rules]
        if not self._rules:
            return
        for alert_id, labels in firing:
            for rule in self._rules:
                if all_accept(rule.source, labels):
                    entry = (alert_id, all_accept(rule.target, labels))
                    rule.sources.setdefault(_values(labels, rule.equal), []).append(entry)

    def inhibiting(self, labels: Labels) -> list[int]:
        """Return the ids of the firing alerts that inhibit one with `labels`. An alert that is on
        both sides of a rule is not inhibited by others that are, so that two cannot mute each
        other.
        """
        inhibiting_ids: dict[int, None] = {}
        for rule in self._rules:
            if not rule.sources or not all_accept(rule.target, labels):
                continue
            both = all_accept(rule.source, labels)
            for alert_id, is_target in rule.sources.get(_values(labels, rule.equal), ()):
                if not (both and is_target):
                    inhibiting_ids[alert_id] = None
        return list(inhibiting_ids)


def _values(labels: Labels, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(label_sets.get(labels, name) for name in names)
