from __future__ import annotations

from memmon.config.receivers import RateLimit
from memmon.context import Context
from memmon.notify import circuit_breaker
from tests.conftest import Clock


def may(ctx: Context, limit: RateLimit | None = None) -> bool:
    return circuit_breaker.closed(ctx, "team", "webhook[0]", limit, ctx.now()) is None


def fail(ctx: Context, times: int = 1) -> None:
    for _ in range(times):
        circuit_breaker.note(ctx, "team", "webhook[0]", "transient", ctx.now())


def test_a_channel_that_fails_on_end_is_left_alone_for_longer_each_time(sqlite_ctx: Context, clock: Clock) -> None:
    fail(sqlite_ctx, 4)
    assert may(sqlite_ctx)
    for seconds in (15, 30, 60, 120, 240, 300, 300):
        fail(sqlite_ctx)
        assert circuit_breaker.is_open(sqlite_ctx, "team", "webhook[0]")
        clock.move(seconds - 1)
        assert not may(sqlite_ctx)
        clock.move(1)
        assert may(sqlite_ctx)


def test_one_message_tries_whether_it_is_back(sqlite_ctx: Context, clock: Clock) -> None:
    fail(sqlite_ctx, 5)
    clock.move(15)
    assert [may(sqlite_ctx) for _ in range(3)] == [True, False, False]
    circuit_breaker.note(sqlite_ctx, "team", "webhook[0]", "sent", sqlite_ctx.now())
    assert [may(sqlite_ctx) for _ in range(3)] == [True, True, True]


def test_who_answers_that_a_message_is_wrong_is_not_away(sqlite_ctx: Context) -> None:
    fail(sqlite_ctx, 4)
    circuit_breaker.note(sqlite_ctx, "team", "webhook[0]", "permanent", sqlite_ctx.now())
    fail(sqlite_ctx)
    assert may(sqlite_ctx)


def test_what_is_over_the_rate_waits_for_the_next_stretch(sqlite_ctx: Context, clock: Clock) -> None:
    limit = RateLimit(messages=2, per=60)
    assert [may(sqlite_ctx, limit) for _ in range(3)] == [True, True, False]
    shut = circuit_breaker.closed(sqlite_ctx, "team", "webhook[0]", limit, clock.now)
    assert shut is not None
    assert (shut.until - clock.now, shut.reason) == (60, "more than 2 messages in 60 s")
    clock.move(60)
    assert may(sqlite_ctx, limit)
