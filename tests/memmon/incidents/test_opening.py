"""What opens an incident, what joins one, what opens one again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from memmon.alerts import service as alerts
from memmon.context import Context
from memmon.errors import BadInput, Conflict, NotFound
from memmon.incidents import service
from memmon.security import service as security
from tests.conftest import Clock
from tests.memmon.incidents.conftest import Endpoint
from tests.memmon.incidents.story import (
    ESCALATION,
    PLAYBOOKS,
    ROUTES,
    a_playbook,
    end_alerts,
    fire,
    only,
    paged,
    run,
    texts,
    tick,
)

Configured = Callable[..., Context]


@pytest.fixture
def ctx(sqlite_ctx: Context) -> Context:
    """What both databases do alike is shown on one of them."""
    return sqlite_ctx


@pytest.fixture
def ready(configure: Configured, endpoint: Endpoint) -> Context:
    return configure(playbooks=PLAYBOOKS % endpoint.url, routes=ROUTES, escalation=ESCALATION)


def titles(ctx: Context) -> list[str]:
    return sorted(entry["title"] for entry in service.listing(ctx)["incidents"])


def closed(ctx: Context, clock: Clock) -> dict[str, Any]:
    end_alerts(ctx, clock)
    tick(ctx)
    clock.move(6)
    tick(ctx)
    assert only(ctx)["state"] == "resolved"
    return only(ctx)


def test_the_same_that_comes_back_within_the_grace_opens_the_incident_again(
    ready: Context, endpoint: Endpoint, clock: Clock
) -> None:
    fire(ready, ttl=20)
    run(ready, service.correlate(ready))
    closed(ready, clock)
    clock.move(60)
    fire(ready, ttl=20)
    run(ready, service.correlate(ready))
    body = only(ready)
    assert (body["state"], body["reopened"], len(body["sources"])) == ("verifying", 1, 2)
    assert texts(body, "opened")[-1] == "opened again: the same came back (1)"
    assert len(endpoint.calls) == 2  # The response began anew.
    assert paged(ready) == ["default", "default"]
    assert body["opened_at"] == "2026-01-01T00:00:00.000Z"
    closed(ready, clock)
    assert len(endpoint.calls) == 2


def test_after_the_grace_it_is_another_incident(ready: Context, clock: Clock) -> None:
    fire(ready, ttl=20)
    run(ready, service.correlate(ready))
    closed(ready, clock)
    clock.move(301)
    fire(ready)
    run(ready, service.correlate(ready))
    assert service.listing(ready)["total"] == 2


def test_due_times_of_a_response_that_begins_anew_count_from_its_beginning(ready: Context, clock: Clock) -> None:
    fire(ready, ttl=20)
    run(ready, service.correlate(ready))
    closed(ready, clock)
    clock.move(100)
    fire(ready)
    run(ready, service.correlate(ready))
    assert texts(only(ready), "overdue") == []
    assert only(ready)["escalation"]["next_level_name"] == "Senior Engineers"


CONDITIONS = "{group_by: [instance], window: 60s, conditions: [{alerts: [slow]}, {alerts: [errors]}]}"
BOTH = a_playbook("{action: page}", correlation=CONDITIONS).replace("labels: {category: test}", "alerts: [nothing]")


def test_a_group_of_conditions_opens_once_all_are_met(configure: Configured, clock: Clock) -> None:
    ctx = configure(playbooks=BOTH, routes=ROUTES, escalation=ESCALATION)
    fire(ctx, "a", "slow")
    fire(ctx, "b", "errors")
    run(ctx, service.correlate(ctx))
    assert titles(ctx) == []
    clock.move(30)
    fire(ctx, "a", "errors")
    run(ctx, service.correlate(ctx))
    assert titles(ctx) == ["Trouble of a"]
    assert sorted(entry["name"] for entry in only(ctx)["sources"]) == ["errors", "slow"]


def test_conditions_that_are_too_far_apart_open_nothing(configure: Configured, clock: Clock) -> None:
    ctx = configure(playbooks=BOTH, routes=ROUTES, escalation=ESCALATION)
    fire(ctx, "a", "slow")
    clock.move(90)
    fire(ctx, "a", "errors")
    run(ctx, service.correlate(ctx))
    assert titles(ctx) == []


def test_what_one_playbook_waits_for_another_one_responds_to_meanwhile(configure: Configured, clock: Clock) -> None:
    alone = (
        a_playbook("{action: page}")
        .split("playbooks:\n", 1)[1]
        .replace("name: test", "name: alone")
        .replace("Trouble", "Alone")
    )
    ctx = configure(playbooks=BOTH + alone, routes=ROUTES, escalation=ESCALATION)
    fire(ctx, "a", "slow")
    run(ctx, service.correlate(ctx))
    assert titles(ctx) == ["Alone of a"]
    fire(ctx, "a", "errors")
    run(ctx, service.correlate(ctx))
    assert titles(ctx) == ["Alone of a", "Trouble of a"]


TARGETS = """
targets:
  - {name: db, instance: 'db:1', database: /x}
  - {name: cache, instance: 'cache:1', database: /x, depends_on: [db]}
  - {name: api, instance: 'api:1', database: /x, depends_on: [cache]}
  - {name: other, instance: 'other:1', database: /x}
