"""Keeping house: rollups, and forgetting."""

from memmon.incidents import service as incidents
from memmon.metrics import service as metrics
from memmon.upkeep import service as upkeep
from workers.base import task


@task
def rollup(ctx):
    """Roll the minutes up that are over, and say what is usual."""
    metrics.roll_up(ctx)
    metrics.tell_usual(ctx)


@task
def prune(ctx):
    """Forget what has been kept long enough."""
    metrics.prune(ctx)
    upkeep.prune(ctx)
    incidents.forget(ctx)
    incidents.forget_record(ctx)


@task
def audit(ctx):
    """Look whether every incident goes on."""
    return incidents.audit(ctx)
