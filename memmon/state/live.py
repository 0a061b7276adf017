"""The live feed: what the dashboard's WebSocket forwards."""

from __future__ import annotations

from typing import Any

from redis import Redis, RedisError

from memmon import encode
from memmon.state import keys

STREAMS = ("status", "metrics", "health", "alerts", "incidents", "security", "tasks")


def publish(redis: Redis, stream: str, data: Any) -> None:
    """Tell listeners of `stream`. Nobody's work may fail because nobody could listen, so a Redis
    away is passed over: the state itself is in SQL and the page asks again.
    """
    try:
        redis.publish(keys.live(stream), encode.dumps(data))
    except RedisError:
        return