"""


def test_what_depends_on_a_target_with_trouble_joins_its_incident(configure: Configured) -> None:
    book = a_playbook("{action: page}", correlation="{group_by: [instance], topology: true}")
    ctx = configure(playbooks=book, routes=ROUTES, escalation=ESCALATION, targets=TARGETS)
    for instance in ("api:1", "db:1", "other:1"):
        fire(ctx, instance)
    run(ctx, service.correlate(ctx))
    assert titles(ctx) == ["Trouble of db:1", "Trouble of other:1"]
    fire(ctx, "cache:1")
    run(ctx, service.correlate(ctx))
    assert titles(ctx) == ["Trouble of db:1", "Trouble of other:1"]
    root = next(entry["id"] for entry in service.listing(ctx)["incidents"] if entry["title"] == "Trouble of db:1")
    assert sorted(s["labels"]["instance"] for s in service.show(ctx, root)["sources"]) == ["api:1", "cache:1", "db:1"]


EVENTS = """
playbooks:
  - name: data_exposure
    title: '$event_type by $user'
    severity: high
    mttr_target: 10m
    match: {events: [data_exfiltration]}
    correlation: {group_by: [user], window: 60s}
    stages: [{name: act, due: 60s, steps: [{action: page}]}]
    verification: {settle: 1s, hold: 5s, timeout: 300s}
