"""The runbook's workflows end to end against the demo: each branch of the decision graph once, each
response with its real effect.
"""

from __future__ import annotations

import json
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from memmon import encode
from memmon.config import DEFAULTS
from tests.e2e.conftest import QUICK_RULES
from tests.e2e.stack import LIMITS, Inbox, Stack
from tests.e2e.test_scenarios import closed, demo, demo_pid, done, incident_of, restarted, running, status_from
from tests.support import at_once, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(300)]

RULES = f"""{QUICK_RULES.rstrip()}
      - alert: quick_health_critical
        expr: memmimic_health_score{{job="memmimic"}} < 0.5 and on (job, instance) up == 1
        for: 3s
        labels: {{severity: critical, category: availability}}
  - {{name: health, rules: []}}
  - {{name: quality, rules: []}}
  - {{name: database, rules: []}}
  - {{name: resources, rules: []}}
"""


def playbooks(emergency: bool = False) -> str:
    """Return the default playbooks with times that a test can wait for; with `emergency` every
    critical alert is an emergency.
    """
    actual = yaml.safe_load((DEFAULTS / "playbooks.yml").read_text())["playbooks"]
    for entry in actual:
        critical = entry["name"] == "critical_system_failure"
        entry["verification"] |= {"settle": 2, "hold": 4, "timeout": 45 if critical else 120}
        entry["reopen"] = 0
        if critical and emergency:
            entry["stages"][0]["when"] = "vector(1)"
            del entry["stages"][0]["steps"][-1]["when"]
        for stage in entry["stages"]:
            for step in stage["steps"]:
                if "delay" in step:
                    step["delay"] = min(5, int(step["delay"].rstrip("s")))
    return str(yaml.safe_dump({"playbooks": actual, **yaml.safe_load(LIMITS)}))


@pytest.fixture(scope="module")
def inbox() -> Iterator[Inbox]:
    box = Inbox()
    yield box
    box.close()


@pytest.fixture(scope="module")
def stack(inbox: Inbox) -> Iterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="mmwork") as folder:
        running = Stack(Path(folder), inbox, RULES)
        (running.home / "config" / "playbooks.yml").write_text(playbooks())
        # How loaded this machine is says nothing of the demo.
        checks = "checks: [{name: system_resources, enabled: false}]"
        (running.home / "config" / "checks.yml").write_text(checks)
        # A target that can be restarted, as its endpoint says, and stays dead; and one that nobody
        # can restart.
        (running.home / "config" / "targets.yml").write_text(f"""
targets:
  - name: zombie
    instance: zombie:1
    metrics: 'http://127.0.0.1:9/metrics'
    components: {{api: {{control: http, unit: '{inbox.url}'}}}}
    tier: critical
""")
        try:
            running.start("--demo")
            yield running
        finally:
            running.stop()


def answered(stack: Stack, address: str) -> int:
    """Return what the demo answers to an address, 0 while it answers nothing."""
    try:
        return status_from(stack, address)
    except OSError:
        return 0


def instance(stack: Stack) -> str:
    return str(demo(stack)["url"]).removeprefix("http://")


def raise_alert(stack: Stack, name: str, severity: str, seconds: float = 600, **labels: str) -> None:
    """Let an alert come in from outside."""
    ends = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
    arguments = {"alertname": name, "severity": severity, **labels}
    body = json.dumps([{"labels": arguments, "annotations": {"summary": name}, "endsAt": ends}]).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {stack.token}"}
    urllib.request.urlopen(urllib.request.Request(f"{stack.base}/api/v2/alerts", body, headers), timeout=10).close()


def action(incident: dict[str, Any], name: str, undo: bool = False) -> dict[str, Any]:
    return next(entry for entry in incident["actions"] if entry["action"] == name and entry["undo"] == undo)


def last_output(incident: dict[str, Any], name: str) -> str:
    return str(action(incident, name)["results"][-1]["output"])


def kinds(incident: dict[str, Any]) -> list[str]:
    return [entry["kind"] for entry in incident["timeline"]]


