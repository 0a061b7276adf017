from typing import Any

import pytest

from memmon import config
from memmon.config.playbooks import Playbooks
from memmon.errors import Permanent
from memmon.incidents import correlate
from memmon.settings import load


@pytest.fixture(scope="module")
def defaults() -> Playbooks:
    return config.load(load({"MEMMON_HOME": "/nonexistent"})).playbooks


def an_alert(name: str, severity: str, **labels: str) -> dict[str, Any]:
    return {"name": name, "severity": severity, "labels": {"alertname": name, **labels}}


@pytest.mark.parametrize(
    ("alert", "playbook"),
    [
        (an_alert("brute_force_attack", "critical", category="security"), "security_breach"),
        (an_alert("injection_attempt", "critical", category="security"), "security_breach"),
        (an_alert("target_down", "critical", category="availability"), "critical_system_failure"),
        (an_alert("health_score_critical", "critical", category="availability"), "critical_system_failure"),
        (an_alert("high_memory_usage", "warning", category="performance"), "high_memory_usage"),
        (an_alert("critical_memory_usage", "critical", category="availability"), "high_memory_usage"),
        (an_alert("database_slow", "warning", category="performance"), "performance_degradation"),
        (an_alert("database_very_slow", "critical", category="performance"), "performance_degradation"),
        (an_alert("low_cache_hit_rate", "info", category="quality"), None),
    ],
)
def test_the_default_rules_find_their_workflow(
    defaults: Playbooks, alert: dict[str, Any], playbook: str | None
) -> None:
    found = correlate.playbook_for(defaults.playbooks, alert)
    assert (found.name if found else None) == playbook


def test_alerts_of_one_instance_are_one_incident_and_of_another_another(defaults: Playbooks) -> None:
    book = next(p for p in defaults.playbooks if p.name == "critical_system_failure")
    down = correlate.key(book, {"job": "memmimic", "instance": "a:1", "alertname": "target_down"})
    sick = correlate.key(book, {"job": "memmimic", "instance": "a:1", "alertname": "health_score_critical"})
    other = correlate.key(book, {"job": "memmimic", "instance": "b:1", "alertname": "target_down"})
    assert down == sick
    assert other != down


def test_a_query_takes_labels_as_text_and_nothing_else() -> None:
    filled = correlate.fill_query('up{instance="$instance"}', {"instance": 'x"} or vector(1) or up{a="'})
    assert filled == 'up{instance="x\\"} or vector(1) or up{a=\\""}'


def test_a_parameter_without_its_label_is_an_error_that_names_it() -> None:
    with pytest.raises(Permanent, match="no label source_ip"):
        correlate.fill_parameters({"address": "$source_ip"}, {})


def test_an_address_never_comes_out_of_a_label() -> None:
    filled = correlate.fill_parameters({"url": "http://$host/x", "body": "$host"}, {"host": "evil"})
    assert filled == {"url": "http://$host/x", "body": "evil"}


def test_labels_are_filled_in_wherever_a_body_names_them_and_a_header_stays_as_it_is() -> None:
    given = {"body": {"host": "$host", "tags": ["$host", 1]}, "headers": {"Authorization": "Bearer a$host"}}
    filled = correlate.fill_parameters(given, {"host": "a"})
    assert filled == {"body": {"host": "a", "tags": ["a", 1]}, "headers": {"Authorization": "Bearer a$host"}}


def test_long_labels_of_two_instances_are_two_incidents(defaults: Playbooks) -> None:
    book = next(p for p in defaults.playbooks if p.name == "critical_system_failure")
    keys = {correlate.key(book, {"job": "j", "instance": "x" * 300 + end}) for end in "ab"}
    assert len(keys) == 2
    assert max(map(len, keys)) == 255


def test_a_title_is_one_line() -> None:
    assert correlate.fill("Trouble of $host", {"host": "a\r\nSubject: b"}) == "Trouble of a Subject: b"
