"""Incidents: a tick that finds what is due, and one task a step."""

from memmon.incidents import service
from memmon.oncall import calendars
from workers.base import task


@task
def tick(ctx):
    """Send what is due."""
    return service.due(ctx)


@task
def correlate(ctx):
    """Open incidents for alerts that fire."""
    return service.correlate(ctx)


@task
def advance(ctx, incident_id):
    """Do what one incident needs now."""
    return service.advance(ctx, incident_id)


@task
def act(ctx, incident_id):
    """Do one action."""
    return service.act(ctx, incident_id)


@task
def calendar(ctx, name):
    """Get the calendar of one on-call schedule."""
    calendars.fetch(ctx, name)
