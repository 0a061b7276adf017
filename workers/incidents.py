"""Incident tasks: a tick that finds due work, and one task per step."""

from memmon.context import Context
from memmon.incidents import service
from memmon.jobs import Job
from memmon.oncall import calendars
from workers.base import task


@task
def tick(ctx: Context) -> list[Job]:
    """Enqueue the due work."""
    return service.due(ctx)


@task
def correlate(ctx: Context) -> list[Job]:
    """Open incidents for alerts that fire."""
    return service.correlate(ctx)


@task
def advance(ctx: Context, incident_id: int) -> list[Job]:
    """Do what one incident needs now."""
    return service.advance(ctx, incident_id)


@task
def act(ctx: Context, incident_id: int) -> list[Job]:
    """Do one action."""
    return service.act(ctx, incident_id)


@task
def calendar(ctx: Context, schedule_name: str) -> None:
    """Get the calendar of one on-call schedule."""
    calendars.fetch(ctx, schedule_name)
