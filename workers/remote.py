"""What a worker answers beside Celery's own remote control."""

from __future__ import annotations

from typing import Any

from celery.worker.control import inspect_command


@inspect_command()  # type: ignore[untyped-decorator]
def pool_size(state: Any, **_: Any) -> int:
    """Return how many processes the pool is to have. Celery's `stats` tells those that are there, and new ones come with the pool's
    next look at itself, five seconds later at most."""
    return int(state.consumer.pool.num_processes)
