from __future__ import annotations

from typing import Any

import pytest

from memmon.alerts import service as alerts
from memmon.analysis.rule_report import rule_report
from memmon.context import Context
from memmon.errors import BadInput
from tests.conftest import Clock


def fire(ctx: Context, name: str, labels: dict[str, str] | None = None) -> int:
    alerts.raise_event(ctx, name, "warning", labels or {}, {}, 86400)
    return int(alerts.firing(ctx)[-1]["id"])


def row(actual: dict[str, Any], name: str) -> dict[str, Any]:
    return next(entry for entry in actual["rules"] if entry["rule"] == f"detector/{name}")


def test_a_rule_is_told_by_what_it_fired_and_how_soon_somebody_cared(ctx: Context, clock: Clock) -> None:
    for seconds in (60, 120):
        index = fire(ctx, "noisy")
        clock.move(seconds)
        alerts.acknowledge(ctx, index, "dana")
        alerts.resolve(ctx, index, "dana")
    alerts.resolve(ctx, fire(ctx, "noisy"), "dana")
    actual = row(rule_report(ctx, 3600), "noisy")
    assert (actual["firings"], actual["flaps"], actual["seconds_to_acknowledge"]) == (3, 2, 90)
    assert actual["acknowledged_share"] == pytest.approx(2 / 3)
    assert actual["firing_share"] == pytest.approx(180 / 3600)


def test_what_always_fires_and_what_never_does_is_named(ctx: Context, clock: Clock) -> None:
    fire(ctx, "always", {"n": "1"})
    clock.move(3600)
    fire(ctx, "always", {"n": "2"})  # Two at once are no more than all of the time.
    clock.move(1800)
    actual = rule_report(ctx, 3600)
    assert actual["always_firing"] == ["detector/always"]
    assert row(actual, "always")["firing_share"] == 1
    assert "resources/high_memory_usage" in actual["never_fired"]


def test_what_ended_before_the_time_is_not_counted(ctx: Context, clock: Clock) -> None:
    alerts.resolve(ctx, fire(ctx, "old"), "dana")
    clock.move(7200)
    assert all(entry["rule"] != "detector/old" for entry in rule_report(ctx, 3600)["rules"])
    with pytest.raises(BadInput, match="since"):
        rule_report(ctx, 0)
