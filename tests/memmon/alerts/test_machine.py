from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memmon import labels as label_sets
from memmon.alerts import machine
from memmon.alerts.machine import Active
from memmon.alerts.rule import AlertRule
from memmon.errors import BadQuery
from memmon.labels import Labels
from memmon.samples import Point

A, B = label_sets.of(instance="a"), label_sets.of(instance="b")


def rule(hold: float = 0, keep: float = 0, labels: dict[str, str] | None = None) -> AlertRule:
    return AlertRule("g/trouble", "g", "trouble", "x > 1", hold, keep, labels or {}, {})


def alert_of(series: Labels) -> Labels:
    return machine.identity(rule(), series)


class Run:
    """A rule over time: `at(t, series...)` steps it and returns the states that were entered."""

    def __init__(self, rule: AlertRule):
        self.rule = rule
        self.active: dict[Labels, Active] = {}

    def at(self, now: float, *holding: Labels, value: float = 2.0) -> list[str | None]:
        stored = machine.holding(self.rule, [Point(series, value) for series in holding])
        self.active, created = machine.step(self.rule, self.active, stored, now)
        return [entry.after for entry in created]


def test_without_for_an_alert_fires_at_once() -> None:
    run = Run(rule())
    assert run.at(0, A) == ["firing"]
    assert run.at(10, A) == []
    assert run.at(20) == ["resolved"]
    assert run.active == {}


def test_with_for_an_alert_fires_once_the_condition_has_held_so_long() -> None:
    run = Run(rule(hold=60))
    assert run.at(0, A) == ["pending"]
    assert run.at(59.9, A) == []
    assert run.at(60, A) == ["firing"]
    [alert] = run.active.values()
    assert (alert.pending_at, alert.firing_at) == (0, 60)


def test_a_gap_while_pending_starts_the_hold_again() -> None:
    run = Run(rule(hold=60))
    run.at(0, A)
    assert run.at(30) == [None]
    assert run.at(40, A) == ["pending"]
    assert run.at(60, A) == []
    assert run.at(100, A) == ["firing"]


def test_a_firing_alert_is_kept_for_as_long_as_the_rule_says_after_its_condition_ended() -> None:
    run = Run(rule(keep=60))
    run.at(0, A)
    assert run.at(10) == []
    assert run.at(69.9) == []
    assert run.at(70) == ["resolved"]


def test_a_condition_that_comes_back_meanwhile_starts_that_time_again() -> None:
    run = Run(rule(keep=60))
    run.at(0, A)
    run.at(10)
    assert run.at(50, A) == []
    assert run.at(60) == []
    assert run.at(119) == []
    assert run.at(120) == ["resolved"]


def test_an_alert_that_fires_anew_after_its_end_waits_again() -> None:
    run = Run(rule(hold=10))
    run.at(0, A)
    run.at(10, A)
    run.at(20)
    assert run.at(30, A) == ["pending"]


def test_each_series_is_an_alert_of_its_own() -> None:
    run = Run(rule(hold=60))
    assert run.at(0, A) == ["pending"]
    assert run.at(30, A, B) == ["pending"]
    assert run.at(60, A, B) == ["firing"]
    assert run.at(90, B) == ["firing", "resolved"]


def test_the_alert_has_the_labels_of_its_series_with_those_of_the_rule_over_them() -> None:
    series = label_sets.of(__name__="up", instance="a", severity="none", alertname="other")
    identity = machine.identity(rule(labels={"severity": "critical"}), series)
    assert dict(identity) == {"alertname": "trouble", "instance": "a", "severity": "critical"}


def test_two_series_that_would_be_one_alert_are_an_error() -> None:
    both = [Point(label_sets.of(__name__=name, instance="a"), 1) for name in ("x", "y")]
    with pytest.raises(BadQuery, match=r'two series make one alert, \{alertname="trouble",instance="a"\}'):
        machine.holding(rule(), both)
    with pytest.raises(BadQuery):
        machine.holding(rule(labels={"instance": "all"}), [Point(A, 1), Point(B, 1)])


def test_a_value_that_is_no_number_holds_and_is_kept() -> None:
    run = Run(rule())
    assert run.at(0, A, value=math.nan) == ["firing"]
    assert math.isnan(run.active[alert_of(A)].value)
    assert run.at(1, A, value=3) == []
    assert run.active[alert_of(A)].value == 3


times = st.lists(
    st.tuples(st.floats(0.1, 100), st.sets(st.sampled_from([A, B]))), min_size=1, max_size=30
)  # How long after the one before, and for which series the condition holds.


@given(times, st.sampled_from([0.0, 5.0, 60.0]), st.sampled_from([0.0, 30.0]))
def test_states_follow_each_other_and_hold_counts_time(
    steps: list[tuple[float, set[Labels]]], hold: float, keep: float
) -> None:
    run = Run(rule(hold, keep))
    state: dict[Labels, str | None] = {alert_of(A): None, alert_of(B): None}
    since: dict[Labels, float] = {}
    allowed: dict[str | None, set[str | None]] = {
        None: {"pending", "firing"},
        "pending": {"firing", None},
        "firing": {"resolved"},
    }
    now = 0.0
    for gap, holding in steps:
        now += gap
        stored = machine.holding(run.rule, [Point(series, 1.0) for series in sorted(holding)])
        for labels in state:
            since = {**since, labels: since.get(labels, now)} if labels in stored else since
        run.active, created = machine.step(run.rule, run.active, stored, now)
        for entry in created:
            labels = entry.alert.labels
            assert state[labels] == entry.before
            assert entry.after in allowed[state[labels]]
            state[labels] = None if entry.after == "resolved" else entry.after
            if entry.after == "firing":
                assert now - since[labels] >= hold
        for labels in state:
            assert (labels in run.active) == (state[labels] is not None)
            if labels not in stored:
                since.pop(labels, None)
                assert state[labels] != "pending"
            elif now - since[labels] >= hold:
                assert state[labels] == "firing"
