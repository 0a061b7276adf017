"""Pure: a rule of the configuration as the rooms use it."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from memmon.alerts import template
from memmon.config.rules import Rule, RuleFile
from memmon.errors import BadConfig, BadQuery, BadTemplate
from memmon.promql import parser

MAX_ID = 200
SEVERITIES = ("info", "warning", "error", "critical")
_THRESHOLD = re.compile(r"(>=|<=|==|!=|>|<)\s*(?:bool\s+)?(-?\d+(?:\.\d+)?(?:e-?\d+)?)\s*\)*\s*$")


class AlertRule(NamedTuple):
    """An alerting rule; `id` is its group and name, numbered where a group has several of one name.
    Times are seconds.
    """

    id: str
    group: str
    name: str
    expr: str
    hold: float
    keep_firing: float
    labels: dict[str, str]
    annotations: dict[str, str]
    clear: str | None = None
    damping: float = 0.0

    @property
    def severity(self) -> str:
        """The severity of the rule's alerts, as far as its labels say it without a template."""
        return severity_of(self.labels)

    @property
    def threshold(self) -> float | None:
        """The number that the expression compares with at its end, where it does."""
        match = _THRESHOLD.search(self.expr)
        return float(match.group(2)) if match else None

    @property
    def condition(self) -> str | None:
        """The comparison at the expression's end, such as `> 80`."""
        match = _THRESHOLD.search(self.expr)
        return f"{match.group(1)} {match.group(2)}" if match else None


def severity_of(labels: Mapping[str, str]) -> str:
    """Return the label `severity`, or warning when it is missing or unknown."""
    severity = labels.get("severity", "warning")
    return severity if severity in SEVERITIES else "warning"


class RecordingRule(NamedTuple):
    """A rule that writes the result of its expression as the metric `name`."""

    id: str
    group: str
    name: str
    expr: str
    labels: dict[str, str]


class LoadedGroup(NamedTuple):
    """Rules that are evaluated in order; 0 is no limit, and no interval means at each
    evaluation.
    """

    name: str
    interval: float | None
    limit: int
    offset: float
    rules: tuple[AlertRule | RecordingRule, ...]


class Book(NamedTuple):
    """All rules in force."""

    groups: tuple[LoadedGroup, ...]

    @property
    def alerting(self) -> list[AlertRule]:
        """The alerting rules in the order of the files."""
        return [rule for group in self.groups for rule in group.rules if isinstance(rule, AlertRule)]

    @property
    def ids(self) -> set[str]:
        """The ids of all rules."""
        return {rule.id for group in self.groups for rule in group.rules}

    @property
    def recorded(self) -> set[str]:
        """The names of the metrics that rules write."""
        return {rule.name for group in self.groups for rule in group.rules if isinstance(rule, RecordingRule)}


def book(rules: RuleFile) -> Book:
    """Return the rules of the files; raise BadConfig for one that cannot be evaluated."""
    seen: Counter[str] = Counter()
    groups = []
    for group in rules.groups:
        checked_rules: list[AlertRule | RecordingRule] = []
        for rule in group.rules:
            checked = _checked(group.name, dict(group.labels), rule)
            repetition = seen[checked.id]
            seen[checked.id] += 1
            checked_rules.append(checked._replace(id=f"{checked.id}#{repetition}") if repetition else checked)
        groups.append(LoadedGroup(group.name, group.interval, group.limit, group.query_offset, tuple(checked_rules)))
    return Book(tuple(groups))


def alerting(rules: RuleFile) -> list[AlertRule]:
    """Return the alerting rules in the order of the files; raise BadConfig for a rule that cannot
    be evaluated.
    """
    return book(rules).alerting


def _checked(group: str, group_labels: dict[str, str], rule: Rule) -> AlertRule | RecordingRule:
    where = f"rule {rule.alert or rule.record} of group {group}"
    text = rule.expr
    try:
        for text in (rule.expr, *((rule.clear,) if rule.clear else ())):
            parser.parse(text)
        for text in (*rule.labels.values(), *rule.annotations.values()) if rule.alert else ():
            template.check(text)
    except (BadQuery, BadTemplate) as error:
        raise BadConfig(f"{where}: {error}", "rules", text) from None
    labels = {**group_labels, **rule.labels}
    if rule.record:
        return RecordingRule(_id(f"{group}/{rule.record}"), group, rule.record, rule.expr, labels)
    return AlertRule(
        id=_id(f"{group}/{rule.alert}"),
        group=group,
        name=rule.alert or "",
        expr=rule.expr,
        hold=rule.hold,
        keep_firing=rule.keep_firing_for,
        labels=labels,
        annotations=rule.annotations,
        clear=rule.clear,
        damping=rule.damping,
    )


def _id(text: str) -> str:
    """Return `text` so short that a column holds it and that no two become the same."""
    return text if len(text) <= MAX_ID else f"{text[: MAX_ID - 17]}~{hashlib.sha256(text.encode()).hexdigest()[:16]}"
