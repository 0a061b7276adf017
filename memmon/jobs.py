"""Jobs: a service returns them, and its caller enqueues them once the state is committed."""

from __future__ import annotations

from typing import Any, NamedTuple

QUEUES = ("collect", "health", "alerts", "notify", "security", "incidents", "upkeep")
"""One for the tasks of each room."""


class Job(NamedTuple):
    """One call of the task `workers.<name>`; `args` are ids, JSON-safe. Sending it twice does no
    harm, one that has not begun within `expires` seconds is dropped, and one that runs longer than
    `limit` seconds is cut.
    """

    name: str
    args: tuple[Any, ...] = ()
    expires: float | None = None
    limit: float | None = None
