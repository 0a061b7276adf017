from __future__ import annotations

import pytest

from memmon.alerts import service as alerts
from memmon.context import Context
from memmon.errors import BadInput, Conflict, NotFound
from memmon.promql.matcher import Matcher
from memmon.routing import alert_status, silences
from tests.conftest import Clock

TEAM = Matcher("team", "=", "x")


def test_a_silence_waits_holds_and_is_over(sqlite_ctx: Context, clock: Clock) -> None:
    created = silences.silence(sqlite_ctx, [TEAM], 60, "dana", "works", starts_at=clock.now + 10)
    assert created["matchers"] == [{"name": "team", "value": "x", "isRegex": False, "isEqual": True}]
    assert (created["startsAt"], created["endsAt"]) == ("2026-01-01T00:00:10.000Z", "2026-01-01T00:01:10.000Z")
    states = [created["status"]["state"]]
    for seconds in (10, 60):
        clock.move(seconds)
        states.append(silences.silences(sqlite_ctx)[0]["status"]["state"])
    assert states == ["pending", "active", "expired"]
    clock.move(3600)
    assert silences.silences(sqlite_ctx) == []


def test_the_alerts_that_are_muted_are_known_with_their_silences(sqlite_ctx: Context, clock: Clock) -> None:
    for team in ("x", "y"):
        alerts.raise_event(sqlite_ctx, "trouble", "warning", {"team": team}, {}, 600)
    muted = next(a["id"] for a in alerts.firing(sqlite_ctx) if a["labels"]["team"] == "x")
    created = silences.silence(sqlite_ctx, [Matcher("team", "=~", "x|z"), Matcher("n", "!=", "1")], 60, "dana", "")
    [(index, [stored])] = alert_status.suppressed(sqlite_ctx).items()
    assert (index, stored.kind, stored.by, stored.until) == (muted, "silence", created["id"], clock.now + 60)
    clock.move(60)
    assert alert_status.suppressed(sqlite_ctx) == {}


def test_a_silence_is_ended_once(sqlite_ctx: Context) -> None:
    created = silences.silence(sqlite_ctx, [TEAM], 60, "dana", "works")
    silences.expire_silence(sqlite_ctx, created["id"])
    assert silences.silences(sqlite_ctx)[0]["status"]["state"] == "expired"
    with pytest.raises(Conflict, match="has ended already"):
        silences.expire_silence(sqlite_ctx, created["id"])
    with pytest.raises(NotFound, match="no silence nonsense"):
        silences.expire_silence(sqlite_ctx, "nonsense")


@pytest.mark.parametrize(
    ("matchers", "seconds", "field"),
    [
        ([], 60, "matchers"),
        ([Matcher("team", "=~", ".*")], 60, "matchers"),
        ([Matcher("team", "!=", "x")], 60, "matchers"),
        ([Matcher("team", "=~", "(")], 60, "matchers"),
        ([TEAM], 0, "duration"),
        ([TEAM], 367 * 86400, "duration"),
        ([TEAM], float("nan"), "duration"),
    ],
)
def test_a_silence_that_would_mute_everything_or_for_ever_is_refused(
    sqlite_ctx: Context, matchers: list[Matcher], seconds: float, field: str
) -> None:
    with pytest.raises(BadInput) as caught:
        silences.silence(sqlite_ctx, matchers, seconds, "dana", "works")
    assert caught.value.field == field
