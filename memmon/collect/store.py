"""Status of each target since its last collection."""

from __future__ import annotations

import json
from typing import Any, cast

from redis import Redis

from memmon import encode
from memmon.state import client, keys


def save(redis: Redis, states: dict[str, dict[str, Any]]) -> None:
    """Keep the state of each target."""
    if states:
        with client.edge():
            redis.hset(keys.target_state(), mapping={name: encode.dumps(state) for name, state in states.items()})


def load(redis: Redis) -> dict[str, dict[str, Any]]:
    """Return the state of each target that was ever collected."""
    with client.edge():
        stored = cast("dict[bytes, bytes]", redis.hgetall(keys.target_state()))
    return {name.decode(): json.loads(text) for name, text in stored.items()}


def forget(redis: Redis, names: list[str]) -> None:
    """Drop the state of targets that are watched no more."""
    if names:
        with client.edge():
            redis.hdel(keys.target_state(), *names)


def wake_evaluation(redis: Redis, seconds: float) -> bool:
    """Return True for the one caller that is to send an evaluation: while one waits, no other is
    needed.
    """
    with client.edge():
        return bool(redis.set(keys.evaluation_pending(), "1", nx=True, px=max(1, round(seconds * 1000))))
