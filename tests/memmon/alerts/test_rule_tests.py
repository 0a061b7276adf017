from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from memmon.alerts import rule_tests

RULES = """
groups:
- name: first
  rules:
  - {record: 'job:up:sum', expr: sum by (job) (up)}
- name: second
  rules:
  - alert: down
    expr: up == 0
    for: 2m
    keep_firing_for: 1m
    labels: {severity: critical, host: '{{ $labels.instance | stripPort }}'}
    annotations:
      summary: >-
        {{ $labels.instance }} of {{ $labels.job }} is down,
        {{ with query "count(up == 0)" }}{{ . | first | value }}{{ end }} in all
  - alert: few
    expr: job:up:sum < 2
    labels: {team: a}
    annotations: {d: '{{ if gt $value 0.0 }}some{{ else }}none{{ end }} {{ $value | humanize }}'}
  - {alert: watched, expr: 'ALERTS{alertname="down", alertstate="firing"}'}
"""
# promtool of Prometheus 2.42 does not know keep_firing_for.
RULES_FOR_PROMTOOL = RULES.replace("    keep_firing_for: 1m\n", "")
TESTS = """
rule_files: [rules.yml]
evaluation_interval: 1m
group_eval_order: [first, second]
tests:
- interval: 1m
  input_series:
  - {series: 'up{job="web", instance="a:80"}', values: '1 0x4 1x5'}
  - {series: 'up{job="web", instance="b:80"}', values: '1+0x10'}
  - {series: 'total{instance="a:80"}', values: '0+60x10 _ stale'}
  alert_rule_test:
  - {eval_time: 2m, alertname: down}
  - eval_time: 3m
    alertname: down
    exp_alerts:
    - exp_labels: {job: web, instance: 'a:80', severity: critical, host: a}
      exp_annotations: {summary: 'a:80 of web is down, 1 in all'}
  - eval_time: 3m30s
    alertname: few
    exp_alerts:
    - {exp_labels: {job: web, team: a}, exp_annotations: {d: 'some 1'}}
  - eval_time: 4m
    alertname: watched
    exp_alerts: [{exp_labels: {alertstate: firing, job: web, instance: 'a:80', severity: critical, host: a}}]
  - {eval_time: 8m, alertname: down}
  promql_expr_test:
  - {expr: 'job:up:sum', eval_time: 1m, exp_samples: [{labels: 'job:up:sum{job="web"}', value: 1}]}
  - {expr: 'rate(total[5m])', eval_time: 6m, exp_samples: [{labels: '{instance="a:80"}', value: 1}]}
  - {expr: 'total', eval_time: 12m}
  - {expr: '1 + 1', eval_time: 0m, exp_samples: [{labels: '{}', value: 2}]}
"""


def written(folder: Path, tests: str = TESTS, rules: str = RULES) -> Path:
    (folder / "rules.yml").write_text(rules)
    path = folder / "tests.yml"
    path.write_text(tests)
    return path


def test_rules_that_do_what_their_tests_expect_pass(tmp_path: Path) -> None:
    assert rule_tests.run(written(tmp_path)) == []


KEPT = """
  alert_rule_test:
  - eval_time: 6m
    alertname: down
    exp_alerts:
    - exp_labels: {job: web, instance: 'a:80', severity: critical, host: a}
      exp_annotations: {summary: 'a:80 of web is down, 1 in all'}
  - {eval_time: 7m, alertname: down}
"""


def test_an_alert_that_is_kept_firing_is_there_for_its_time_with_its_last_words(tmp_path: Path) -> None:
    """It is down from the first to the fifth minute, is kept in the sixth, and is over in the
    seventh.
    """
    remaining = TESTS.split("  alert_rule_test:")[0] + KEPT.lstrip("\n")
    assert rule_tests.run(written(tmp_path, remaining)) == []
    [missed] = rule_tests.run(written(tmp_path, remaining.replace("7m", "6m")))
    assert missed.startswith("test 0: alertname down, time 360s: expected [], got [{alertname")


@pytest.mark.parametrize(
    ("change", "missed"),
    [
        (("host: a}", "host: b}"), "alertname down, time 180s: expected"),
        (("1 in all", "2 in all"), "alertname down, time 180s: expected"),
        (("{eval_time: 2m, alertname: down}", "{eval_time: 3m, alertname: down}"), "expected [], got"),
        (("value: 2}", "value: 3}"), "expr '1 + 1', time 0s: expected [{} 3], got [{} 2]"),
        (("expr: 'total',", "expr: 'total[',"), "expr 'total['"),
    ],
)
def test_what_is_otherwise_than_expected_is_said(tmp_path: Path, change: tuple[str, str], missed: str) -> None:
    actual = rule_tests.run(written(tmp_path, TESTS.replace(*change)))
    assert any(missed in line for line in actual), actual


def test_promtool_says_the_same_of_the_same_files(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        if os.environ.get("MEMMON_TEST_STRICT") == "1":
            pytest.fail("promtool is not installed")
        pytest.skip("promtool is not installed")
    for index, change in enumerate((("", ""), ("host: a}", "host: b}"), ("value: 2}", "value: 3}"))):
        folder = tmp_path / str(index)
        folder.mkdir()
        path = written(folder, TESTS.replace(*change), RULES_FOR_PROMTOOL)
        done = subprocess.run([promtool, "test", "rules", str(path)], capture_output=True, text=True)
        assert (done.returncode == 0) == (rule_tests.run(path) == []) == (index == 0), done.stdout + done.stderr
