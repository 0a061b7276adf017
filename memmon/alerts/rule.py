"""Pure: a rule of the configuration as the rooms use it."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from memmon.alerts import template
from memmon.config.rules import Rule, RuleFile
from memmon.errors import BadConfig, BadQuery
from memmon.promql import guard

MAX_ID = 200
SEVERITIES = ("info", "warning", "error", "critical")
_THRESHOLD = re.compile(r"(>=|<=|==|!=|>|<)\s*(?:bool\s+)?(-?\d+(?:\.\d+)?(?:e-?\d+)?)\s*\)*\s*$")


class AlertRule(NamedTuple):
    """An alerting rule; `id` is its group and name, numbered where a group has several of one name."""

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
        """The severity of the rule's alerts, as far as its labels say it without a template."""
        return severity_of(self.labels)

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


def severity_of(labels: Mapping[str, str]) -> str:
    """Return the label `severity`, warning where there is none that we know."""
    given = labels.get("severity", "warning")
    return given if given in SEVERITIES else "warning"


def alerting(rules: RuleFile) -> list[AlertRule]:
    """Return the alerting rules in the order of the files; raise BadConfig for one that cannot be evaluated."""
    found: list[AlertRule] = []
    seen: Counter[str] = Counter()
    for group in rules.groups:
        for rule in group.rules:
            if rule.alert is None:
                continue
            checked = _checked(group.name, dict(group.labels), rule)
            number = seen[checked.id]
            seen[checked.id] += 1
            found.append(checked._replace(id=f"{checked.id}#{number}") if number else checked)
    return found


def _checked(group: str, group_labels: dict[str, str], rule: Rule) -> AlertRule:
    where = f"rule {rule.alert} of group {group}"
    text = rule.expr
    try:
        guard.parse(text)
        for text in (*rule.labels.values(), *rule.annotations.values()):
            template.check(text)
    except (BadQuery, BadConfig) as error:
        raise BadConfig(f"{where}: {error}", "rules", text) from None
    return AlertRule(
        id=_id(f"{group}/{rule.alert}"),
        group=group,
        name=rule.alert or "",
        expr=rule.expr,
        hold=rule.hold,
        keep_firing=rule.keep_firing_for,
        labels={**group_labels, **rule.labels},
        annotations=rule.annotations,
    )


def _id(text: str) -> str:
    """Return `text` so short that a column holds it and that no two become the same."""
    return text if len(text) <= MAX_ID else f"{text[: MAX_ID - 17]}~{hashlib.sha256(text.encode()).hexdigest()[:16]}"
