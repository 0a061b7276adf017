"""A clock that is set back in mid incident: nothing waits for longer than it would have, and
nothing is done by two.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from memmon.context import Context
from memmon.incidents import auditor, service
from memmon.incidents import clock_skew as clocks
from memmon.incidents.tables import IncidentAction, IncidentRow
from memmon.state import heartbeat
from tests.conftest import Clock
from tests.memmon.incidents.conftest import Endpoint
from tests.memmon.incidents.story import ESCALATION, PLAYBOOKS, ROUTES, fire, only, paged, run, texts, tick

HOURS = 7200.0


@pytest.fixture
def ready(configure: Callable[..., Context], endpoint: Endpoint) -> Context:
    """An incident that was opened a moment before the auditor looked."""
    ctx = configure(playbooks=PLAYBOOKS % endpoint.url, routes=ROUTES, escalation=ESCALATION)
    fire(ctx)
    run(ctx, service.correlate(ctx))
    service.audit(ctx)
    return ctx


def change(ctx: Context, **values: object) -> None:
    with ctx.write() as session:
        action = session.get(IncidentAction, 1)
        assert action is not None
        for name, value in values.items():
            setattr(action, name, value)


def test_the_next_level_is_paged_when_it_would_have_been(ready: Context, clock: Clock) -> None:
    clock.move(10)
    clock.move(-HOURS)
    service.audit(ready)
    tick(ready)
    assert paged(ready) == ["default"]
    clock.move(30)
    tick(ready)
    assert paged(ready) == ["default", "seniors"]


def test_the_record_and_the_auditor_say_so_once(ready: Context, clock: Clock) -> None:
    clock.move(-HOURS)
    service.audit(ready)
    service.audit(ready)
    output = "the clock was set back by 7200 s"
    assert texts(only(ready), "audit") == [f"{output}, and the times of this incident with it"]
    clock.move(-HOURS)
    service.audit(ready)
    assert output in [entry["what"] for entry in heartbeat.read(ready.redis)[auditor.COMPONENT]["findings"]]
    assert service.verify(ready)["problems"] == []


def test_an_action_whose_worker_died_is_done_when_its_claim_ends(
    ready: Context, clock: Clock, endpoint: Endpoint
) -> None:
    calls = len(endpoint.calls)
    due = clock.now + 6
    change(ready, state="running", started_at=clock.now, due_at=due, finished_at=None, attempts=1, results=[])
    clock.move(2 - HOURS)
    service.audit(ready)
    tick(ready)
    assert len(endpoint.calls) == calls  # A worker that lives has its time still.
    clock.move(6)
    tick(ready)
    assert len(endpoint.calls) == calls + 1


def test_how_long_things_took_is_told_as_it_was(ready: Context, clock: Clock) -> None:
    clock.move(40 - HOURS)
    service.audit(ready)
    service.acknowledge(ready, 1, "dana")
    with ready.read() as session:
        row = session.get(IncidentRow, 1)
        assert row is not None
        assert row.acknowledged_at is not None
        assert 0 <= row.acknowledged_at - row.opened_at <= 40


def test_what_was_opened_since_keeps_its_times(ready: Context, clock: Clock) -> None:
    clock.move(-HOURS)
    fire(ready, "b")
    service.correlate(ready)
    with ready.read() as session:
        before = session.get(IncidentRow, 2)
    service.audit(ready)
    with ready.read() as session:
        after = session.get(IncidentRow, 2)
    assert before is not None
    assert after is not None
    assert (after.opened_at, after.next_level_at) == (before.opened_at, before.next_level_at)


def test_the_end_of_an_action_counts_for_limits_as_long_ago_as_it_is(ready: Context, clock: Clock) -> None:
    clock.move(10)
    service.resolve(ready, 1, "dana")
    clock.move(-HOURS)
    service.audit(ready)
    with ready.read() as session:
        action = session.get(IncidentAction, 1)
        assert action is not None
        assert action.finished_at is not None
        assert clock.now - 10 <= action.finished_at <= clock.now


def test_hosts_whose_clocks_differ_move_nothing(ready: Context, clock: Clock) -> None:
    assert clocks.follow(ready, clock.now + 600, "ahead") == 0.0
    assert clocks.follow(ready, clock.now) == 0.0
    assert clocks.follow(ready, clock.now + 660, "ahead") == 0.0
    assert texts(only(ready), "audit") == []


@pytest.mark.parametrize("seconds", [-60, -1, 0, 3600])
def test_a_clock_that_is_set_a_little_or_forward_moves_nothing(ready: Context, clock: Clock, seconds: float) -> None:
    clock.move(seconds)
    assert clocks.follow(ready, clock.now) == 0.0
    assert texts(only(ready), "audit") == []
