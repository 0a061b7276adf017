from __future__ import annotations

from typing import Any

import pytest

from memmon.context import Context
from memmon.errors import BadInput, Conflict, NotFound
from memmon.promql.matcher import Matcher
from memmon.routing import maintenance
from tests.conftest import Clock

TEAM = Matcher("team", "=", "x")
NIGHTLY = {"kind": "cron", "cron": "0 2 * * *", "duration": 3600}


def plan(ctx: Context, arguments: dict[str, Any] = NIGHTLY, **extra: Any) -> dict[str, Any]:
    return maintenance.plan(ctx, "backup", [TEAM], arguments, "dana", **extra)


def holds(ctx: Context) -> list[str]:
    with ctx.read() as session:
        return [entry.name for entry in maintenance.in_force(session, ctx.now())]


def test_a_window_holds_while_it_is_its_time(ctx: Context, clock: Clock) -> None:
    created = plan(ctx)
    assert (created["state"], created["next"][0]["start"]) == ("planned", "2026-01-01T02:00:00.000Z")
    assert holds(ctx) == []
    clock.move(2 * 3600)
    assert holds(ctx) == ["backup"]
    assert maintenance.get(ctx, created["id"])["state"] == "active"
    clock.move(3600)
    assert holds(ctx) == []


def test_an_occurrence_is_ended_early_and_the_next_one_comes(ctx: Context, clock: Clock) -> None:
    index = plan(ctx)["id"]
    with pytest.raises(Conflict, match="does not hold now"):
        maintenance.end(ctx, index, "dana")
    clock.move(2.5 * 3600)
    ended = maintenance.end(ctx, index, "dana")
    assert holds(ctx) == []
    assert ended["next"][0]["start"] == "2026-01-02T02:00:00.000Z"
    clock.move(86400)
    assert holds(ctx) == ["backup"]


def test_a_window_that_needs_approval_holds_once_somebody_else_has_agreed(ctx: Context, clock: Clock) -> None:
    index = plan(ctx, needs_approval=True)["id"]
    clock.move(2 * 3600)
    assert holds(ctx) == []
    assert maintenance.get(ctx, index)["state"] == "awaiting approval"
    with pytest.raises(Conflict, match="a person other than dana"):
        maintenance.approve(ctx, index, "dana")
    assert maintenance.approve(ctx, index, "kim")["approved_by"] == "kim"
    assert holds(ctx) == ["backup"]
    with pytest.raises(Conflict, match="approved already"):
        maintenance.approve(ctx, index, "kim")


def test_a_window_that_is_over_or_cancelled_is_listed_no_more(ctx: Context, clock: Clock) -> None:
    plan(ctx, {"duration": 60})
    other = plan(ctx)["id"]
    assert len(maintenance.windows(ctx)) == 2
    clock.move(121)
    assert [window["id"] for window in maintenance.windows(ctx)] == [other]
    maintenance.cancel(ctx, other)
    assert maintenance.windows(ctx) == []
    with pytest.raises(NotFound):
        maintenance.cancel(ctx, other)


def test_what_would_mute_everything_or_never_come_is_refused(sqlite_ctx: Context, clock: Clock) -> None:
    with pytest.raises(BadInput, match="matchers"):
        maintenance.plan(sqlite_ctx, "a", [Matcher("team", "=~", ".*")], NIGHTLY, "dana")
    with pytest.raises(BadInput, match="name"):
        maintenance.plan(sqlite_ctx, "", [TEAM], NIGHTLY, "dana")
    with pytest.raises(BadInput, match="still to come"):
        plan(sqlite_ctx, {"start": clock.now - 7200, "duration": 3600})


def test_a_schedule_can_be_looked_at_before_it_is_planned(clock: Clock) -> None:
    preview = maintenance.preview(NIGHTLY, clock.now, 2)
    assert [entry["end"] for entry in preview] == ["2026-01-01T03:00:00.000Z", "2026-01-02T03:00:00.000Z"]
