from collections.abc import Callable
from pathlib import Path

import pytest

from memmon import config
from memmon.errors import BadConfig
from memmon.settings import Settings, load


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Settings]:
    """Write a file of the operator's folder; return settings that use the folder."""

    def put(name: str, text: str) -> Settings:
        path = tmp_path / "config" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return load({"MEMMON_HOME": str(tmp_path)})

    return put


def test_the_defaults_are_whole(tmp_path: Path) -> None:
    actual = config.load(load({"MEMMON_HOME": str(tmp_path)}))
    assert {target.name for target in actual.targets.targets} == {"host", "memmon"}
    assert {check.name for check in actual.checks.checks} == {
        "database",
        "cache",
        "memory_system",
        "cxd_classifier",
        "system_resources",
    }
    assert [level.after for level in actual.escalation.chains[0].levels] == [0, 900, 1800]


def test_an_unknown_key_is_named_with_file_and_line(write: Callable[[str, str], Settings]) -> None:
    settings = write("targets.yml", "targets:\n  - name: a\n    database: /x\n    tyer: critical\n")
    with pytest.raises(BadConfig, match=r"targets\.yml:4: targets\.0\.tyer"):
        config.load(settings)


def test_a_wrong_value_is_named_with_file_and_line(write: Callable[[str, str], Settings]) -> None:
    settings = write("checks.yml", "checks:\n  - name: cache\n    timeout: soon\n")
    with pytest.raises(BadConfig, match=r"checks\.yml:3: checks\.0\.timeout: .*soon"):
        config.load(settings)


def test_a_detector_that_does_not_exist_is_refused(write: Callable[[str, str], Settings]) -> None:
    settings = write("detectors.yml", "detectors:\n  - name: brute_farce\n")
    with pytest.raises(BadConfig, match=r"detectors\.yml:2: detectors\.0\.name: "):
        config.load(settings)


def test_broken_yaml_is_named_with_its_line(write: Callable[[str, str], Settings]) -> None:
    settings = write("checks.yml", "checks:\n  - {name: cache\n")
    with pytest.raises(BadConfig, match=r"checks\.yml:\d"):
        config.load(settings)


def test_a_route_to_nowhere_is_refused(write: Callable[[str, str], Settings]) -> None:
    settings = write("routes.yml", "route: {receiver: ops}\nreceivers: [{name: dev}]\n")
    with pytest.raises(BadConfig, match="ops"):
        config.load(settings)


def test_an_entry_of_the_operator_replaces_the_default_of_its_name(write: Callable[[str, str], Settings]) -> None:
    actual = config.load(write("checks.yml", "checks:\n  - {name: cache, weight: 9}\n"))
    assert {check.name: check.weight for check in actual.checks.checks}["cache"] == 9
    assert len(actual.checks.checks) == 5


def test_rule_files_of_the_folder_add_up(write: Callable[[str, str], Settings]) -> None:
    write("rules/a.yml", "groups: [{name: a, rules: [{alert: A, expr: up == 0, for: 5m}]}]")
    actual = config.load(write("rules/b.yml", "groups: [{name: b, rules: [{alert: b, expr: sum(up)}]}]"))
    mine = [group for group in actual.rules.groups if group.name in "ab"]
    assert [group.rules[0].hold for group in mine] == [300, 0]


def test_a_target_without_anything_to_watch_is_refused(write: Callable[[str, str], Settings]) -> None:
    with pytest.raises(BadConfig, match=r"targets\.yml:2.*neither metrics nor database"):
        config.load(write("targets.yml", "targets:\n  - {name: a}\n"))


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("detectors.yml", "allow: [10.0.0.0/99]", r"detectors\.yml:1: allow\.0: .*10\.0\.0\.0/99"),
        ("detectors.yml", "trusted_proxies: [proxy]", r"trusted_proxies\.0: .*proxy"),
        ("routes.yml", "route: {receiver: a}\nreceivers: [{name: a}, {name: a}]", "two receivers are called 'a'"),
        ("routes.yml", "route: {receiver: environment}\nreceivers: [{name: environment}]", "environment is the name"),
        (
            "routes.yml",
            "global: {smtp_smarthost: mail}\nroute: {receiver: a}\nreceivers: [{name: a}]",
            "smtp_smarthost",
        ),
    ],
)
def test_what_could_only_fail_later_is_refused_at_load(
    write: Callable[[str, str], Settings], name: str, text: str, reason: str
) -> None:
    with pytest.raises(BadConfig, match=reason):
        config.load(write(name, text))


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("{record: a-b, expr: up}", "is not a metric name"),
        ("{record: a, expr: up, for: 5m}", "a recording rule has no for"),
        ("{record: a, expr: up, annotations: {x: y}}", "a recording rule has no annotations"),
        ("{record: a, alert: b, expr: up}", "exactly one of alert and record"),
    ],
)
def test_a_recording_rule_has_what_it_can_honour(write: Callable[[str, str], Settings], rule: str, reason: str) -> None:
    config.load(write("rules.yml", "groups: [{name: g, rules: [{record: 'a:b', expr: sum(up), labels: {x: y}}]}]"))
    with pytest.raises(BadConfig, match=rf"rules\.yml:1: groups\.0\.rules\.0: .*{reason}"):
        config.load(write("rules.yml", f"groups: [{{name: g, rules: [{rule}]}}]"))
