"""Overdue incidents are restarted, stuck ones are paged, and the heartbeat is sent only after a
clean audit.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import text

from memmon.context import Context
from memmon.incidents import auditor, service
from memmon.incidents.tables import IncidentRow
from memmon.notify.tables import NotificationRow
from memmon.settings import load as load_settings
from memmon.state import counters, heartbeat
from tests.conftest import Clock
from tests.memmon.incidents.conftest import Endpoint
from tests.memmon.incidents.story import ESCALATION, PLAYBOOKS, ROUTES, fire, only, paged, run, texts, tick


@pytest.fixture
def ctx(sqlite_ctx: Context) -> Context:
    """What both databases do alike is shown on one of them."""
    return sqlite_ctx


@pytest.fixture
def ready(configure: Callable[..., Context], endpoint: Endpoint) -> Context:
    escalation = ESCALATION.replace("repeat: 60s", "repeat: 10m")
    ctx = configure(playbooks=PLAYBOOKS % endpoint.url, routes=ROUTES, escalation=escalation)
    alive(ctx)
    fire(ctx)
    run(ctx, service.correlate(ctx))
    return ctx


def alive(ctx: Context) -> None:
    """Let the parts that an incident needs have run just now."""
    for name in ("alert_manager", "incident_response"):
        heartbeat.beat(ctx.redis, name, "ok", ctx.now())


def findings(ctx: Context) -> list[str]:
    return [entry["what"] for entry in heartbeat.read(ctx.redis)[auditor.COMPONENT]["findings"]]


def change(ctx: Context, **values: object) -> None:
    with ctx.write() as session:
        row = session.get(IncidentRow, 1)
        assert row is not None
        for name, value in values.items():
            setattr(row, name, value)


def test_all_is_well_while_everything_is_on_time(ready: Context) -> None:
    assert service.audit(ready) == []
    assert findings(ready) == []


def test_what_is_overdue_is_started_again_once_and_then_paged_for(ready: Context, clock: Clock) -> None:
    clock.move(60)
    alive(ready)
    jobs = service.audit(ready)
    assert "incidents.advance" in [job.name for job in jobs]
    assert any("it was due" in finding for finding in findings(ready))
    assert "started again" in texts(only(ready), "audit")[0]
    before = len(paged(ready))
    results = []
    for _ in range(3):
        clock.move(60)
        alive(ready)
        service.audit(ready)
        results.append(len(findings(ready)))
    assert results[0] > 1  # Once for all that is wrong, and not each minute.
    assert [text.endswith("the next level is paged") for text in texts(only(ready), "audit")] == [False, True]
    assert len(paged(ready)) == before + 1
    clock.move(600)
    alive(ready)
    service.audit(ready)
    assert len(paged(ready)) == before + 2


def test_what_was_late_and_went_on_is_started_again_the_next_time_and_not_paged_for(
    ready: Context, clock: Clock
) -> None:
    for times in (1, 2):
        clock.move(200)
        alive(ready)
        service.audit(ready)
        tick(ready)
        clock.move(1)
        service.audit(ready)
        assert findings(ready) == []
        assert [text.endswith("started again") for text in texts(only(ready), "audit")] == [True] * times


def test_what_goes_on_after_it_was_started_again_is_not_paged_for(ready: Context, clock: Clock) -> None:
    clock.move(290)
    alive(ready)
    run(ready, service.audit(ready))
    clock.move(31)
    tick(ready)
    alive(ready)
    service.audit(ready)
    assert not any("the next level is paged" in text for text in texts(only(ready), "audit"))


@pytest.mark.parametrize(
    ("broken", "case"),
    [
        ({"due_at": None}, "it has no next check"),
        ({"next_level_at": None}, "nobody has acknowledged it, and nobody would be paged"),
    ],
)
def test_an_incident_that_would_be_forgotten_is_found_and_goes_on(
    ready: Context, clock: Clock, broken: dict[str, object], case: str
) -> None:
    change(ready, **broken)
    run(ready, service.audit(ready))
    assert case in findings(ready)
    body = only(ready)
    assert body["escalation"]["next_level_at"] is not None
    clock.move(10)
    alive(ready)
    tick(ready)
    service.audit(ready)
    assert findings(ready) == []


def test_a_page_that_reached_nobody_goes_to_the_next_level(ready: Context) -> None:
    with ready.write() as session:
        session.query(NotificationRow).update({"state": "failed", "due_at": None})
    service.audit(ready)
    assert "its last page reached nobody" in findings(ready)
    assert paged(ready)[-1] == "seniors"


def test_a_part_that_has_not_run_is_found(ready: Context, clock: Clock) -> None:
    clock.move(5)
    tick(ready)
    heartbeat.beat(ready.redis, "alert_manager", "ok", ready.now() - 1000)
    service.audit(ready)
    assert findings(ready) == ["alert_manager ran 1000 s ago"]


def test_a_record_that_was_tampered_with_is_found(ready: Context) -> None:
    service.audit(ready)
    service.note(ready, 1, "dana", "true")
    with ready.write() as session:
        session.execute(text("UPDATE incident_entry SET text = 'false' WHERE kind = 'note'"))
    service.audit(ready)
    assert [finding.endswith("of the record was changed") for finding in findings(ready)] == [True]


def test_the_heartbeat_goes_out_after_a_clean_audit_only(ready: Context, endpoint: Endpoint, clock: Clock) -> None:
    arguments = {"MEMMON_HOME": str(ready.settings.home), "MEMMON_HEARTBEAT_URL": f"{endpoint.url}/alive"}
    ready.settings = ready.settings.model_copy(update={"heartbeat_url": load_settings(arguments).heartbeat_url})
    service.audit(ready)
    assert endpoint.paths().count("POST /alive") == 1
    clock.move(60)
    alive(ready)
    service.audit(ready)
    assert endpoint.paths().count("POST /alive") == 1
    tick(ready)
    alive(ready)
    endpoint.status = 500
    service.audit(ready)
    assert heartbeat.read(ready.redis)[auditor.COMPONENT]["status"] == "failed"
    names = {dict(entry.labels)["__name__"] for entry in counters.read(ready.redis)}
    assert {"memmon_heartbeats_failed_total", "memmon_audits_total", "memmon_audit_findings_total"} <= names
