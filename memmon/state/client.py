"""Opens Redis, with a time limit on every operation: a half-open connection must not hang a
worker.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import redis
from redis import Redis, RedisError
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from memmon.errors import Transient

__all__ = ["Redis", "RedisError", "connect", "edge", "probe"]

SOCKET_OPTIONS = {"socket_timeout": 10, "socket_connect_timeout": 5, "health_check_interval": 5}

MOST_CONNECTIONS = 50
"""Of one client; who finds all of them in use waits for one. A web process has far more requests at
a time than that.
"""


def connect(url: str, seconds: float | None = None, retries: int = 3) -> redis.Redis:
    """Return a client of `url` (redis://, rediss:// or unix://); nothing is connected yet.

    With `seconds` an operation takes that long at most: only one whose connection was closed is
    tried again.
    """
    options: dict[str, object] = dict(SOCKET_OPTIONS)
    retry = Retry(ExponentialBackoff(cap=0.5, base=0.05), retries)
    if seconds is not None:
        options |= {"socket_timeout": seconds, "socket_connect_timeout": seconds}
        retry = Retry(ExponentialBackoff(cap=0.1, base=0.02), retries, supported_errors=(redis.ConnectionError,))
    if not url.startswith("unix://"):
        options["socket_keepalive"] = True
    pool = redis.BlockingConnectionPool.from_url(
        url, max_connections=MOST_CONNECTIONS, timeout=options["socket_timeout"], retry=retry, **options
    )
    return redis.Redis.from_pool(pool)


def probe(url: str, seconds: float = 1.0) -> None:
    """Raise Transient when the Redis of `url` does not answer within `seconds`."""
    with edge():
        asked = connect(url, seconds)
        try:
            asked.ping()
        finally:
            asked.close()


@contextmanager
def edge() -> Iterator[None]:
    """Turn a Redis that is away into Transient."""
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError, redis.BusyLoadingError) as error:
        raise Transient(f"redis: {error}") from error
