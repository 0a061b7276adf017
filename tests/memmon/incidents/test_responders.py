"""Commands of people: acknowledge, take over, snooze; and the result of inactivity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from memmon.context import Context
from memmon.errors import BadInput, Conflict
from memmon.incidents import service
from tests.conftest import Clock
from tests.memmon.incidents.conftest import Endpoint
from tests.memmon.incidents.story import PLAYBOOKS, ROUTES, end_alerts, fire, paged, run, texts, tick

CHAIN = """
chains:
  - name: operations
    repeat: 60s
    remind: 100s
    unacknowledge: 250s
    levels:
      - {name: Operations Team, after: 0s, receivers: [default]}
      - {name: Senior Engineers, after: 30s, receivers: [seniors]}
contacts:
  - {name: dana, receivers: [seniors]}
"""


@pytest.fixture
def ctx(sqlite_ctx: Context) -> Context:
    """What both databases do alike is shown on one of them."""
    return sqlite_ctx


@pytest.fixture
def ready(configure: Callable[..., Context], endpoint: Endpoint) -> Context:
    """One incident of the alert `trouble` on `a`."""
    ctx = configure(playbooks=PLAYBOOKS % endpoint.url, routes=ROUTES, escalation=CHAIN)
    fire(ctx)
    run(ctx, service.correlate(ctx))
    return ctx


def moved(ctx: Context, clock: Clock, seconds: float) -> dict[str, Any]:
    clock.move(seconds)
    tick(ctx)
    return service.show(ctx, 1)


def test_who_acknowledged_is_reminded_where_they_are_reached(ready: Context, clock: Clock) -> None:
    service.acknowledge(ready, 1, "dana")
    assert texts(moved(ready, clock, 99), "reminder") == []
    assert texts(moved(ready, clock, 1), "reminder") == ["reminded seniors"]
    assert texts(moved(ready, clock, 100), "reminder") == ["reminded seniors"] * 2
    assert paged(ready) == ["default", "seniors", "seniors"]


def test_somebody_who_is_no_contact_is_reminded_where_the_page_went(ready: Context, clock: Clock) -> None:
    service.acknowledge(ready, 1, "lee")
    assert texts(moved(ready, clock, 100), "reminder") == ["reminded default"]


def test_where_nothing_more_is_heard_the_chain_goes_on(ready: Context, clock: Clock) -> None:
    service.acknowledge(ready, 1, "lee")
    body = moved(ready, clock, 250)
    assert texts(body, "unacknowledged") == ["no activity of lee: escalation resumes"]
    assert body["acknowledged_by"] is None
    assert paged(ready)[-1] == "seniors"
    assert service.stats(ready)["times"]["acknowledge"]["mean"] == 0.0
    assert service.summary(ready)["mean_minutes_to_acknowledge"] == 0.0


def test_whoever_does_something_is_heard(ready: Context, clock: Clock) -> None:
    service.acknowledge(ready, 1, "lee")
    moved(ready, clock, 240)
    service.note(ready, 1, "lee", "still at it")
    assert moved(ready, clock, 200)["acknowledged_by"] == "lee"


def test_snoozed_nobody_is_paged_or_reminded_until_its_end(ready: Context, clock: Clock) -> None:
    body, _ = service.snooze(ready, 1, "lee", 120, "known")
    assert texts(body, "acknowledged") == ["snoozed until 2026-01-01T00:02:00.000Z: known"]
    assert texts(moved(ready, clock, 119), "reminder") == []
    assert paged(ready) == ["default"]
    moved(ready, clock, 1)
    assert paged(ready) == ["default", "seniors"]
    with pytest.raises(BadInput, match="seconds"):
        service.snooze(ready, 1, "lee", 0)


def test_another_one_takes_over(ready: Context) -> None:
    service.acknowledge(ready, 1, "lee")
    with pytest.raises(Conflict, match="acknowledged by lee already"):
        service.acknowledge(ready, 1, "dana")
    body, _ = service.take_over(ready, 1, "dana", "night shift")
    assert (body["acknowledged_by"], texts(body, "acknowledged")[-1]) == ("dana", "took over from lee: night shift")


def test_a_resolved_incident_is_reminded_of_no_more(ready: Context, clock: Clock) -> None:
    service.acknowledge(ready, 1, "lee")
    end_alerts(ready, clock)
    service.resolve(ready, 1, "lee")
    before = len(paged(ready))
    moved(ready, clock, 1000)
    assert len(paged(ready)) == before
