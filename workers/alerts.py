"""Alerts: one task, sent by its tick and by fresh samples."""

from memmon.alerts import service
from memmon.context import Context
from memmon.jobs import Job
from workers.base import task


@task
def evaluate(ctx: Context) -> list[Job]:
    """Bring all rules up to date."""
    return service.evaluate(ctx)
