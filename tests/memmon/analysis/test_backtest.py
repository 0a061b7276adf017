from __future__ import annotations

from typing import Any

import pytest
import yaml

from memmon import labels as label_sets
from memmon.alerts import service as alerts
from memmon.analysis.backtest import backtest
from memmon.config.routes import Routes
from memmon.config.rules import RuleFile
from memmon.context import Context
from memmon.errors import BadInput
from memmon.metrics import service as metrics
from memmon.samples import Sample
from tests.conftest import Clock

RULES = """
groups:
- name: g
  rules:
  - {alert: hot, expr: heat > 80, for: 2m, labels: {severity: critical, of: '{{ $labels.instance }}'}}
  - {record: 'heat:max', expr: max(heat)}
  - {alert: recorded, expr: 'heat:max > 90'}
  - {alert: watched, expr: 'ALERTS{alertname="hot", alertstate="firing"}'}
  - {alert: broken, expr: 'heat + on () group_left () heat'}
"""
ROUTES = "{route: {receiver: team, group_wait: 0s, group_by: [alertname]}, receivers: [{name: team}]}"


def lived(ctx: Context, clock: Clock, values: list[float]) -> None:
    """Measure once a minute."""
    for value in values:
        for instance, heat in (("a", value), ("b", 1.0)):
            sample = Sample(label_sets.of(__name__="heat", instance=instance), heat)
            metrics.ingest(ctx, f"heat-{instance}", [sample], {}, clock.now, 60)
        clock.move(60)


def run(ctx: Context, seconds: float = 900) -> dict[str, Any]:
    rules = RuleFile.model_validate(yaml.safe_load(RULES))
    return backtest(ctx, rules, seconds, Routes.model_validate(yaml.safe_load(ROUTES)))


def test_it_says_when_rules_would_have_fired_and_who_would_have_been_told(sqlite_ctx: Context, clock: Clock) -> None:
    lived(sqlite_ctx, clock, [1, 1, 90, 90, 95, 90, 1, 1, 90, 1, 1, 1])
    alerts.raise_event(sqlite_ctx, "hot", "critical", {}, {}, 60)
    actual = run(sqlite_ctx)
    by_name = {entry["name"]: entry for entry in actual["rules"]}
    [firing] = by_name["hot"]["list"]
    assert (firing["from"], firing["to"]) == ("2026-01-01T00:04:00.000Z", "2026-01-01T00:06:00.000Z")
    assert firing["labels"] == {"alertname": "hot", "instance": "a", "of": "a", "severity": "critical"}
    assert (by_name["hot"]["firings"], by_name["hot"]["firing_seconds"], by_name["hot"]["really_fired"]) == (1, 120, 1)
    assert by_name["recorded"]["firings"] == 1
    assert by_name["watched"]["firings"] == 1
    assert "group" in by_name["broken"]["error"] or by_name["broken"]["error"]
    received = actual["notifications"]
    assert received["by_receiver"] == {"team": received["total"]}
    assert received["list"][0]["reason"] == "first notification"


@pytest.mark.parametrize("seconds", [0, 59, 31 * 86400])
def test_a_time_that_cannot_be_looked_at_is_refused(sqlite_ctx: Context, seconds: float) -> None:
    with pytest.raises(BadInput, match="since"):
        run(sqlite_ctx, seconds)
