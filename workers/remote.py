"""What a worker answers beside Celery's own remote control."""

from __future__ import annotations

from typing import Any

from celery.worker.control import inspect_command


@inspect_command()  # type: ignore[untyped-decorator]
def pool_size(state: Any, **_: Any) -> int:
    """Return the configured size of the pool. Celery's `stats` counts running processes, and new
    ones start with the pool's next maintenance, at most five seconds later.
    """
    return int(state.consumer.pool.num_processes)
