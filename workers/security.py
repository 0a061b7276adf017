"""Security: a tick that ends what is over, and a task that tells clients what is in force."""

from memmon.context import Context
from memmon.jobs import Job
from memmon.security import service
from workers.base import task


@task
def tick(ctx: Context) -> list[Job]:
    """End what is over."""
    return service.due(ctx)


@task
def enforce(ctx: Context) -> None:
    """Tell every client the state in force."""
    service.enforce(ctx)
