"""Security tasks: a tick that lifts expired restrictions, and a task that enforces the others."""

from memmon.context import Context
from memmon.jobs import Job
from memmon.security import service
from workers.base import task


@task
def tick(ctx: Context) -> list[Job]:
    """Lift expired restrictions."""
    return service.due(ctx)


@task
def enforce(ctx: Context) -> None:
    """Tell every client the state in force."""
    service.enforce(ctx)
