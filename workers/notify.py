"""Notification: a tick that flushes groups and finds what is due, and one task a message."""

from memmon.notify import service
from workers.base import task


@task
def tick(ctx):
    """Look at the groups that are due, and at messages that wait."""
    return service.flush(ctx)


@task
def place(ctx):
    """The same at once, when alerts changed."""
    return service.flush(ctx)


@task
def deliver(ctx, number):
    """Send one message."""
    service.deliver(ctx, number)
