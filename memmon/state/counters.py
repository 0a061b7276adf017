"""Counters that survive a restart of memmon: a hash in Redis, kept by its append-only file."""

from __future__ import annotations

import bisect
import json
import threading
from collections.abc import Mapping, Sequence
from typing import cast

from redis import Redis, RedisError

from memmon import labels
from memmon.samples import Sample
from memmon.state import client, keys

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


def add(redis: Redis, name: str, pairs: Mapping[str, str] | None = None, by: float = 1) -> None:
    """Raise the counter `name`. A count is never worth failing the work it counts: Redis away loses
    it.
    """
    try:
        redis.hincrbyfloat(keys.counters(), _field(name, pairs), by)
    except RedisError:
        return


_kept: dict[str, float] = {}
_lock = threading.Lock()


def keep(name: str, by: float) -> None:
    """Increase the counter `name` for an outage of Redis itself: stored in memory until
    `settle`.
    """
    with _lock:
        _kept[name] = _kept.get(name, 0) + by


def settle(redis: Redis) -> None:
    """Add the stored increases to the counters, now that Redis answers."""
    if not _kept:
        return
    with _lock:
        unsent = dict(_kept)
        _kept.clear()
    for name, by in unsent.items():
        add(redis, name, by=by)


def observe(redis: Redis, name: str, pairs: Mapping[str, str] | None, seconds: float) -> None:
    """Add one observation to the histogram `name`, in the default buckets."""
    observe_all(redis, name, [seconds], pairs)


def observe_all(redis: Redis, name: str, seconds: Sequence[float], pairs: Mapping[str, str] | None = None) -> None:
    """Add some observations at once, in one round trip."""
    if not seconds:
        return
    pairs, durations = dict(pairs or {}), sorted(seconds)
    by_bound = {f"{upper:g}": bisect.bisect_right(durations, upper) for upper in BUCKETS} | {"+Inf": len(durations)}
    try:
        pipe = redis.pipeline(transaction=False)
        for upper, count in by_bound.items():
            if count:
                pipe.hincrbyfloat(keys.counters(), _field(f"{name}_bucket", pairs | {"le": upper}), count)
        pipe.hincrbyfloat(keys.counters(), _field(f"{name}_sum", pairs), sum(durations))
        pipe.hincrbyfloat(keys.counters(), _field(f"{name}_count", pairs), len(durations))
        pipe.execute()
    except RedisError:
        return


def read(redis: Redis) -> list[Sample]:
    """Return every counter as a sample without a time."""
    with client.edge():
        stored = cast("dict[bytes, bytes]", redis.hgetall(keys.counters()))
    return [Sample(tuple((k, v) for k, v in json.loads(field)), float(value)) for field, value in stored.items()]


def _field(name: str, pairs: Mapping[str, str] | None) -> str:
    return json.dumps(labels.of({**(pairs or {}), labels.NAME: name}))
