"""Security: a tick that ends what is over, and a task that tells clients what is in force."""

from memmon.security import service
from workers.base import task


@task
def tick(ctx):
    """End what is over."""
    return service.due(ctx)


@task
def enforce(ctx):
    """Tell every client the state in force."""
    service.enforce(ctx)