def value(stack: Stack, query: str) -> float:
    actual = stack.get(f"/api/v1/query?query={urllib.request.quote(query)}")["data"]["result"]  # type: ignore[attr-defined]
    return float(actual[0]["value"][1]) if actual else float("nan")


def evidence(stack: Stack, incident: dict[str, Any]) -> list[str]:
    return sorted(path.name for path in (stack.home / "evidence" / f"incident-{incident['id']}").iterdir())


def whole(stack: Stack, alert: str, ready: Callable[[dict[str, Any]], bool], within: float = 60) -> dict[str, Any]:
    """Return the incident of an alert once something is true of it."""

    def look() -> dict[str, Any] | None:
        actual = incident_of(stack, alert)
        return actual if actual and ready(actual) else None

    actual = eventually(look, within=within, every=0.3)
    assert actual
    return actual


def calm(stack: Stack) -> None:
    """Wait until the effects of the previous workflow are over: the demo is healthy and has no
    incident.
    """
    here = f'instance="{instance(stack)}"'

    def well() -> bool:
        opened = stack.get("/api/incidents?state=open")["incidents"]
        return (
            value(stack, f"min_over_time(memmimic_health_score{{{here}}}[10s])") >= 0.5
            and value(stack, f"min_over_time(up{{{here}}}[10s])") == 1
            and all(entry["labels"].get("instance") != instance(stack) for entry in opened)
        )

    eventually(well, within=90, every=0.5)


# Critical system failure: the decision graph of the runbook, by its letters.


def test_below_a_half_it_is_isolated_restarted_and_resolved(stack: Stack, inbox: Inbox) -> None:
    """A, B yes, C: E page, F act, G isolate; H yes, I, K yes, L."""
    before = eventually(lambda: demo_pid(stack))
    assert stack.run("simulate", "errors", "--for", "5m").returncode == 0
    assert burst(stack) == {500}
    sick = whole(stack, "quick_health_critical", lambda entry: done(entry, "isolate"), within=150)
    # Its callers are refused; its page still answers.
    eventually(lambda: answered(stack, "192.0.2.77") == 503, within=30)
    assert any(entry["kind"] == "page" for entry in inbox.received)
    assert "emergency response began" in [entry["text"] for entry in sick["timeline"]]
    over = eventually(lambda: closed(stack, "quick_health_critical"), within=240, every=1)
    assert demo_pid(stack) != before
    assert done(over, "restart")
    assert action(over, "isolate", undo=True)["state"] == "done"
    eventually(lambda: answered(stack, "192.0.2.77") == 200, within=15)
    assert [stage["state"] for stage in over["stages"]] == ["done", "skipped"]
    assert over["resolved_by"] == "memmon"


def test_a_crash_needs_no_isolation(stack: Stack) -> None:
    """B yes, G not needed: a missing target cannot be isolated."""
    calm(stack)
    before, since = demo_pid(stack), str(encode.iso(time.time()))
    assert stack.run("simulate", "crash").returncode == 0
    over = eventually(lambda: restarted(stack, instance(stack), since), within=90, every=0.5)
    assert demo_pid(stack) != before
    assert "isolate is not needed: its condition does not hold" in [entry["text"] for entry in over["timeline"]]
    first = next(
        entry for entry in over["timeline"] if entry["kind"] == "action" and entry["text"].startswith("restart done")
    )
    assert first


def test_a_critical_alert_of_something_healthy_gets_the_standard_response(stack: Stack) -> None:
    """B no: D."""
    calm(stack)
    raise_alert(
        stack, "quota_nearly_used", "critical", 5, category="availability", instance=instance(stack), job="memmimic"
    )
    over = eventually(lambda: closed(stack, "quota_nearly_used"), within=60, every=0.5)
    assert [stage["state"] for stage in over["stages"]] == ["skipped", "done"]
    assert not any(entry["action"] in ("restart", "isolate") for entry in over["actions"])
    assert "while" in last_output(over, "note")


