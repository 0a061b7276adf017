from typing import Any

import pytest

from memmon.analysis import component_status

UP = {"redis": {"status": "up", "reason": None}, "database": {"status": "up", "reason": None}}
WELL: dict[str, Any] = {
    "outside": UP,
    "components": {"alert_manager": {"status": "operational"}},
    "queues": [{"name": "alerts", "workers": ["respond@host"]}],
    "health": {"status": "healthy"},
    "alerts": {"alerts_by_severity": {"info": 3, "warning": 2, "error": 0, "critical": 0}},
}


@pytest.mark.parametrize(
    ("age", "interval", "expected"),
    [
        (0, 30, "operational"),
        (89, 30, "operational"),
        (91, 30, "late"),
        (299, 30, "late"),
        (301, 30, "down"),
        (14, 1, "operational"),
        (16, 1, "late"),
        (61, 1, "down"),
        (-5, 30, "operational"),
    ],
)
def test_a_part_is_judged_by_its_age_against_its_interval(age: float, interval: float, expected: str) -> None:
    component = component_status.component({"status": "ok", "last_run": 1000 - age}, interval, 1000)
    assert component["status"] == expected
    assert component["age"] == max(0, age)


def test_a_part_whose_last_run_failed_says_so_and_why() -> None:
    component = component_status.component({"status": "failed", "last_run": 1000, "error": "disk full"}, 30, 1001)
    assert (component["status"], component["detail"]) == ("failed", {"error": "disk full"})
    assert component["last_run"] == "1970-01-01T00:16:40.000Z"


def test_a_part_that_never_ran_is_unknown() -> None:
    assert component_status.component(None, 30, 1000)["status"] == "unknown"


def test_all_is_well_with_warnings() -> None:
    assert component_status.system(**WELL) == ("operational", [])


@pytest.mark.parametrize(
    ("changed", "status", "reason"),
    [
        ({"components": {"alert_manager": {"status": "late"}}}, "degraded", "alert_manager is late"),
        ({"queues": [{"name": "alerts", "workers": []}]}, "degraded", "no worker serves alerts"),
        ({"health": {"status": "degraded"}}, "degraded", "health is degraded"),
        ({"health": {"status": "unhealthy"}}, "degraded", "health is unhealthy"),
        ({"health": {}}, "degraded", "health is unknown"),
        ({"health": {"status": "critical"}}, "critical", "health is critical"),
        ({"alerts": {"alerts_by_severity": {"error": 1}}}, "degraded", "1 error alerts fire"),
        ({"alerts": {"alerts_by_severity": {"critical": 2}}}, "critical", "2 critical alerts fire"),
        ({"outside": {**UP, "redis": {"status": "down", "reason": "gone"}}}, "critical", "redis is down: gone"),
        ({"outside": {**UP, "database": {"status": "down", "reason": "gone"}}}, "critical", "database is down: gone"),
    ],
)
def test_what_is_wrong_decides_and_is_named(changed: dict[str, Any], status: str, reason: str) -> None:
    assert component_status.system(**{**WELL, **changed}) == (status, [reason])


def test_what_redis_would_tell_is_no_reason_of_its_own_while_it_is_away() -> None:
    away = {**UP, "redis": {"status": "down", "reason": "gone"}}
    unknown = {"alert_manager": {"status": "unknown"}}
    assert component_status.system(**{**WELL, "outside": away, "components": unknown, "queues": []})[1] == [
        "redis is down: gone"
    ]