"""


def test_an_event_opens_an_incident_and_its_quiet_ends_it(configure: Configured, clock: Clock) -> None:
    ctx = configure(playbooks=EVENTS, routes=ROUTES, escalation=ESCALATION)
    for _ in range(2):
        security.record(ctx, {"event_type": "data_exfiltration", "user": "eve", "source_ip": "203.0.113.9"}, "test")
    run(ctx, service.correlate(ctx))
    assert only(ctx)["title"] == "data_exfiltration by eve"
    assert [(s["kind"], s["name"]) for s in only(ctx)["sources"]] == [("event", "data_exfiltration")] * 2
    clock.move(30)
    tick(ctx)
    assert only(ctx)["state"] == "verifying"
    clock.move(31)
    tick(ctx)
    clock.move(6)
    tick(ctx)
    assert only(ctx)["state"] == "resolved"


def test_a_playbook_is_begun_by_hand_and_its_steps_for_while_it_fires_are_taken(
    configure: Configured, endpoint: Endpoint, clock: Clock
) -> None:
    step = f"{{action: http, while_firing: true, parameters: {{url: '{endpoint.url}/hook'}}}}"
    ctx = configure(playbooks=a_playbook(step), routes=ROUTES, escalation=ESCALATION)
    index, jobs = service.begin(ctx, "test", {"instance": "a"}, "dana")
    run(ctx, jobs)
    assert endpoint.paths() == ["POST /hook"]
    assert texts(only(ctx), "opened") == ["playbook test begun by hand"]
    with pytest.raises(Conflict, match="an incident is open for"):
        service.begin(ctx, "test", {"instance": "a"}, "dana")
    with pytest.raises(NotFound, match="no playbook nothing; there are:"):
        service.begin(ctx, "nothing", {}, "dana")
    clock.move(2)
    tick(ctx)
    clock.move(6)
    tick(ctx)
    assert service.show(ctx, index)["state"] == "resolved"


def test_a_dry_run_by_hand_does_nothing(configure: Configured, endpoint: Endpoint) -> None:
    step = f"{{action: http, parameters: {{url: '{endpoint.url}/hook'}}}}"
    ctx = configure(playbooks=a_playbook(step), routes=ROUTES, escalation=ESCALATION)
    index, jobs = service.begin(ctx, "test", {"instance": "a"}, "dana", dry_run=True)
    run(ctx, jobs)
    assert endpoint.calls == []
    assert service.show(ctx, index)["actions"][0]["state"] == "dry_run"
    assert paged(ctx) == []
    assert texts(only(ctx), "page") == ["level 1, Operations Team: would page default (opened)"]
    fire(ctx)  # Real alerts get a response beside it.
    run(ctx, service.correlate(ctx))
    assert endpoint.paths() == ["POST /hook"]
    assert paged(ctx) == ["default"]
    with pytest.raises(BadInput, match="labels: 'a b' is not a label name"):
        service.begin(ctx, "test", {"a b": "c"}, "dana")


def test_the_time_to_detect_counts_from_when_it_was_seen_first(configure: Configured, clock: Clock) -> None:
    rules = (
        "groups: [{name: g, rules: [{alert: hot, expr: vector(1), for: 30s, labels: {category: test, instance: a}}]}]"
    )
    ctx = configure(playbooks=a_playbook("{action: page}"), routes=ROUTES, escalation=ESCALATION, rules=rules)
    alerts.evaluate(ctx)
    clock.move(30)
    alerts.evaluate(ctx)
    run(ctx, service.correlate(ctx))
    assert service.stats(ctx)["times"]["detect"]["mean"] == 30.0


@pytest.mark.parametrize("odd", ["\x00", "a\x00b\ud800", "x" * 100_000, "$instance", "'\"\\\n{}", "\u202e<script>"])
def test_no_text_keeps_an_incident_from_its_response(pg_ctx: Context, odd: str) -> None:
    """PostgreSQL refuses what SQLite takes."""
    index, jobs = service.begin(pg_ctx, "security_breach", {"source_ip": odd, "instance": odd}, odd)
    run(pg_ctx, jobs)
    assert service.show(pg_ctx, index)["escalation"]["pages"] >= 1
    for verb in (service.acknowledge, service.note, service.take_over, service.escalate):
        verb(pg_ctx, index, odd, f"said {odd}")
    other, _ = service.begin(pg_ctx, "high_memory_usage", {"instance": odd, "job": odd}, odd)
    service.merge(pg_ctx, other, index, odd, odd)
    service.resolve(pg_ctx, index, odd, odd)
    assert service.postmortem(pg_ctx, index).startswith(f"# INC-{index}: Security breach")
    assert service.verify(pg_ctx)["problems"] == []


def test_what_a_page_says_of_itself_keeps_no_alert_from_its_response(pg_ctx: Context) -> None:
    labels = {"category": "security", "source_ip": "a\x00b", "instance": "\x00"}
    alerts.raise_event(pg_ctx, "brute_force_attack", "critical", labels, {"summary": "\x00"}, 3600)
    run(pg_ctx, service.correlate(pg_ctx))
    assert only(pg_ctx)["escalation"]["pages"] >= 1
    assert only(pg_ctx)["labels"]["source_ip"] == "a\N{REPLACEMENT CHARACTER}b"