def test_an_action_that_fails_is_for_people(stack: Stack) -> None:
    """H no: J, M. A missing target cannot be restarted, and the playbook is begun by hand: no alert
    fires for an unknown instance.
    """
    (stack.home / "config" / "playbooks.yml").write_text(playbooks(emergency=True))
    assert stack.run("config", "reload").returncode == 0
    assert (
        stack.run(
            "playbook", "run", "critical_system_failure", "--label", "instance=nobody:1", "--label", "job=x"
        ).returncode
        == 0
    )
    index = stack.get("/api/incidents")["incidents"][0]["id"]
    manual = eventually(lambda: state(stack, index, "manual"), within=60, every=0.3)
    assert action(manual, "restart")["state"] == "failed"
    assert "escalated" in kinds(manual)
    assert "emergency response stopped: people must do the rest" in [entry["text"] for entry in manual["timeline"]]
    for entry in stack.get("/api/incidents?state=open")["incidents"]:
        if entry["labels"].get("instance") == "nobody:1":
            stack.post(f"/api/incidents/{entry['id']}/resolve", {"by": "test"})
    (stack.home / "config" / "playbooks.yml").write_text(playbooks())
    assert stack.run("config", "reload").returncode == 0


def state(stack: Stack, index: int, expected: str) -> dict[str, Any] | None:
    actual: dict[str, Any] = stack.get(f"/api/incidents/{index}")
    return actual if actual["state"] == expected else None


def test_a_restart_that_mends_nothing_is_for_people_too(stack: Stack, inbox: Inbox) -> None:
    """H yes, I, K no: J. The endpoint of `zombie` says that it was restarted, and nothing answers
    all the same.
    """

    def of_zombie() -> dict[str, Any] | None:
        for entry in stack.get("/api/incidents?state=open")["incidents"]:
            if entry["labels"].get("instance") == "zombie:1" and entry["state"] == "manual":
                actual: dict[str, Any] = stack.get(f"/api/incidents/{entry['id']}")
                return actual
        return None

    manual = eventually(of_zombie, within=120, every=0.5)
    assert done(manual, "restart")
    assert {"action": "restart"} in inbox.received
    assert "unrecovered" in kinds(manual)
    assert manual["escalation"]["next_level_at"]
    stack.post(f"/api/incidents/{manual['id']}/acknowledge", {"by": "test"})


# Performance degradation: four timed stages.


def test_performance_is_detected_diagnosed_mitigated_and_verified(stack: Stack) -> None:
    before = eventually(lambda: running(stack) and demo_pid(stack), within=60)
    eventually(lambda: value(stack, f'memmimic_cache_entries{{instance="{instance(stack)}"}}') > 3, within=60)
    assert stack.run("simulate", "slow-database", "--for", "2m").returncode == 0
    acted = whole(stack, "quick_database_slow", lambda entry: done(entry, "throttle") and done(entry, "scale"))
    assert last_output(acted, "scale") == "scaled connections of demo: 8 -> 12"
    connections = f'memmimic_db_connections_max{{instance="{instance(stack)}"}}'
    eventually(lambda: value(stack, connections) == 12, within=10)
    cleared = last_output(acted, "clear_cache")
    assert int(cleared.split("cleared ")[1].split()[0]) > 0, cleared
    assert 429 in burst(stack)
    over = eventually(lambda: closed(stack, "quick_database_slow"), within=150, every=0.5)
    assert demo_pid(stack) != before
    assert [stage["state"] for stage in over["stages"]] == ["done"] * 4
    assert not any(stage["overdue"] for stage in over["stages"])
    assert action(over, "throttle", undo=True)["state"] == "done"
    assert len(evidence(stack, over)) == 2
    eventually(lambda: 429 not in burst(stack), within=15)
    report = stack.run("incidents", "postmortem", str(over["id"]), "--out", str(stack.home / "report"))
    assert report.returncode == 0, report.stderr
    assert list((stack.home / "report").glob("*.svg"))


def burst(stack: Stack) -> set[int]:
    """Return what the demo answers to many at once."""
    answers: list[int] = []

    def ask() -> None:
        for _ in range(30):
            try:
                request = urllib.request.Request(
                    f"{demo(stack)['url']}/memories/search?q=zz", headers={"X-Forwarded-For": "192.0.2.9"}
                )
                with urllib.request.urlopen(request, timeout=10) as answer:
                    answers.append(int(answer.status))
            except urllib.error.HTTPError as error:
                answers.append(error.code)
            except OSError:
                answers.append(0)

    at_once(*[ask] * 8)
    return set(answers)


