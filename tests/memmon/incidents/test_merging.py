"""People put incidents together and take them apart; what comes later goes where they said."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from memmon.alerts import service as alerts
from memmon.context import Context
from memmon.errors import BadInput, Conflict
from memmon.incidents import service
from memmon.security import service as security
from tests.conftest import Clock
from tests.memmon.incidents.conftest import Endpoint
from tests.memmon.incidents.story import ESCALATION, PLAYBOOKS, ROUTES, end_alerts, fire, run, texts

EVENTS = """
  - name: breach
    title: 'Breach from $source_ip'
    severity: critical
    mttr_target: 10m
    match: {events: [data_exfiltration]}
    correlation: {group_by: [source_ip]}
    stages: [{name: note, due: 60s, steps: [{action: note, parameters: {text: seen}}]}]
"""


@pytest.fixture
def ctx(sqlite_ctx: Context) -> Context:
    """What both databases do alike is shown on one of them."""
    return sqlite_ctx


@pytest.fixture
def ready(configure: Callable[..., Context], endpoint: Endpoint) -> Context:
    """An incident of the alert `trouble` on `a`, and one of `other` on `b`."""
    ctx = configure(playbooks=PLAYBOOKS % endpoint.url + EVENTS, routes=ROUTES, escalation=ESCALATION)
    fire(ctx, ttl=20)
    fire(ctx, "b", "other", ttl=20)
    run(ctx, service.correlate(ctx))
    return ctx


def names(ctx: Context, index: int) -> list[str]:
    return [entry["name"] for entry in service.show(ctx, index)["sources"]]


def source(ctx: Context, index: int, name: str) -> str:
    return next(
        f"{entry['kind']}:{entry['id']}" for entry in service.show(ctx, index)["sources"] if entry["name"] == name
    )


def come(ctx: Context, instance: str, name: str) -> None:
    fire(ctx, instance, name)
    run(ctx, service.correlate(ctx))


def test_two_incidents_become_one_with_the_sources_of_both(ready: Context) -> None:
    body, _ = service.merge(ready, 2, 1, "dana", "one cause")
    assert names(ready, 1) == ["trouble", "other"]
    assert texts(body, "merged") == ["incident 2 is part of this one: one cause"]
    gone = service.show(ready, 2)
    assert (gone["state"], gone["merged_into"], gone["sources"]) == ("resolved", 1, [])
    assert service.stats(ready)["merged"] == 1
    assert service.summary(ready)["resolved_30d"] == 0  # It continues in the other incident.
    with pytest.raises(Conflict, match="incident 2 is resolved"):
        service.merge(ready, 2, 1, "dana")
    with pytest.raises(BadInput, match="into"):
        service.merge(ready, 1, 1, "dana")


def test_what_a_merged_incident_had_joins_the_other_when_it_comes_again(ready: Context, clock: Clock) -> None:
    service.merge(ready, 2, 1, "dana")
    assert service.correlate(ready) == []
    end_alerts(ready, clock)
    come(ready, "b", "other")
    assert service.listing(ready, "open")["total"] == 1
    assert names(ready, 1) == ["trouble", "other", "other"]


def test_it_follows_two_merges_and_opens_an_incident_of_its_own_once_that_is_over(ready: Context, clock: Clock) -> None:
    come(ready, "c", "third")
    service.merge(ready, 3, 2, "dana")
    service.merge(ready, 2, 1, "dana")
    end_alerts(ready, clock)
    come(ready, "c", "third")
    assert names(ready, 1)[-1] == "third"
    service.resolve(ready, 1, "dana")
    clock.move(3600)
    alerts.evaluate(ready)
    come(ready, "c", "third")
    assert names(ready, 4) == ["third"]


def test_part_of_an_incident_becomes_another_one(ready: Context, endpoint: Endpoint) -> None:
    come(ready, "a", "second")
    calls = len(endpoint.calls)
    body, jobs = service.split(ready, 1, [source(ready, 1, "second")], "dana", "two causes")
    assert (body["id"], names(ready, 3), names(ready, 1)) == (3, ["second"], ["trouble"])
    assert texts(body, "opened") == ["split from incident 1: two causes"]
    run(ready, jobs)
    assert len(endpoint.calls) == calls + 1  # The response begins for it anew.


def test_what_is_split_off_is_about_its_own_instance_and_what_comes_there_joins_it(ready: Context) -> None:
    service.merge(ready, 2, 1, "dana")
    body, _ = service.split(ready, 1, [source(ready, 1, "other")], "dana")
    assert (body["title"], body["labels"]["instance"]) == ("Trouble of b", "b")
    come(ready, "b", "again")
    assert names(ready, body["id"]) == ["other", "again"]
    come(ready, "a", "more")
    assert names(ready, 1) == ["trouble", "more"]


def test_what_another_playbook_takes_is_split_off_with_that_playbook(ready: Context) -> None:
    security.record(ready, [{"event_type": "data_exfiltration", "source_ip": "192.0.2.7"}], "app")
    run(ready, service.correlate(ready))
    service.merge(ready, 3, 1, "dana")
    with pytest.raises(BadInput, match="1 is more than one: say alert:1 or event:1"):
        service.split(ready, 1, ["1"], "dana")
    body, _ = service.split(ready, 1, ["event:1"], "dana")
    assert (body["playbook"], body["title"]) == ("breach", "Breach from 192.0.2.7")
    assert names(ready, 1) == ["trouble"]


def test_what_cannot_be_split_off_is_said(ready: Context) -> None:
    with pytest.raises(BadInput, match="incident 1 has no source 99"):
        service.split(ready, 1, ["99"], "dana")
    with pytest.raises(BadInput, match="one at least must stay"):
        service.split(ready, 1, [source(ready, 1, "trouble")], "dana")
    with pytest.raises(BadInput, match="must name one at least"):
        service.split(ready, 1, [], "dana")
