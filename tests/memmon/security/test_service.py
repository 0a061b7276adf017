from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest

from memmon import encode
from memmon.alerts import service as alerts
from memmon.context import Context
from memmon.errors import BadInput
from memmon.jobs import Job
from memmon.security import service, store
from memmon.state import counters
from tests.conftest import Clock

Configure = Callable[..., Context]
IP = "198.51.100.1"
ATTACK = {"q": "' OR '1'='1"}


def event(event_type: str = "auth_failure", source_ip: str | None = IP, **extra: Any) -> dict[str, Any]:
    return {"event_type": event_type, "source_ip": source_ip, **extra}


def record(ctx: Context, *events: Any) -> list[Job]:
    actual, jobs = service.record(ctx, list(events), "test")
    assert actual["refused"] == []
    return jobs


def kinds(ctx: Context) -> list[str]:
    """Return the types of all events, the oldest first."""
    return [entry["event_type"] for entry in reversed(service.overview(ctx)["recent_events"])]


def blocked(ctx: Context) -> list[str]:
    return [entry["subject"] for entry in service.overview(ctx)["blocked"]]


def raised(ctx: Context) -> list[tuple[str, str]]:
    return [(alert["name"], alert["labels"].get("source_ip", "")) for alert in alerts.firing(ctx)]


def test_five_failed_logins_within_fifteen_minutes_are_an_attack(ctx: Context, clock: Clock) -> None:
    for _ in range(4):
        assert record(ctx, event()) == []
        clock.move(225)
    assert (blocked(ctx), raised(ctx)) == ([], [])
    clock.move(-0.001)
    jobs = record(ctx, event(endpoint="/login", user="dana"))
    assert jobs == [Job("security.enforce"), Job("notify.tick"), Job("incidents.correlate")]
    assert kinds(ctx) == ["auth_failure"] * 5 + ["brute_force_attack"]
    assert blocked(ctx) == [IP]
    assert raised(ctx) == [("brute_force_attack", IP)]
    [alert] = alerts.firing(ctx)
    assert (alert["severity"], alert["annotations"]["action"]) == ("critical", "blocked for 3600 s")
    assert alert["annotations"]["endpoint"] == "/login"
    actual = service.overview(ctx)["recent_events"][0]
    assert (actual["user"], actual["severity"], actual["reporter"]) == ("dana", "critical", "detector")


def test_a_failure_that_is_too_old_counts_no_more(ctx: Context, clock: Clock) -> None:
    record(ctx, event())
    clock.move(900)
    record(ctx, *[event()] * 4)
    assert blocked(ctx) == []


def test_each_address_is_counted_by_itself_and_success_and_other_events_do_not_count(ctx: Context) -> None:
    record(ctx, *[event(source_ip=f"198.51.100.{n}") for n in range(1, 9)])
    record(ctx, *[event("auth_success")] * 5, *[event("unauthorized_access")] * 5, *[event(source_ip=None)] * 5)
    record(ctx, *[event()] * 3)
    assert blocked(ctx) == []
    record(ctx, event())
    assert blocked(ctx) == [IP]


def test_an_address_is_the_same_however_it_is_written(ctx: Context) -> None:
    spellings = (IP, f"::ffff:{IP}", "::ffff:c633:6401", f" {IP}", IP)
    record(ctx, *[event(source_ip=spelling) for spelling in spellings])
    assert blocked(ctx) == [IP]
    record(ctx, *[event(source_ip="2001:db8::1"), event(source_ip="2001:0DB8:0:0::1")] * 3)
    assert blocked(ctx) == [IP, "2001:db8::1"]


def test_an_attack_that_goes_on_is_one_until_its_window_is_over(ctx: Context, clock: Clock) -> None:
    record(ctx, *[event()] * 20)
    assert kinds(ctx).count("brute_force_attack") == 1
    clock.move(890)
    record(ctx, *[event()] * 5)
    assert kinds(ctx).count("brute_force_attack") == 1
    clock.move(11)
    record(ctx, event())
    assert kinds(ctx).count("brute_force_attack") == 2


def test_an_attack_that_is_reported_late_is_one_all_the_same(ctx: Context, configure: Configure) -> None:
    configure(detectors="detectors: [{name: brute_force_attack, threshold: 5, window: 15m, block_for: 30s}]")
    then = encode.iso(ctx.now() - 300)
    record(ctx, *[event(timestamp=then)] * 9)
    assert kinds(ctx).count("brute_force_attack") == 1


