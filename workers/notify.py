"""Notification tasks: a tick, also sent when alerts changed, that flushes groups, and one task per
message.
"""

from memmon.context import Context
from memmon.jobs import Job
from memmon.notify import service
from workers.base import task


@task
def tick(ctx: Context) -> list[Job]:
    """Look at the groups that are due, and at messages that wait."""
    return service.flush(ctx)


@task
def deliver(ctx: Context, notification_id: int) -> None:
    """Send one message."""
    service.deliver(ctx, notification_id)
