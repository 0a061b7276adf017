"""Whether a channel may be asked now: a rate limit that the operator set, and a circuit breaker
that opens by itself.

While Redis, which stores both, is away, every channel is tried: notifications matter more than
limits.

After `FAILURES` failures on end that might have passed, a channel is left alone, first for `FIRST`
seconds and twice as long each time, up to `LONGEST`. Then one message tries it: its success closes
the breaker.
"""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple, cast

from memmon.config.receivers import RateLimit
from memmon.context import Context
from memmon.errors import Transient
from memmon.state import client, keys

FAILURES = 5
FIRST, LONGEST = 15.0, 300.0
FORGET = 3600.0
"""Seconds after which failures that nothing followed are forgotten."""


class Closed(NamedTuple):
    """A channel must not be asked before `until` (Unix seconds), and why."""

    until: float
    reason: str


def closed(ctx: Context, receiver: str, channel: str, limit: RateLimit | None, now: float) -> Closed | None:
    """Return why the channel must wait, or None if it may send. A None counts against its rate, and
    for an open breaker as its trial.
    """
    with suppress(Transient):
        return _closed(ctx, f"{receiver}:{channel}", limit, now)
    return None


def _closed(ctx: Context, name: str, limit: RateLimit | None, now: float) -> Closed | None:
    with client.edge():
        failures, opened = _state(ctx, name)
        # Later than that it was by another clock.
        if failures >= FAILURES and opened <= now + LONGEST:
            until = opened + min(LONGEST, FIRST * 2.0 ** (failures - FAILURES))
            if now < until:
                return Closed(until, f"left alone after {failures} failures on end")
            if not ctx.redis.set(keys.breaker_trial(name), "1", nx=True, px=round(FIRST * 1000)):
                return Closed(now + FIRST, "another message tries whether it is back")
        if limit is None:
            return None
        window = int(now // limit.per)
        count = ctx.redis.incr(keys.rate(name, window))
        ctx.redis.expire(keys.rate(name, window), int(limit.per) + 60)
    if count <= limit.messages:
        return None
    return Closed((window + 1) * limit.per, f"more than {limit.messages} messages in {limit.per:g} s")


def _state(ctx: Context, name: str) -> tuple[int, float]:
    failures, opened = cast("list[bytes | None]", ctx.redis.hmget(keys.breaker(name), ["failures", "at"]))
    return int(failures or 0), float(opened or 0.0)


def note(ctx: Context, receiver: str, channel: str, outcome: str, now: float) -> None:
    """Record the outcome of an attempt: `sent` and `permanent` mean that the server answers."""
    name = f"{receiver}:{channel}"
    with suppress(Transient), client.edge():
        if outcome != "transient":
            ctx.redis.delete(keys.breaker(name), keys.breaker_trial(name))
            return
        ctx.redis.hincrby(keys.breaker(name), "failures", 1)
        ctx.redis.hset(keys.breaker(name), "at", str(now))
        ctx.redis.expire(keys.breaker(name), int(FORGET))
        ctx.redis.delete(keys.breaker_trial(name))


def is_open(ctx: Context, receiver: str, channel: str) -> bool:
    """Tell whether the breaker of a channel is open."""
    with client.edge():
        return _state(ctx, f"{receiver}:{channel}")[0] >= FAILURES
