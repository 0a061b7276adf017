"""memmon itself: its Redis, its queues, its workers, and what its processes counted."""

from __future__ import annotations

import json
from typing import Any, cast

from redis import Redis

from memmon import labels as label_sets
from memmon.collect.base import Collected, SampleSheet
from memmon.jobs import QUEUES
from memmon.samples import Metadata
from memmon.state import client, counters, keys

WORKER_LIFE = 20.0
"""Seconds after its last heartbeat for which a worker counts as alive."""


def collect(redis: Redis, now: float) -> Collected:
    """Return memmon's own metrics: memmon_*, and the memmimic_* metrics that it counts."""
    sheet = SampleSheet()
    with client.edge():
        info = redis.info()
    sheet.add("memmon_redis_memory_bytes", "Memory in use by Redis, in bytes", info["used_memory"])
    sheet.add("memmon_redis_clients", "Connections to Redis", info["connected_clients"])
    for name, depth, age in queues(redis, now):
        sheet.add("memmon_queue_depth", "Messages waiting in a queue", depth, queue=name)
        sheet.add("memmon_queue_oldest_seconds", "Age of a queue's oldest waiting message, in seconds", age, queue=name)
    alive = workers(redis, now)
    sheet.add("memmon_workers", "Workers with a recent heartbeat", len(alive))
    done = cast("bytes | None", redis.get(keys.rolled_up()))
    if done is not None:
        about = "Age of the newest minute that went into history, in seconds"
        sheet.add("memmon_rollup_lag_seconds", about, max(0.0, now - int(done)))
    for sample in counters.read(redis):
        name = label_sets.name_of(sample.labels)
        sheet.samples.append(sample)
        sheet.metadata |= _kind_of(name)
    return sheet.done()


def queues(redis: Redis, now: float) -> list[tuple[str, int, float]]:
    """Return name, messages waiting, and age of the oldest in seconds (0 when empty) of each
    queue.
    """
    queues = []
    with client.edge():
        for name in QUEUES:
            depth = redis.llen(keys.queue(name))
            oldest = cast("bytes | None", redis.lindex(keys.queue(name), -1)) if depth else None
            sent = json.loads(oldest)["headers"].get("sent_at", now) if oldest else now
            queues.append((name, depth, max(0.0, now - sent)))
    return queues


def workers(redis: Redis, now: float) -> list[dict[str, Any]]:
    """Return the workers with a recent heartbeat: name, at, queues, pid, pool."""
    with client.edge():
        stored = cast("dict[bytes, bytes]", redis.hgetall(keys.workers()))
    workers = [{"name": name.decode(), **json.loads(text)} for name, text in sorted(stored.items())]
    return [worker for worker in workers if now - worker["at"] < WORKER_LIFE]


def _kind_of(name: str) -> dict[str, Metadata]:
    for suffix in ("_bucket", "_sum", "_count"):
        if name.endswith(suffix):
            base = name.removesuffix(suffix)
            return {base: Metadata("histogram", base.replace("_", " "))}
    return {name: Metadata("counter", name.removesuffix("_total").replace("_", " "))}
