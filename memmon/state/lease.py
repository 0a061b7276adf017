"""Who may do it: leases and periods claimed with SET NX EX, so that a doubled tick does nothing."""

from __future__ import annotations

import math

from redis import Redis

from memmon.state import client, keys

EARLY = 0.1
"""The part of a period by which a tick may come before it."""


def claim(redis: Redis, name: str, seconds: float, holder: str = "1") -> bool:
    """Return True for the one caller that gets the lease `name` for `seconds`."""
    with client.edge():
        return bool(redis.set(keys.lease(name), holder, nx=True, px=max(1, round(seconds * 1000))))


def renew(redis: Redis, name: str, seconds: float) -> None:
    """Hold the lease `name` for `seconds` from now."""
    with client.edge():
        redis.pexpire(keys.lease(name), max(1, round(seconds * 1000)))


def release(redis: Redis, name: str) -> None:
    """Give the lease `name` back before its time."""
    with client.edge():
        redis.delete(keys.lease(name))


def claim_period(redis: Redis, name: str, seconds: float, now: float) -> bool:
    """Return True for the first caller in the period of `seconds` that holds `now`, see
    `claim_number`.
    """
    return claim_number(redis, name, seconds, now) is not None


def claim_number(redis: Redis, name: str, seconds: float, now: float) -> int | None:
    """Return the number of the period of `seconds` that holds `now` to the first caller in it, None
    to others.

    Ticks of Celery beat drift and can double; the period's number is the key, not the tick. One
    that comes a little before its period begins, since the one before was late, gets that period
    and not nothing.
    """
    period_index = math.floor(now / seconds)
    candidates = dict.fromkeys((period_index, math.floor(now / seconds + EARLY)))
    with client.edge():
        for candidate in candidates:
            if redis.set(keys.period(name, candidate), "1", nx=True, px=round(seconds * 2000)):
                return candidate
    return None
