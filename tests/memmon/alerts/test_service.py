from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import pytest
from sqlalchemy.orm import Session

from memmon.alerts import service, store
from memmon.context import Context
from memmon.errors import BadInput, Conflict, NotFound
from memmon.jobs import Job
from tests.conftest import Clock
from tests.memmon.alerts.heat import FOLLOWS, HOT, Configure, measure, rules


def test_an_acknowledged_alert_stays_so_while_it_fires(hot: Context, clock: Clock) -> None:
    measure(hot, a=90)
    service.evaluate(hot)
    [alert] = service.firing(hot)
    body = service.acknowledge(hot, alert["id"], "dana", "on it")
    assert (body["status"], body["acknowledged_by"], body["comment"]) == ("acknowledged", "dana", "on it")
    clock.move(10)
    measure(hot, a=91)
    service.evaluate(hot)
    assert service.firing(hot)[0]["acknowledged_at"] == "2026-01-01T00:00:00.000Z"


def test_acknowledging_is_not_lost_to_an_evaluation_at_the_same_time(
    hot: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure(hot, a=90)
    service.evaluate(hot)
    swap = store.swap
    with ThreadPoolExecutor(1) as pool:

        def overtaken(session: Session, row_id: int, version: int, **values: Any) -> bool:
            if "acknowledged_at" in values:
                wait([pool.submit(service.evaluate, hot)], timeout=0.3)
            return swap(session, row_id, version, **values)

        monkeypatch.setattr(store, "swap", overtaken)
        service.acknowledge(hot, service.firing(hot)[0]["id"], "dana")
    assert service.firing(hot)[0]["status"] == "acknowledged"


def test_an_alert_that_is_resolved_by_hand_fires_anew_while_its_condition_holds(hot: Context, clock: Clock) -> None:
    measure(hot, a=90)
    service.evaluate(hot)
    [alert] = service.firing(hot)
    body, jobs = service.resolve(hot, alert["id"], "dana")
    assert (body["state"], body["comment"], jobs) == ("resolved", "resolved by dana", FOLLOWS)
    assert service.firing(hot) == []
    with pytest.raises(Conflict, match="is resolved, not firing"):
        service.resolve(hot, alert["id"], "dana")
    with pytest.raises(Conflict):
        service.acknowledge(hot, alert["id"], "dana")
    assert service.evaluate(hot) == FOLLOWS
    assert service.firing(hot)[0]["id"] != alert["id"]


def test_an_alert_that_nobody_knows_cannot_be_acknowledged(ctx: Context) -> None:
    with pytest.raises(NotFound, match="no alert 99"):
        service.acknowledge(ctx, 99, "dana")


def raised(ctx: Context, ttl: float = 60, **labels: str) -> list[Job]:
    return service.raise_event(ctx, "intrusion", "critical", labels, {"summary": "s"}, ttl)


def test_a_finding_fires_for_its_time_and_longer_when_it_is_raised_again(ctx: Context, clock: Clock) -> None:
    assert raised(ctx) == FOLLOWS
    clock.move(30)
    assert raised(ctx) == []
    assert raised(ctx, ttl=1) == []
    clock.move(59)
    service.evaluate(ctx)
    assert len(service.firing(ctx)) == 1
    clock.move(1)
    assert service.evaluate(ctx) == FOLLOWS
    assert service.firing(ctx) == []
    assert raised(ctx) == FOLLOWS
    assert service.overview(ctx)["summary"]["total_alerts"] == 2


def test_findings_of_other_labels_are_other_alerts(ctx: Context) -> None:
    raised(ctx, source_ip="192.0.2.1")
    raised(ctx, source_ip="192.0.2.2")
    raised(ctx, source_ip="192.0.2.2")
    assert [alert["labels"]["source_ip"] for alert in service.firing(ctx)] == ["192.0.2.1", "192.0.2.2"]


def test_a_finding_that_many_raise_at_once_is_one_alert(ctx: Context) -> None:
    with ThreadPoolExecutor(4) as pool:
        jobs = list(pool.map(lambda _: raised(ctx), range(8)))
    assert sorted(map(len, jobs)) == [0] * 7 + [2]
    assert len(service.firing(ctx)) == 1


def test_a_finding_is_no_alert_of_a_rule_of_the_same_name(configure: Configure) -> None:
    ctx = configure(rules="groups: [{name: detector, rules: [{alert: intrusion, expr: heat > 80}]}]")
    raised(ctx)
    service.evaluate(ctx)
    assert len(service.firing(ctx)) == 1


def test_what_fires_is_placed_once_for_each_set_of_routes(ctx: Context) -> None:
    raised(ctx)
    [entry] = service.unplaced(ctx, "a")
    assert (entry.flaps, entry.was_placed, dict(entry.labels)["alertname"]) == (0, False, "intrusion")
    with ctx.write() as session:
        service.mark_placed(session, [entry.id], "a")
    assert service.unplaced(ctx, "a") == []
    assert [again.was_placed for again in service.unplaced(ctx, "b")] == [True]


def test_an_acknowledgement_ends_with_its_time_or_by_hand(ctx: Context, clock: Clock) -> None:
    raised(ctx, ttl=7200)
    index = service.firing(ctx)[0]["id"]
    body = service.acknowledge(ctx, index, "dana", "looking", 600)
    assert (body["status"], body["acknowledged_until"]) == ("acknowledged", "2026-01-01T00:10:00.000Z")
    clock.move(599)
    service.evaluate(ctx)
    assert service.firing(ctx)[0]["status"] == "acknowledged"
    clock.move(1)
    service.evaluate(ctx)
    assert (service.firing(ctx)[0]["status"], service.firing(ctx)[0]["acknowledged_by"]) == ("open", None)
    service.acknowledge(ctx, index, "dana")
    assert service.unacknowledge(ctx, index)["status"] == "open"


@pytest.mark.parametrize("seconds", [0, -1, 31 * 86400])
def test_an_acknowledgement_for_no_time_or_for_ever_is_refused(sqlite_ctx: Context, seconds: float) -> None:
    raised(sqlite_ctx)
    with pytest.raises(BadInput, match="duration"):
        service.acknowledge(sqlite_ctx, 1, "dana", "", seconds)


def test_the_overview_counts_what_there_is(configure: Configure, clock: Clock) -> None:
    ctx = configure(rules=rules(HOT, "{alert: waiting, expr: heat > 80, for: 1h}"))
    measure(ctx, a=90, b=90)
    service.evaluate(ctx)
    clock.move(10)
    measure(ctx, a=90, b=1)
    service.evaluate(ctx)
    actual: dict[str, Any] = service.overview(ctx)
    assert actual["summary"] == {
        "total_alerts": 2,
        "active_alerts": 1,
        "pending_alerts": 1,
        "alerts_by_severity": {"info": 0, "warning": 0, "error": 0, "critical": 1},
        "alerts_resolved": 1,
        "alert_rules": 2,
    }
    assert [entry["labels"]["instance"] for entry in actual["active_alerts"]] == ["a"]
    assert [entry["labels"]["instance"] for entry in actual["alert_history"]] == ["b"]
    body = actual["alert_rules"][0]
    assert (body["name"], body["condition"], body["threshold"], body["duration"]) == ("hot", "> 80", 80, 0)
    assert body["last_evaluation"] == "2026-01-01T00:00:10.000Z"


def test_alerts_are_found_by_their_ids(ctx: Context) -> None:
    raised(ctx, source_ip="192.0.2.1")
    [alert] = service.firing(ctx)
    assert [by_id["id"] for by_id in service.by_ids(ctx, [alert["id"], 99])] == [alert["id"]]
    assert service.by_ids(ctx, []) == []


def test_a_label_set_has_one_active_alert_whatever_a_worker_tries(ctx: Context) -> None:
    raised(ctx)
    with ctx.write() as session:
        [row] = store.active_rows(session)
        values = {c.key: getattr(row, c.key) for c in row.__table__.columns if c.key != "id"}
        assert not store.insert(session, values)
        assert store.swap(session, row.id, row.version, state="firing")
        assert not store.swap(session, row.id, 1, state="resolved")
