"""Times per incident and over time, against the targets; the post-mortem with its charts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from memmon import labels as label_sets
from memmon.context import Context
from memmon.errors import BadInput, NotFound
from memmon.incidents import service
from memmon.incidents.tables import IncidentRow
from memmon.metrics import service as metrics
from memmon.samples import Sample
from memmon.state import counters
from tests.conftest import Clock
from tests.memmon.incidents.conftest import Endpoint
from tests.memmon.incidents.story import ESCALATION, PLAYBOOKS, ROUTES, end_alerts, fire, run, tick


@pytest.fixture
def ctx(sqlite_ctx: Context) -> Context:
    """What both databases do alike is shown on one of them."""
    return sqlite_ctx


@pytest.fixture
def ready(configure: Callable[..., Context], endpoint: Endpoint) -> Context:
    return configure(playbooks=PLAYBOOKS % endpoint.url, routes=ROUTES, escalation=ESCALATION)


def happen(ctx: Context, clock: Clock, instance: str, acknowledged_after: float) -> None:
    """Let an incident open, be acknowledged and close itself after 27 seconds."""
    fire(ctx, instance, ttl=20)
    run(ctx, service.correlate(ctx))
    index = service.listing(ctx, "open")["incidents"][0]["id"]
    clock.move(acknowledged_after)
    service.acknowledge(ctx, index, "dana")
    clock.move(21 - acknowledged_after)
    end_alerts(ctx, clock)
    tick(ctx)
    clock.move(6)
    tick(ctx)


def test_times_are_given_per_phase_and_against_the_target(ready: Context, clock: Clock) -> None:
    for instance, after in (("a", 4), ("b", 10), ("c", 16)):
        happen(ready, clock, instance, after)
    stats = service.stats(ready, 1)
    assert (stats["incidents"], stats["open"], stats["within_target"]) == (3, 0, 1.0)
    assert stats["times"]["acknowledge"] == {"count": 3, "mean": 10.0, "median": 10.0, "p90": 16.0, "worst": 16.0}
    assert stats["times"]["mitigate"]["worst"] == 0.0  # The stage that mitigates was done at once.
    assert stats["times"]["resolve"]["mean"] == 48.0
    assert list(stats["by_severity"]) == ["high"]
    assert list(stats["by_playbook"]) == ["test"]
    assert list(stats["by_day"]) == ["2026-01-01"]
    assert stats["actions"] == [{"action": "http", "done": 3, "attempts": 3, "taken_back": 0}]


def test_what_is_older_is_not_counted(ready: Context, clock: Clock) -> None:
    happen(ready, clock, "a", 4)
    clock.move(2 * 86400)
    assert service.stats(ready, 1)["incidents"] == 0
    assert service.stats(ready, 3)["incidents"] == 1
    with pytest.raises(BadInput, match="days"):
        service.stats(ready, 0)


def test_the_times_are_metrics_too(ready: Context, clock: Clock) -> None:
    happen(ready, clock, "a", 4)
    actual = {
        dict(entry.labels)["__name__"]: entry.value
        for entry in counters.read(ready.redis)
        if dict(entry.labels).get("le") is None
    }
    for phase in ("detect", "acknowledge", "mitigate", "resolve"):
        assert actual[f"memmon_incident_time_to_{phase}_seconds_count"] == 1
    assert actual["memmon_incident_time_to_acknowledge_seconds_sum"] == 4
    assert actual["memmon_incident_first_action_seconds_count"] == 1


def test_a_playbook_is_looked_back_on(ready: Context, clock: Clock) -> None:
    happen(ready, clock, "a", 4)
    service.begin(ready, "security_breach", {"source_ip": "203.0.113.9"}, "dana", dry_run=True)
    [entry] = service.playbook_history(ready, "test")
    assert (entry["title"], entry["times"]["acknowledge"], entry["actions"]) == ("Trouble of a", 4.0, {"done": 1})
    assert [entry["dry_run"] for entry in service.playbook_history(ready)] == [True, False]
    with pytest.raises(NotFound, match="no playbook nothing"):
        service.playbook_history(ready, "nothing")


def test_the_postmortem_has_pictures_of_what_was_measured(ready: Context, clock: Clock) -> None:
    for step in range(60):
        score = 0.3 if 20 < step < 40 else 0.9
        sample = Sample(label_sets.of(__name__="memmimic_health_score", instance="a", job="memmimic"), score)
        metrics.ingest(ready, "shard", [sample], {}, clock.now, 10)
        if step == 22:
            fire(ready, "a", ttl=200)
            run(ready, service.correlate(ready))
        clock.move(10)
    with ready.write() as session:
        row = session.get(IncidentRow, 1)
        assert row is not None
        row.labels = {**row.labels, "job": "memmimic"}
    charts = service.render(ready, 1)
    assert list(charts) == ["health-score"]
    assert "opened" in charts["health-score"]
    assert "![health score](/api/incidents/1/charts/health-score.svg)" in service.postmortem(ready, 1)
    text, files = service.postmortem_files(ready, 1)
    assert "![health score](INC-1-health-score.svg)" in text
    assert list(files) == ["INC-1-health-score.svg"]
    for heading in (
        "## Impact",
        "## Times",
        "## Notifications",
        "## What worked",
        "## What did not",
        "## Open questions",
    ):
        assert heading in text
