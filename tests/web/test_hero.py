from __future__ import annotations

from typing import Any

from memmon import encode
from web import hero

LOSS = {"check": "system_resources", "points": 0.2, "message": "memory 91 %; CPU 4 %"}


def health(status: str, *why: dict[str, Any]) -> dict[str, Any]:
    return {"status": status, "why": list(why), "total_checks": 5}


def firing(message: str, silences: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"active_alerts": [{"message": message, "held": silences}]}


def test_the_largest_loss_is_what_the_top_says() -> None:
    actual = hero.summarize_status(health("degraded", LOSS), firing("x"), [])
    assert actual == {"status": "degraded", "word": "Degraded", "text": "system resources: memory 91 %"}


def test_an_alert_is_told_where_all_checks_pass() -> None:
    assert (
        hero.summarize_status(health("healthy"), firing("queries are slow"), [])["text"]
        == "all checks pass, but queries are slow"
    )


def test_a_silenced_alert_is_not_told() -> None:
    actual = hero.summarize_status(health("healthy"), firing("queries are slow", ("id",)), [])
    assert actual["text"] == "all 5 checks pass and nothing is firing"


def test_before_the_first_round_nothing_is_claimed() -> None:
    assert hero.summarize_status(health("unknown"), None, [])["word"] == "Waiting"


def test_a_state_that_cannot_be_read_is_unknown_with_the_reason() -> None:
    actual = hero.summarize_status(None, None, ["redis: refused"])
    assert actual["status"] == "unknown"
    assert "redis: refused" in actual["text"]


def round_at(seconds: float, score: float) -> dict[str, Any]:
    return {"timestamp": encode.iso(seconds), "score": score}


def test_the_score_is_compared_with_the_oldest_round() -> None:
    past = [round_at(0, 0.96), round_at(600, 0.9), round_at(1200, 0.82)]
    assert hero.score_change(past, 0.82) == {"points": -14, "seconds": 1200.0}


def test_of_several_targets_the_worst_score_counts() -> None:
    past = [round_at(0, 0.96), round_at(0.4, 0.8), round_at(60, 0.9)]
    assert hero.score_change(past, 0.9) == {"points": 10, "seconds": 60.0}


def test_one_round_makes_no_change() -> None:
    assert hero.score_change([round_at(0, 0.9)], 0.9) is None
    assert hero.score_change([], None) is None


def bar(seconds: float, status: str) -> dict[str, Any]:
    return {"at": encode.iso(seconds), "status": status, "ms": 1.0}


def test_the_newest_check_is_at_the_right_and_a_missing_one_leaves_a_gap() -> None:
    rows = hero.history_bars([bar(0, "healthy"), bar(60, "degraded"), bar(180, "healthy")], 60, 185, 4)
    assert [(entry["slot"], entry["status"]) for entry in rows] == [(0, "healthy"), (1, "degraded"), (3, "healthy")]


def test_of_two_checks_in_a_slot_the_worst_is_shown_and_older_ones_are_left_out() -> None:
    rows = hero.history_bars([bar(0, "critical"), bar(61, "critical"), bar(62, "healthy")], 60, 70, 1)
    assert [(entry["slot"], entry["status"]) for entry in rows] == [(0, "critical")]


def incident(severity: str, next_at: float | None, acknowledged: str | None = None) -> dict[str, Any]:
    levels = [{"name": "a", "at": encode.iso(0)}, {"name": "b", "at": encode.iso(900)}]
    escalation = {"next_level_at": encode.iso(next_at), "levels": levels}
    return {"severity": severity, "acknowledged_at": acknowledged, "opened_at": encode.iso(0), "escalation": escalation}


def test_the_incident_that_pages_next_stands_first_among_the_gravest() -> None:
    taken, low = incident("critical", None, "2026-01-01T00:00:00Z"), incident("low", 10)
    soon, late = incident("critical", 100), incident("critical", 900)
    assert sorted([taken, late, low, soon], key=hero.urgency_key) == [soon, late, low, taken]


def test_a_wait_begins_with_the_level_before() -> None:
    assert hero.escalation_wait(incident("high", 1800), 1200) == {"began": 900.0, "whole": 900.0, "passed": 300.0}
    assert hero.escalation_wait(incident("high", None), 1200) is None


def event(message: str) -> dict[str, Any]:
    return {"event_type": "auth_failure", "source_ip": "a", "endpoint": "/", "message": message}


def test_events_that_repeat_one_another_are_one_line() -> None:
    folded = hero.collapse_repeats([event("x"), event("x"), event("y"), event("x")], 2)
    assert [(entry["message"], entry["times"]) for entry in folded] == [("x", 2), ("y", 1)]


def test_a_place_says_each_thing_once() -> None:
    assert hero.alert_location({"instance": "a", "job": "a", "severity": "error"}) == "a"
