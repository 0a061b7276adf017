"""Pure: what keeps an alert from being told: a silence, or another alert that inhibits it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from memmon import labels as label_sets
from memmon.config.routes import InhibitRule
from memmon.labels import Labels
from memmon.promql.matcher import Matcher, all_accept
from memmon.routing.matcher import parse


class Silence(NamedTuple):
    """A silence as far as muting goes. Times are Unix seconds."""

    id: str
    matchers: tuple[Matcher, ...]
    starts_at: float
    ends_at: float

    def mutes(self, labels: Labels, now: float) -> bool:
        """Tell whether this silence holds now for an alert with `labels`."""
        return self.starts_at <= now < self.ends_at and all_accept(self.matchers, labels)


def silenced_by(silences: Iterable[Silence], labels: Labels, now: float) -> list[str]:
    """Return the ids of the silences that mute an alert with `labels`."""
    return [silence.id for silence in silences if silence.mutes(labels, now)]


def inhibited_by(rules: Sequence[InhibitRule], firing: Sequence[tuple[int, Labels]], labels: Labels) -> list[int]:
    """Return the ids of the firing alerts that inhibit one with `labels`. An alert that is on both sides of a rule is not
    inhibited by others that are, so that two cannot mute each other."""
    found: list[int] = []
    for rule in rules:
        source, target = _matchers(rule.source_matchers), _matchers(rule.target_matchers)
        if not all_accept(target, labels):
            continue
        both = all_accept(source, labels)
        for number, other in firing:
            if not all_accept(source, other) or (both and all_accept(target, other)):
                continue
            if all(label_sets.get(other, name) == label_sets.get(labels, name) for name in rule.equal):
                found.append(number)
    return found


def _matchers(texts: Sequence[str]) -> tuple[Matcher, ...]:
    return tuple(matcher for text in texts for matcher in parse(text))
