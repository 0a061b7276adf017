import pytest

from memmon import config
from memmon.config.playbooks import Condition, Playbook, Playbooks
from memmon.errors import Permanent
from memmon.incidents import correlation as incident_correlation
from memmon.incidents.correlation import Sign
from memmon.settings import load


@pytest.fixture(scope="module")
def defaults() -> Playbooks:
    return config.load(load({"MEMMON_HOME": "/nonexistent"})).playbooks


def an_alert(name: str, severity: str, at: float = 0.0, **labels: str) -> Sign:
    return Sign("alert", 1, name, severity, {"alertname": name, **labels}, at)


def an_event(name: str, at: float = 0.0, **labels: str) -> Sign:
    return Sign("event", 1, name, "error", labels, at)


@pytest.mark.parametrize(
    ("alert", "playbook"),
    [
        (an_alert("brute_force_attack", "critical", category="security"), "security_breach"),
        (an_alert("injection_attempt", "critical", category="security"), "security_breach"),
        (an_alert("target_down", "critical", category="availability"), "critical_system_failure"),
        (an_alert("health_score_critical", "critical", category="availability"), "critical_system_failure"),
        (an_alert("high_memory_usage", "warning", category="performance"), "high_memory_usage"),
        (an_alert("critical_memory_usage", "critical", category="availability"), "high_memory_usage"),
        (an_alert("database_slow", "warning", category="performance"), "database_degradation"),
        (an_alert("database_very_slow", "critical", category="performance"), "database_degradation"),
        (an_alert("high_error_rate", "error", category="performance"), "performance_degradation"),
        (an_event("data_exfiltration"), "data_exposure"),
        (an_event("auth_failure"), None),
        (an_alert("low_cache_hit_rate", "info", category="quality"), None),
    ],
)
def test_the_default_rules_find_their_workflow(defaults: Playbooks, alert: Sign, playbook: str | None) -> None:
    playbook_for = incident_correlation.playbook_for(defaults.playbooks, alert)
    assert (playbook_for.name if playbook_for else None) == playbook


def test_alerts_of_one_instance_are_one_incident_and_of_another_another(defaults: Playbooks) -> None:
    book = next(p for p in defaults.playbooks if p.name == "critical_system_failure")
    down = incident_correlation.key(book, {"job": "memmimic", "instance": "a:1", "alertname": "target_down"})
    sick = incident_correlation.key(book, {"job": "memmimic", "instance": "a:1", "alertname": "health_score_critical"})
    other = incident_correlation.key(book, {"job": "memmimic", "instance": "b:1", "alertname": "target_down"})
    assert down == sick
    assert other != down


def test_a_query_takes_labels_as_text_and_nothing_else() -> None:
    filled = incident_correlation.fill_query('up{instance="$instance"}', {"instance": 'x"} or vector(1) or up{a="'})
    assert filled == 'up{instance="x\\"} or vector(1) or up{a=\\""}'


def test_a_parameter_without_its_label_is_an_error_that_names_it() -> None:
    with pytest.raises(Permanent, match="no label source_ip"):
        incident_correlation.fill_parameters({"address": "$source_ip"}, {})


def test_an_address_never_comes_out_of_a_label() -> None:
    filled = incident_correlation.fill_parameters({"url": "http://$host/x", "body": "$host"}, {"host": "evil"})
    assert filled == {"url": "http://$host/x", "body": "evil"}


def test_labels_are_filled_in_wherever_a_body_names_them_and_a_header_stays_as_it_is() -> None:
    arguments = {"body": {"host": "$host", "tags": ["$host", 1]}, "headers": {"Authorization": "Bearer a$host"}}
    filled = incident_correlation.fill_parameters(arguments, {"host": "a"})
    assert filled == {"body": {"host": "a", "tags": ["a", 1]}, "headers": {"Authorization": "Bearer a$host"}}


def test_long_labels_of_two_instances_are_two_incidents(defaults: Playbooks) -> None:
    book = next(p for p in defaults.playbooks if p.name == "critical_system_failure")
    keys = {incident_correlation.key(book, {"job": "j", "instance": "x" * 300 + end}) for end in "ab"}
    assert len(keys) == 2
    assert max(map(len, keys)) == 255
    assert all(key.startswith("critical_system_failure{") for key in keys)


def test_a_title_is_one_line() -> None:
    assert incident_correlation.fill("Trouble of $host", {"host": "a\r\nSubject: b"}) == "Trouble of a Subject: b"


def a_book(**correlation: object) -> Playbook:
    arguments = {"name": "p", "title": "t", "severity": "high", "mttr_target": 60, "match": {"alerts": ["none"]}}
    return Playbook.model_validate({**arguments, "correlation": correlation})


def test_a_group_of_conditions_is_complete_once_each_is_met_within_the_window() -> None:
    book = a_book(window=60, conditions=[{"alerts": ["slow"]}, {"alerts": ["errors"]}])
    slow, errors, late = an_alert("slow", "error", 0), an_alert("errors", "error", 50), an_alert("errors", "error", 90)
    assert not incident_correlation.is_complete(book, [slow])
    assert incident_correlation.is_complete(book, [errors, slow])
    assert not incident_correlation.is_complete(book, [slow, late])


def test_an_event_and_an_alert_may_be_conditions_of_one_incident() -> None:
    book = a_book(window=60, conditions=[{"events": ["api_abuse"]}, {"alerts": ["slow"]}])
    event = an_event("api_abuse", 10)
    assert incident_correlation.takes(book, event)
    assert not incident_correlation.takes(book, an_event("auth_failure"))
    assert incident_correlation.is_complete(book, [event, an_alert("slow", "error", 20)])


def test_a_playbook_about_alerts_takes_no_event_and_one_about_events_no_alert() -> None:
    about_all = a_book().model_copy(update={"match": Condition()})
    assert incident_correlation.takes(about_all, an_alert("anything", "info"))
    assert not incident_correlation.takes(about_all, an_event("api_abuse"))
    assert not incident_correlation.takes(
        about_all.model_copy(update={"match": Condition(events=("api_abuse",))}), an_alert("x", "info")
    )
