"""What the demo really suffers, memmon really sees, tells, repairs and closes."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import Any

import pytest

from memmon import encode
from tests.e2e.stack import ROOT, Inbox, Stack
from tests.support import eventually
from tests.web.browser import chromium, picture

pytestmark = pytest.mark.e2e


def is_notified(inbox: Inbox, alert: str, status: str, instance: str = "") -> bool:
    """Tell whether the webhook got the alert `alert` (of `instance`, where one is given) with
    `status`.
    """
    alerts = [entry for message in inbox.received if message["kind"] == "alert" for entry in message["alerts"]]
    return any(
        entry["name"] == alert and entry["status"] == status and instance in ("", entry["labels"].get("instance"))
        for entry in alerts
    )


def incident_of(stack: Stack, alert: str) -> dict[str, Any] | None:
    """Return the newest incident that `alert` is a source of, whole."""
    for row in stack.get("/api/incidents")["incidents"]:
        whole: dict[str, Any] = stack.get(f"/api/incidents/{row['id']}")
        if any(source.get("name") == alert for source in whole["sources"]):
            return whole
    return None


def closed(stack: Stack, alert: str) -> dict[str, Any] | None:
    incident = incident_of(stack, alert)
    return incident if incident and incident["state"] == "resolved" else None


def done(incident: dict[str, Any], action: str) -> bool:
    return any(item["action"] == action and item["state"] == "done" for item in incident["actions"])


def demo(stack: Stack) -> dict[str, Any]:
    actual: dict[str, Any] = json.loads((stack.home / "run" / "demo.json").read_text())
    return actual


def demo_pid(stack: Stack) -> int:
    token = open(demo(stack)["token_file"]).read().strip()
    request = urllib.request.Request(
        f"{demo(stack)['url']}/-/memmon/evidence", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return int(json.loads(answer.read())["pid"])


@pytest.mark.long
def test_slow_queries_are_seen_told_repaired_and_closed(stack: Stack, inbox: Inbox) -> None:
    assert stack.run("simulate", "slow-database", "--for", "2m").returncode == 0
    eventually(lambda: is_notified(inbox, "quick_database_slow", "firing"), within=60)
    incident = eventually(lambda: incident_of(stack, "quick_database_slow"), within=20)
    assert incident["severity"] == "high"
    if chromium():
        picture(f"{stack.base}/dashboard", ROOT / "test-results" / "dashboard.png")
    incident = eventually(lambda: closed(stack, "quick_database_slow"), within=120, every=0.5)
    assert done(incident, "restart")
    assert done(incident, "collect_evidence")
    eventually(lambda: is_notified(inbox, "quick_database_slow", "resolved"), within=30)


@pytest.mark.long
def test_a_crash_is_answered_with_a_new_process(stack: Stack, inbox: Inbox) -> None:
    before = eventually(lambda: demo_pid(stack))
    instance = demo(stack)["url"].removeprefix("http://")
    since = str(encode.iso(time.time()))
    assert stack.run("simulate", "crash").returncode == 0
    # It recovers within a second or two, before a notification is due; the incident pages all the
    # same.
    incident = eventually(lambda: restarted(stack, instance, since), within=90, every=0.5)
    assert done(incident, "restart")
    assert demo_pid(stack) != before
    title = f"Critical failure of {instance}"
    eventually(lambda: any(entry["kind"] == "page" and title in entry["title"] for entry in inbox.received), within=30)


def restarted(stack: Stack, instance: str, since: str) -> dict[str, Any] | None:
    """Return the resolved incident in which an instance was restarted since a moment (ISO 8601),
    whole: at the start of a stack the demo may come late, and that is an incident too.
    """
    for entry in stack.get("/api/incidents?state=resolved")["incidents"]:
        if entry["labels"].get("instance") == instance and entry["playbook"] == "critical_system_failure":
            actual: dict[str, Any] = stack.get(f"/api/incidents/{entry['id']}")
            ends = (
                a["finished_at"] or "" for a in actual["actions"] if (a["action"], a["state"]) == ("restart", "done")
            )
            if any(end > since for end in ends):
                return actual
    return None


def running(stack: Stack) -> bool:
    """Tell whether the demo answers."""
    try:
        return bool(demo_pid(stack))
    except OSError:
        return False


def status_from(stack: Stack, address: str) -> int:
    """Return the status that the demo answers to `address`."""
    request = urllib.request.Request(
        f"{demo(stack)['url']}/memories/search?q=tea", headers={"X-Forwarded-For": address}
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.long
def test_brute_force_is_blocked_and_the_block_ends(stack: Stack, inbox: Inbox) -> None:
    (stack.home / "config" / "detectors.yml").write_text(
        "detectors: [{name: brute_force_attack, threshold: 5, window: 15m, block: true, block_for: 25s}]"
    )
    assert stack.run("config", "reload").returncode == 0
    eventually(lambda: running(stack), within=60)
    assert stack.run("simulate", "brute-force", "--for", "10s").returncode == 0
    event = eventually(lambda: attack(stack), within=30)
    address = event["source_ip"]
    eventually(lambda: status_from(stack, address) == 403, within=15)
    assert status_from(stack, "192.0.2.200") == 200
    eventually(lambda: is_notified(inbox, "brute_force_attack", "firing"), within=30)
    incident = eventually(lambda: incident_of(stack, "brute_force_attack"), within=20)
    assert incident["severity"] == "critical"
    eventually(lambda: status_from(stack, address) == 200, within=90, every=0.5)


def attack(stack: Stack) -> dict[str, Any] | None:
    events = stack.get("/api/security")["recent_events"]
    return next((event for event in events if event["event_type"] == "brute_force_attack"), None)