def test_two_failures_at_the_same_moment_see_each_other(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    record(ctx, *[event()] * 3)
    both, failures = Barrier(2), store.failures

    def together(*arguments: Any) -> list[float]:
        with suppress(BrokenBarrierError):
            both.wait(0.3)  # Both have written and neither has committed, if that can be.
        return failures(*arguments)

    monkeypatch.setattr(store, "failures", together)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: record(ctx, event()), range(2)))
    assert kinds(ctx).count("brute_force_attack") == 1


def test_failures_that_many_workers_record_at_once_are_one_attack_and_one_block(ctx: Context) -> None:
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda _: record(ctx, event()), range(5)))
    assert kinds(ctx).count("brute_force_attack") == 1
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda _: record(ctx, event()), range(10)))
    assert kinds(ctx).count("brute_force_attack") == 1
    assert len(service.overview(ctx)["restrictions"]) == 1
    assert len(alerts.firing(ctx)) == 1


def test_an_event_from_the_future_counts_as_now(ctx: Context) -> None:
    record(ctx, *[event(timestamp="2030-01-01T00:00:00Z")] * 5)
    assert blocked(ctx) == [IP]
    assert service.overview(ctx)["recent_events"][-1]["timestamp"] == "2026-01-01T00:00:00.000Z"


def test_an_attack_in_a_parameter_becomes_an_event_of_its_own(ctx: Context) -> None:
    record(ctx, event("api_abuse", params=ATTACK, endpoint="/search", method="GET"))
    assert kinds(ctx) == ["api_abuse", "injection_attempt"]
    assert blocked(ctx) == [IP]
    actual, cause = service.overview(ctx)["recent_events"]
    assert (actual["message"], actual["cause"]) == ("parameters look like sql injection", cause["id"])
    assert cause["findings"] == [{"family": "sql", "parameter": "q"}]
    assert (cause["params"], cause["method"], cause["reporter"]) == (ATTACK, "GET", "test")


def test_an_attack_that_is_reported_as_one_is_that_one(ctx: Context) -> None:
    record(ctx, event("injection_attempt", params=ATTACK))
    record(ctx, event("injection_attempt", source_ip="198.51.100.2", message="seen by a proxy"))
    record(ctx, event("brute_force_attack", source_ip="198.51.100.3"))
    assert kinds(ctx) == ["injection_attempt", "injection_attempt", "brute_force_attack"]
    assert blocked(ctx) == [IP, "198.51.100.2", "198.51.100.3"]


def test_an_attack_from_nowhere_is_told_and_blocks_nobody(ctx: Context) -> None:
    record(ctx, event("api_abuse", source_ip=None, params=ATTACK))
    assert (raised(ctx), blocked(ctx)) == ([("injection_attempt", "")], [])


def test_what_an_attacker_writes_makes_no_alert_of_its_own(ctx: Context) -> None:
    record(ctx, *[event("api_abuse", params=ATTACK, endpoint=f"/{n}") for n in range(5)])
    assert len(alerts.firing(ctx)) == 1


def test_the_text_of_a_memory_is_flagged_and_is_never_a_reason_to_block(ctx: Context) -> None:
    text = "how to write <script>alert(1)</script>"
    record(ctx, event("suspicious_activity", content=text))
    assert (kinds(ctx), blocked(ctx), raised(ctx)) == (["suspicious_activity"], [], [])
    assert service.overview(ctx)["recent_events"][0]["findings"] == [{"family": "xss", "parameter": "content"}]
    record(ctx, event("injection_attempt", content=text))
    assert (blocked(ctx), raised(ctx)) == ([], [("injection_attempt", IP)])
    record(ctx, event("injection_attempt", content=text, params=ATTACK))
    assert blocked(ctx) == [IP]


@pytest.mark.parametrize(
    ("source_ip", "reason"), [("127.0.0.1", "loopback"), ("10.0.0.1", "private"), ("203.0.113.9", "trusted proxy")]
)
def test_an_address_that_must_never_be_blocked_is_not_and_the_alert_says_so(
    configure: Configure, source_ip: str, reason: str
) -> None:
    ctx = configure(detectors="trusted_proxies: [203.0.113.0/24]")
    record(ctx, *[event(source_ip=source_ip)] * 5)
    assert blocked(ctx) == []
    [alert] = alerts.firing(ctx)
    assert reason in alert["annotations"]["action"]


