"""When each component last really ran: the source of /api/status."""

from __future__ import annotations

import json
from typing import Any, cast

from redis import Redis

from memmon import encode
from memmon.state import client, keys


def beat(redis: Redis, component: str, status: str, now: float, **detail: Any) -> None:
    """Record that `component` ran at `now` with `status` (ok or failed)."""
    with client.edge():
        redis.hset(keys.pulse(), component, encode.dumps({"status": status, "last_run": now, **detail}))


def read(redis: Redis) -> dict[str, dict[str, Any]]:
    """Return the last run of each component that ever ran; `last_run` is Unix seconds."""
    with client.edge():
        stored = cast("dict[bytes, bytes]", redis.hgetall(keys.pulse()))
    return {name.decode(): json.loads(value) for name, value in stored.items()}
