"""Every default rule over data for which it must hold, and over data for which it must not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from memmon import labels
from memmon.config import DEFAULTS
from memmon.config.document import read
from memmon.config.rules import RuleFile
from memmon.promql.query import Query
from memmon.samples import Point, Series
from tests.memmon.promql.memory import Memory

RULES = {rule.alert: rule for group in read(DEFAULTS / "rules.yml", RuleFile).groups for rule in group.rules}
END = 600
ONE = {"job": "memmimic", "instance": "one"}

Value = Callable[[float], float]


class Data(Memory):
    """Ten minutes of samples, one every ten seconds."""

    def add(self, name: str, value: Value | float, begins: float = 0, **pairs: str) -> Data:
        times = np.arange(begins, END + 1, 10)
        values = [value(float(at)) if callable(value) else value for at in times]
        key = labels.of(ONE | pairs | {"__name__": name})
        self.series.append(Series(key, (times * 1000).astype(np.int64), np.array(values, dtype=float)))
        return self


def queries(per_second: dict[str, float]) -> Data:
    """Queries a second that took up to each bound, cumulative."""
    data = Data()
    for bound, speed in per_second.items():
        data.add("memmimic_db_query_duration_seconds_bucket", lambda at, speed=speed: at * speed, le=bound)  # type: ignore[misc]
    return data


QUICK = {"0.1": 9.0, "1": 10.0, "5": 10.0, "10": 10.0, "+Inf": 10.0}
SLOW = {"0.1": 1.0, "1": 2.0, "5": 9.9, "10": 10.0, "+Inf": 10.0}
CRAWLING = {"0.1": 0.0, "1": 0.0, "5": 1.0, "10": 10.0, "+Inf": 10.0}


def gauge(name: str, value: float) -> Data:
    return Data().add(name, value)


def errors(a_minute: float, component: str = "api") -> Data:
    return Data().add("memmimic_errors_total", lambda at: 7 + at * a_minute / 60, component=component)


def latency(case: str, mean: float, p95: float | None = 0.2, mad: float = 0.01) -> Data:
    """Ten operations a second of a mean latency, where so much is usual."""
    data = Data()
    data.add(f"memmimic_{case}_duration_seconds_sum", lambda at: at * 10 * mean)
    data.add(f"memmimic_{case}_duration_seconds_count", lambda at: at * 10)
    if p95 is not None:
        for stat, value in (("p95", p95), ("mad", mad), ("median", 0.1)):
            data.add("memmimic_baseline", value, metric=f"memmimic_{case}_latency_seconds", stat=stat)
    return data


def counter(name: str, a_minute: float, begins: float = 0, **pairs: str) -> Data:
    """A counter that is 1 at first."""
    return Data().add(name, lambda at: 1 + (at - begins) * a_minute / 60, begins, **pairs)


CASES: dict[str, tuple[Data, Data]] = {
    "high_memory_usage": (gauge("memmimic_memory_usage_percent", 80.1), gauge("memmimic_memory_usage_percent", 80)),
    "critical_memory_usage": (gauge("memmimic_memory_usage_percent", 96), gauge("memmimic_memory_usage_percent", 95)),
    "low_health_score": (gauge("memmimic_health_score", 0.69), gauge("memmimic_health_score", 0.7)),
    "health_score_critical": (gauge("memmimic_health_score", 0.49), gauge("memmimic_health_score", 0.5)),
    "target_down": (gauge("up", 0), gauge("up", 1)),
    "database_slow": (queries(SLOW), queries(QUICK)),
    "database_very_slow": (queries(CRAWLING), queries(SLOW)),
    "database_pool_exhausted": (
        gauge("memmimic_db_connections_active", 8).add("memmimic_db_connections_max", 8),
        gauge("memmimic_db_connections_active", 7).add("memmimic_db_connections_max", 8),
    ),
    "database_errors_rising": (errors(3, "database"), errors(3, "api")),
    "high_error_rate": (errors(3), errors(1)),
    "search_latency_unusual": (latency("search", 0.24), latency("search", 0.22)),
    "storage_latency_unusual": (latency("storage", 0.24), latency("storage", 0.22)),
    "low_cache_hit_rate": (gauge("memmimic_cache_hit_rate", 0.84), gauge("memmimic_cache_hit_rate", 0.85)),
    "memmon_notifications_failed": (
        counter("memmon_notifications_failed_total", 0.2, channel="email"),
        counter("memmon_notifications_failed_total", 0, channel="email"),
    ),
    "memmon_work_given_up": (
        counter("memmon_dead_letters_total", 0.2, task="incidents.act"),
        counter("memmon_dead_letters_total", 0, task="incidents.act"),
    ),
    "memmon_rule_failing": (
        counter("memmon_rule_failures_total", 4, rule="a"),
        counter("memmon_rule_failures_total", 0, rule="a"),
    ),
    "memmon_audit_failing": (
        counter("memmon_audits_total", 1, result="findings"),
        counter("memmon_audits_total", 1, result="clean"),
    ),
    "memmon_heartbeat_failing": (
        counter("memmon_heartbeats_failed_total", 1),
        counter("memmon_heartbeats_failed_total", 0.1),
    ),
    "memmon_calendar_failing": (
        counter("memmon_calendars_failed_total", 1, schedule="primary"),
        counter("memmon_calendars_failed_total", 0.5, schedule="primary"),
    ),
    "memmon_work_waiting": (
        Data().add("memmon_queue_oldest_seconds", 61, queue="alerts"),
        Data().add("memmon_queue_oldest_seconds", 60, queue="alerts"),
    ),
}


def ask(name: str, data: Data) -> list[Point]:
    return Query(RULES[name].expr, data, END, END).instant(END)


def test_every_default_rule_has_a_case() -> None:
    assert RULES.keys() == CASES.keys()


@pytest.mark.parametrize("name", CASES)
def test_a_default_rule_holds_for_the_instance_that_it_is_about(name: str) -> None:
    [point] = ask(name, CASES[name][0])
    about = dict(point.labels)
    assert {label: about[label] for label in ONE} == ONE


@pytest.mark.parametrize("name", CASES)
def test_a_default_rule_does_not_hold_where_all_is_well(name: str) -> None:
    assert ask(name, CASES[name][1]) == []


@pytest.mark.parametrize("name", CASES)
def test_a_default_rule_does_not_hold_without_data(name: str) -> None:
    assert ask(name, Data()) == []


def test_a_database_that_nobody_asks_is_not_slow() -> None:
    assert ask("database_slow", queries(dict.fromkeys(SLOW, 0.0))) == []


def test_a_restart_counts_no_error_twice() -> None:
    after_restart = Data().add("memmimic_errors_total", lambda at: 1000 if at < 450 else 2, component="api")
    assert ask("high_error_rate", after_restart) == []


def test_the_first_sample_of_a_counter_is_no_increase() -> None:
    assert ask("high_error_rate", Data().add("memmimic_errors_total", 500, begins=END, component="api")) == []
    assert ask("high_error_rate", Data().add("memmimic_errors_total", 500, begins=END - 60, component="api")) == []


@pytest.mark.parametrize("case", ["search", "storage"])
def test_a_latency_is_not_unusual_where_nobody_knows_what_is_usual_or_where_it_is_short(case: str) -> None:
    assert ask(f"{case}_latency_unusual", latency(case, 9.0, p95=None)) == []
    assert ask(f"{case}_latency_unusual", latency(case, 0.04, p95=0.001, mad=0.0001)) == []


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("memmon_notifications_failed", "memmon_notifications_failed_total"),
        ("memmon_work_given_up", "memmon_dead_letters_total"),
    ],
)
def test_the_first_failure_of_all_is_seen_and_forgotten_after_ten_minutes(name: str, of: str) -> None:
    [point] = ask(name, counter(of, 0, begins=END - 60))
    assert point.value == 1
    assert ask(name, counter(of, 0, begins=-10)) == []
