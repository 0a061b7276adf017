from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from memmon.alerts import service as alerts
from memmon.cli.alerts import explained
from memmon.context import Context
from memmon.errors import NotFound
from memmon.notify import service
from memmon.promql.matcher import Matcher
from memmon.routing import maintenance
from memmon.routing import service as routing
from tests.conftest import Clock
from tests.memmon.notify.conftest import Hook

Configure = Callable[..., Context]


@pytest.fixture
def ready(configure: Configure, hook: Hook) -> Context:
    return configure(
        routes=f"""
route: {{receiver: team, group_wait: 5s, group_interval: 30s}}
receivers: [{{name: team, webhook_configs: [{{url: '{hook.url}'}}]}}]
"""
    )


def fire(ctx: Context, name: str = "trouble") -> int:
    alerts.raise_event(ctx, name, "warning", {"n": "1"}, {"summary": "it is bad"}, 86400)
    return int(alerts.firing(ctx)[-1]["id"])


def tick(ctx: Context) -> None:
    for job in service.flush(ctx):
        service.deliver(ctx, *job.args)


def verdict(ctx: Context, index: int) -> list[str]:
    return list(service.explain(ctx, index)["verdict"])


def test_the_way_of_an_alert_that_was_told_is_all_there(ready: Context, clock: Clock) -> None:
    index = fire(ready)
    assert verdict(ready, index) == ["It is in no group yet: the next tick places it."]
    tick(ready)
    assert verdict(ready, index) == [
        "team was not notified: the alert waits until 2026-01-01T00:00:05.000Z for others of its group."
    ]
    clock.move(5)
    tick(ready)
    alerts.resolve(ready, index, "dana")
    clock.move(30)
    tick(ready)
    actual: dict[str, Any] = service.explain(ready, index)
    assert actual["verdict"] == [
        "team was notified at 2026-01-01T00:00:05.000Z by webhook[0] (first notification), "
        "then at 2026-01-01T00:00:35.000Z by webhook[0] (all alerts resolved)."
    ]
    [group] = actual["groups"]
    assert [(entry["state"], entry["channels"]) for entry in group["decisions"]] == [
        ("firing", {"webhook[0]": "first notification"}),
        ("resolved", {"webhook[0]": "all alerts resolved"}),
    ]
    assert [a["answer"] for entry in group["messages"] for a in entry["attempts"]] == ["200 <said>"] * 2
    assert actual["rule"] == {"source": "detector", "id": "detector/trouble"}
    lines = explained(actual)
    assert lines[0] == f"Alert {index} trouble: resolved, since 2026-01-01T00:00:00.000Z"
    assert any("200 <said>" in line for line in lines)


def test_why_nobody_was_paged_is_said_of_each_thing_that_kept_it_back(ready: Context, clock: Clock) -> None:
    index = fire(ready)
    routing.silence(ready, [Matcher("n", "=", "1")], 600, "dana", "known")
    maintenance.plan(ready, "works", [Matcher("n", "=", "1")], {"duration": 300}, "kim")
    clock.move(5)
    tick(ready)
    assert verdict(ready, index) == [
        "team was not notified: silenced by dana: known; in the maintenance window works.",
        "Now: silenced by dana: known, until 2026-01-01T00:10:00.000Z.",
        "Now: in the maintenance window works, until 2026-01-01T00:05:00.000Z.",
    ]
    alerts.resolve(ready, index, "dana")
    clock.move(3600)
    tick(ready)
    assert verdict(ready, index) == ["team was not notified: silenced by dana: known; in the maintenance window works."]


def test_a_receiver_that_cannot_be_reached_is_named_with_its_answer(ready: Context, hook: Hook, clock: Clock) -> None:
    index = fire(ready)
    clock.move(5)
    hook.answers = [(503, {}), (404, {})]
    tick(ready)
    assert verdict(ready, index) == ["team is being notified by webhook[0]; 1 attempts so far: 503 <said>."]
    clock.move(10)
    tick(ready)
    assert verdict(ready, index) == ["team could not be notified by webhook[0]: 404 <said>."]


def test_an_acknowledged_alert_says_why_it_is_not_repeated(ready: Context, clock: Clock) -> None:
    index = fire(ready)
    clock.move(5)
    tick(ready)
    alerts.acknowledge(ready, index, "dana")
    clock.move(5 * 3600)
    tick(ready)
    decisions = service.explain(ready, index)["groups"][0]["decisions"]
    assert decisions[-1]["channels"] == {"webhook[0]": "acknowledged"}


def test_flushes_that_decide_the_same_are_one_entry(ready: Context, clock: Clock) -> None:
    index = fire(ready)
    for _ in range(4):
        clock.move(30)
        tick(ready)
    decisions = service.explain(ready, index)["groups"][0]["decisions"]
    assert [(decision["channels"]["webhook[0]"], decision["count"]) for decision in decisions] == [
        ("first notification", 1),
        ("nothing new", 3),
    ]


def test_an_alert_that_is_not_there_has_no_explanation(ready: Context) -> None:
    with pytest.raises(NotFound, match="no alert 99"):
        service.explain(ready, 99)
