"""Opens Redis, with a time limit on every operation: a half-open connection must not hang a worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from memmon.errors import Transient

SOCKET_OPTIONS = {"socket_timeout": 10, "socket_connect_timeout": 5, "health_check_interval": 5}


def connect(url: str) -> redis.Redis:
    """Return a client of `url` (redis://, rediss:// or unix://); nothing is connected yet."""
    options: dict[str, object] = dict(SOCKET_OPTIONS)
    if not url.startswith("unix://"):
        options["socket_keepalive"] = True
    return redis.Redis.from_url(url, retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), 3), **options)


@contextmanager
def edge() -> Iterator[None]:
    """Turn a Redis that is away into Transient."""
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError, redis.BusyLoadingError) as error:
        raise Transient(f"redis: {error}") from error
