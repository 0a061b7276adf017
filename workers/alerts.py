"""Alerts: one task, sent by its tick and by fresh samples."""

from memmon.alerts import service
from workers.base import task


@task
def evaluate(ctx):
    """Bring all rules up to date."""
    return service.evaluate(ctx)