def test_a_detector_that_is_off_finds_nothing_and_one_that_may_not_block_does_not(configure: Configure) -> None:
    ctx = configure(
        detectors="detectors: [{name: brute_force_attack, enabled: false}, {name: injection_attempt, block: false}]"
    )
    record(ctx, *[event()] * 9)
    assert kinds(ctx) == ["auth_failure"] * 9
    record(ctx, event("api_abuse", params=ATTACK))
    assert (blocked(ctx), raised(ctx)) == ([], [("injection_attempt", IP)])


def test_a_block_longer_than_there_may_be_is_as_long_as_it_may_be(configure: Configure) -> None:
    ctx = configure(detectors="detectors: [{name: injection_attempt, block_for: 52w}]")
    record(ctx, event("api_abuse", params=ATTACK))
    assert service.overview(ctx)["blocked"][0]["until"] == "2026-01-31T00:00:00.000Z"


def test_an_attack_is_kept_with_all_that_follows_from_it_or_not_at_all(
    sqlite_ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(store, "restrict", dies)
    with pytest.raises(RuntimeError):
        record(sqlite_ctx, event("api_abuse", params=ATTACK))
    assert kinds(sqlite_ctx) == []
    monkeypatch.undo()
    record(sqlite_ctx, event("api_abuse", params=ATTACK))
    assert (kinds(sqlite_ctx), blocked(sqlite_ctx)) == (["api_abuse", "injection_attempt"], [IP])


def test_events_are_kept_although_redis_is_away(make_ctx: Callable[..., Context], sqlite_ctx: Context) -> None:
    ctx = make_ctx(
        MEMMON_DATABASE_URL=sqlite_ctx.settings.database_address, MEMMON_REDIS_URL="unix:///nowhere/redis.sock"
    )
    record(ctx, event("auth_success"))
    assert kinds(ctx) == ["auth_success"]


def test_of_a_list_each_wrong_event_is_refused_by_its_index_and_the_others_are_kept(ctx: Context) -> None:
    actual, _ = service.record(ctx, [event(), {"event_type": "odd"}, event(source_ip="host"), event(), 7], "test")
    assert len(actual["ids"]) == 2
    assert [(entry["index"], entry["field"]) for entry in actual["refused"]] == [
        (1, "event_type"),
        (2, "source_ip"),
        (4, "event"),
    ]
    assert len(kinds(ctx)) == 2


def test_one_event_need_not_be_a_list_and_a_thousand_are_the_most(sqlite_ctx: Context) -> None:
    assert len(service.record(sqlite_ctx, event(), "test")[0]["ids"]) == 1
    with pytest.raises(BadInput, match="^events: more than 1000"):
        service.record(sqlite_ctx, [event()] * 1001, "test")


def test_hostile_text_is_kept_as_it_can_be(ctx: Context) -> None:
    long = "../" * 20_000
    hostile = "\x00\ud800<script>é'\"\u202e"
    record(
        ctx, event("api_abuse", params={"q": long, hostile: hostile}, message=hostile, user=hostile, endpoint=hostile)
    )
    cause = service.overview(ctx)["recent_events"][-1]
    assert {entry["family"] for entry in cause["findings"]} == {"path_traversal", "xss"}
    assert len(cause["params"]["q"]) == 8192
    assert cause["message"] == "\ufffd\ufffd<script>é'\"\u202e"


def test_the_overview_shows_the_newest_first_and_counts_a_day(ctx: Context, clock: Clock) -> None:
    record(ctx, event("auth_success"))
    clock.move(86401)
    record(ctx, event(), event("data_exfiltration"), event(severity="error"))
    actual = service.overview(ctx, limit=2)
    assert [entry["event_type"] for entry in actual["recent_events"]] == ["auth_failure", "data_exfiltration"]
    assert actual["summary"] == {
        "events_24h": 3,
        "events_by_type": {"auth_failure": 2, "data_exfiltration": 1},
        "events_by_severity": {"warning": 1, "critical": 1, "error": 1},
        "blocked": 0,
        "restrictions": 0,
    }


def test_events_are_counted_by_type_and_severity(sqlite_ctx: Context) -> None:
    record(sqlite_ctx, event("api_abuse", params=ATTACK), event(), event())
    name = "memmimic_security_events_total"
    actual = {
        (dict(s.labels)["type"], s.value) for s in counters.read(sqlite_ctx.redis) if dict(s.labels)["__name__"] == name
    }
    assert actual == {("api_abuse", 1), ("auth_failure", 2), ("injection_attempt", 1)}
