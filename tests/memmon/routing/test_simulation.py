from __future__ import annotations

import yaml

from memmon import labels as label_sets
from memmon.config.routes import Routes
from memmon.routing import route, simulation
from memmon.routing.simulation import AlertEvent
from memmon.settings import load

SETTINGS = load({"MEMMON_HOME": "/nowhere"})
HOUR = 3600.0
ROUTES = """
route:
  receiver: team
  group_by: [zone]
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 1h
  routes:
  - {matchers: ['night="yes"'], receiver: quiet, mute_time_intervals: [early]}
receivers: [{name: team}, {name: quiet}]
time_intervals: [{name: early, time_intervals: [{times: [{start_time: '00:00', end_time: '06:00'}]}]}]
inhibit_rules: [{source_matchers: [severity="critical"], target_matchers: [severity="info"], equal: [zone]}]
"""


def notices(*events: AlertEvent, until: float = 10 * HOUR) -> list[tuple[float, str, str]]:
    routes = Routes.model_validate(yaml.safe_load(ROUTES))
    rehearse = simulation.simulate(routes, route.tree(routes, SETTINGS), events, until)
    return [(entry.at, entry.receiver, entry.reason) for entry in rehearse]


def fires(at: float, index: int, **labels: str) -> AlertEvent:
    return AlertEvent(at, index, label_sets.of(zone="a", **labels), True)


def ends(at: float, index: int, **labels: str) -> AlertEvent:
    return AlertEvent(at, index, label_sets.of(zone="a", **labels), False)


def test_a_group_is_told_when_it_would_have_been() -> None:
    actual = notices(fires(0, 1), fires(10, 2), ends(400, 1), fires(500, 3), ends(8000, 2), ends(8000, 3))
    assert actual == [
        (30, "team", "first notification"),
        (630, "team", "new alerts added"),
        (630 + 13 * 300, "team", "repeat interval elapsed"),
        (8130, "team", "all alerts resolved"),
    ]


def test_what_ends_before_its_group_is_looked_at_tells_nobody() -> None:
    assert notices(fires(0, 1), ends(20, 1)) == []


def test_a_muted_route_is_told_once_its_interval_is_over() -> None:
    assert notices(fires(0, 1, night="yes")) == [(21630, "quiet", "first notification")] + [
        (21630 + n * 3900, "quiet", "repeat interval elapsed") for n in range(1, 4)
    ]


def test_an_inhibited_alert_is_told_once_its_source_has_ended() -> None:
    actual = notices(
        fires(0, 1, severity="critical"), fires(0, 2, severity="info"), ends(100, 1, severity="critical"), until=700
    )
    assert actual == [(30, "team", "first notification"), (330, "team", "new alerts added")]
