"""Health: a tick that begins a round, and a task for each check with a time limit of its own."""

from celery.exceptions import SoftTimeLimitExceeded

from memmon.context import Context
from memmon.health import service
from memmon.jobs import Job
from workers.base import task


@task
def tick(ctx: Context) -> list[Job]:
    """Begin a round."""
    return service.due(ctx)


@task
def check(ctx: Context, target_name: str, check_name: str, round_number: int) -> None:
    """Do one check; a hung one is cut by its time limit and says so."""
    try:
        service.check(ctx, target_name, check_name, round_number)
    except SoftTimeLimitExceeded:
        service.cut(ctx, target_name, check_name, round_number)
