"""Pure: a rule of the configuration as the rooms use it."""

from __future__ import annotations

import re
from typing import NamedTuple

from memmon.alerts import template
from memmon.config.rules import Rule, RuleFile
from memmon.errors import BadConfig, BadQuery
from memmon.promql import guard

SEVERITIES = ("info", "warning", "error", "critical")
_THRESHOLD = re.compile(r"(>=|<=|==|!=|>|<)\s*(?:bool\s+)?(-?\d+(?:\.\d+)?(?:e-?\d+)?)\s*\)*\s*$")


class AlertRule(NamedTuple):
    """An alerting rule; `id` is its group and name, unique in the configuration."""

    id: str
    group: str
    name: str
    expr: str
    hold: float
    keep_firing: float
    labels: dict[str, str]
    annotations: dict[str, str]

    @property
    def severity(self) -> str:
        """The label `severity`, warning where there is none that we know."""
        given = self.labels.get("severity", "warning")
        return given if given in SEVERITIES else "warning"

    @property
    def threshold(self) -> float | None:
        """The number that the expression compares with at its end, where it does."""
        found = _THRESHOLD.search(self.expr)
        return float(found.group(2)) if found else None

    @property
    def condition(self) -> str | None:
        """The comparison at the expression's end, such as `> 80`."""
        found = _THRESHOLD.search(self.expr)
        return f"{found.group(1)} {found.group(2)}" if found else None


def alerting(rules: RuleFile) -> list[AlertRule]:
    """Return the alerting rules in the order of the files; raise BadConfig for one that cannot be evaluated."""
    found: list[AlertRule] = []
    seen: set[str] = set()
    for group in rules.groups:
        for rule in group.rules:
            if rule.alert is None:
                continue
            checked = _checked(group.name, dict(group.labels), rule)
            number = sum(one.startswith(checked.id) for one in seen)
            unique = checked if not number else checked._replace(id=f"{checked.id}#{number}")
            seen.add(unique.id)
            found.append(unique)
    return found


def _checked(group: str, group_labels: dict[str, str], rule: Rule) -> AlertRule:
    where = f"rule {rule.alert} of group {group}"
    try:
        guard.parse(rule.expr)
        for text in (*rule.labels.values(), *rule.annotations.values()):
            template.check(text)
    except (BadQuery, BadConfig) as error:
        raise BadConfig(f"{where}: {error}") from None
    return AlertRule(
        id=f"{group}/{rule.alert}",
        group=group,
        name=rule.alert or "",
        expr=rule.expr,
        hold=rule.hold,
        keep_firing=rule.keep_firing_for,
        labels={**group_labels, **rule.labels},
        annotations=rule.annotations,
    )
