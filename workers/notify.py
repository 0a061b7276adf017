"""Notification: a tick, also sent when alerts changed, that flushes groups and finds what is due, and one task a message."""

from memmon.notify import service
from workers.base import task


@task
def tick(ctx):
    """Look at the groups that are due, and at messages that wait."""
    return service.flush(ctx)


@task
def deliver(ctx, notification_id):
    """Send one message."""
    service.deliver(ctx, notification_id)
