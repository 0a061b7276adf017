"""Pure: which alerts are the consequence of another target's failure, by what targets.yml says
depends on what.

A target has failed while an alert fires for it that says that it cannot be used: `target_down`, or
one with the label `category="availability"`. Alerts of what depends on it, directly or through
others, are its consequences.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from memmon import labels as label_sets
from memmon.config.targets import Target
from memmon.labels import Labels


class Cause(NamedTuple):
    """The target that failed, and the ids of the alerts that say so."""

    target: str
    alerts: tuple[int, ...]


def means_failure(labels: Labels) -> bool:
    """Tell whether an alert says that its target cannot be used."""
    return label_sets.get(labels, "alertname") == "target_down" or label_sets.get(labels, "category") == "availability"


class Dependencies:
    """What depends on what, over what fires at one moment."""

    def __init__(self, targets: Sequence[Target], firing: Iterable[tuple[int, Labels]]):
        by_name = {target.name: target for target in targets}
        self._parents = {name: _above(name, by_name) for name in by_name if by_name[name].depends_on}
        self._names = {(target.job, target.identity): target.name for target in targets}
        self._failed: dict[str, list[int]] = {}
        if not self._parents:
            return
        for alert_id, labels in firing:
            name = self._target(labels)
            if name and means_failure(labels):
                self._failed.setdefault(name, []).append(alert_id)

    def _target(self, labels: Labels) -> str | None:
        return self._names.get((label_sets.get(labels, "job"), label_sets.get(labels, "instance")))

    def causes(self, labels: Labels) -> list[Cause]:
        """Return the failed targets that the target of an alert with `labels` depends on, the
        nearest first.
        """
        name = self._target(labels)
        above = self._parents.get(name, ()) if name else ()
        return [Cause(cause, tuple(self._failed[cause])) for cause in above if cause in self._failed]

    def dependents(self, labels: Labels) -> list[str]:
        """Return the targets that depend on that of an alert with `labels`, where it says that this
        one failed.
        """
        name = self._target(labels)
        if name is None or not means_failure(labels):
            return []
        return [child for child, above in self._parents.items() if name in above]


def _above(name: str, by_name: dict[str, Target]) -> tuple[str, ...]:
    """Return what `name` depends on, breadth first."""
    names_above: dict[str, None] = {}
    waiting = list(by_name[name].depends_on)
    while waiting:
        name_ = waiting.pop(0)
        if name_ not in names_above and name_ in by_name:
            names_above[name_] = None
            waiting += by_name[name_].depends_on
    return tuple(names_above)
