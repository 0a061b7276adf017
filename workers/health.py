"""Health: a tick that begins a round, and a task for each check with a time limit of its own."""

from celery.exceptions import SoftTimeLimitExceeded

from memmon.health import service
from workers.base import follow_within, task


@task
def tick(ctx):
    """Begin a round: each check with the time limit that the configuration gives it."""
    for job in service.due(ctx):
        follow_within(job, service.time_limit(ctx, job.args[1]) + 1)


@task
def check(ctx, target, name, number):
    """Do one check; a hung one is cut by its time limit and says so."""
    try:
        service.check(ctx, target, name, number)
    except SoftTimeLimitExceeded:
        service.cut(ctx, target, name, number, service.time_limit(ctx, name) + 1)