# Security breach: three phases.


def test_a_breach_is_contained_assessed_and_investigated(stack: Stack) -> None:
    address = "203.0.113.77"
    events = [
        {"event_type": "injection_attempt", "source_ip": address, "endpoint": "/memories/search", "message": "test"}
    ]
    began = time.monotonic()
    stack.post("/api/security/events", events)
    eventually(lambda: answered(stack, address) == 403, within=30)
    assert time.monotonic() - began < 30
    # Many addresses at once: the block of one does not end it.
    extra = [{**events[0], "source_ip": f"203.0.113.{n % 3 + 100}"} for n in range(60)]
    stack.post("/api/security/events", extra)
    breach = whole(
        stack,
        "injection_attempt",
        lambda entry: any(a["action"] == "disable_feature" for a in entry["actions"]),
        within=60,
    )
    assert done(breach, "block_ip")
    assert done(breach, "throttle")
    waiting = action(breach, "disable_feature")
    assert waiting["state"] == "approval"
    assert answered(stack, "192.0.2.5") in (200, 429)
    stack.post(f"/api/incidents/{breach['id']}/actions/{waiting['number']}/approve", {"by": "test"})
    eventually(lambda: answered(stack, "192.0.2.5") == 503, within=20)
    later = whole(
        stack,
        "injection_attempt",
        lambda entry: entry["id"] == breach["id"] and done(entry, "note") and investigated(entry),
        within=60,
    )
    assert len(evidence(stack, later)) == 2
    record = stack.get("/api/incidents/record")
    assert record["problems"] == []
    for entry in stack.get("/api/incidents?state=open&limit=200")["incidents"]:
        if entry["playbook"] == "security_breach":
            stack.post(f"/api/incidents/{entry['id']}/resolve", {"by": "test"})
    # The rollbacks of the end have run.
    eventually(lambda: answered(stack, "192.0.2.5") == 200, within=20)


def investigated(incident: dict[str, Any]) -> bool:
    return any(stage["name"] == "investigation" and stage["state"] == "done" for stage in incident["stages"])


# The alert response procedures.


def test_high_memory_clears_caches_keeps_a_dump_and_restarts_the_largest(stack: Stack) -> None:
    before = eventually(lambda: running(stack) and demo_pid(stack), within=60)
    raise_alert(stack, "high_memory_usage", "warning", 30, category="performance", instance="somehost", job="host")
    acted = whole(stack, "high_memory_usage", lambda entry: done(entry, "restart"), within=90)
    assert demo_pid(stack) != before
    remaining = evidence(stack, acted)
    assert {name.rsplit("-", 1)[-1] for name in remaining} >= {"objects.json", "map.txt"}
    assert "resident bytes" in "".join(str(entry["results"]) for entry in acted["actions"])
    eventually(lambda: closed(stack, "high_memory_usage"), within=90, every=0.5)


def test_a_slow_database_is_backed_up_and_escalated_by_its_criteria(stack: Stack) -> None:
    raise_alert(stack, "database_slow", "warning", 25, category="performance", instance=instance(stack), job="memmimic")
    acted = whole(stack, "database_slow", lambda entry: done(entry, "backup"), within=60)
    [copy] = (stack.home / "backups" / "demo").iterdir()
    assert copy.stat().st_size > 4096
    assert "sound" in last_output(acted, "backup")
    over = eventually(lambda: closed(stack, "database_slow"), within=120, every=0.5)
    assert "queries, 95 %, seconds" in last_output(over, "note")


def test_the_record_is_whole_and_what_was_done_can_be_looked_back_on(stack: Stack) -> None:
    index = stack.run("playbook", "run", "high_memory_usage", "--label", "instance=tried", "--dry-run")
    assert index.returncode == 0, index.stderr
    assert stack.run("incidents", "verify").returncode == 0
    assert stack.get("/api/incidents/stats?days=1")["incidents"] >= 1
    assert "high_memory_usage (dry run)" in stack.run("playbook", "history").stdout
