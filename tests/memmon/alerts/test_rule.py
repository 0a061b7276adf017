from __future__ import annotations

import pytest
import yaml

from memmon.alerts import rule
from memmon.config import DEFAULTS
from memmon.config.document import read
from memmon.config.rules import RuleFile
from memmon.errors import BadConfig


def parsed(text: str) -> list[rule.AlertRule]:
    return rule.alerting(RuleFile.model_validate(yaml.safe_load(text)))


def test_the_default_rules_are_those_of_the_contract() -> None:
    actual = {entry.name: entry for entry in rule.alerting(read(DEFAULTS / "rules.yml", RuleFile))}
    memory = actual["high_memory_usage"]
    assert (memory.condition, memory.threshold, memory.severity, memory.hold) == ("> 80", 80, "warning", 300)
    assert (actual["critical_memory_usage"].threshold, actual["critical_memory_usage"].severity) == (95, "critical")
    assert (actual["low_health_score"].condition, actual["low_health_score"].hold) == ("< 0.7", 600)
    assert (actual["high_error_rate"].threshold, actual["high_error_rate"].severity) == (10, "error")
    assert actual["low_cache_hit_rate"].severity == "info"
    assert all("runbook_url" in entry.annotations for entry in actual.values())


def test_a_rule_has_its_groups_labels_under_its_own() -> None:
    [entry] = parsed(
        "groups: [{name: g, labels: {team: x, severity: info}, "
        "rules: [{alert: a, expr: up, for: 5m, keep_firing_for: 1m, labels: {severity: error}}]}]"
    )
    assert entry.labels == {"team": "x", "severity": "error"}
    assert (entry.hold, entry.keep_firing) == (300, 60)


@pytest.mark.parametrize(
    ("expr", "condition"),
    [
        ("up == 0", "== 0"),
        ("x > bool 1.5", "> 1.5"),
        ("(x > -2e-3)", "> -2e-3"),
        ("x", None),
        ("1 < x", None),
        ("x > y", None),
    ],
)
def test_the_condition_is_the_comparison_at_the_end(expr: str, condition: str | None) -> None:
    [entry] = parsed(f"groups: [{{name: g, rules: [{{alert: a, expr: '{expr}'}}]}}]")
    assert entry.condition == condition
    assert (entry.threshold is None) == (condition is None)


def test_a_severity_that_nobody_knows_is_a_warning() -> None:
    assert rule.severity_of({"severity": "page"}) == rule.severity_of({}) == "warning"


def test_rules_of_one_name_are_told_apart_and_one_that_begins_like_another_keeps_its_id() -> None:
    rules = ",".join(f"{{alert: {name}, expr: up}}" for name in ("high_memory", "high", "high", "high"))
    actual = parsed(f"groups: [{{name: g, rules: [{rules}]}}]")
    assert [entry.id for entry in actual] == ["g/high_memory", "g/high", "g/high#1", "g/high#2"]


def test_names_too_long_for_a_column_stay_different() -> None:
    long = "x" * 300
    actual = parsed(f"groups: [{{name: g, rules: [{{alert: {long}a, expr: up}}, {{alert: {long}b, expr: up}}]}}]")
    assert len({entry.id for entry in actual}) == 2
    assert all(len(entry.id) <= rule.MAX_ID for entry in actual)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("expr: 'sum('", "rule a of group g"),
        ("expr: up, annotations: {summary: '{{ .Secret }}'}", "line 1: .Secret is not one of"),
        ("expr: up, labels: {team: '{{ range . }}'}", "end}} is missing"),
    ],
)
def test_a_rule_that_cannot_work_is_refused_by_its_name(entry: str, reason: str) -> None:
    with pytest.raises(BadConfig, match=reason):
        parsed(f"groups: [{{name: g, rules: [{{alert: a, {entry}}}]}}]")
