"""Keeping house: rollups, and forgetting."""

from memmon.context import Context
from memmon.incidents import service as incidents
from memmon.jobs import Job
from memmon.metrics import service as metrics
from memmon.upkeep import service as upkeep
from workers.base import task


@task
def rollup(ctx: Context) -> None:
    """Roll up the finished minutes, and publish baselines."""
    metrics.roll_up(ctx)
    metrics.publish_baselines(ctx)


@task
def prune(ctx: Context) -> None:
    """Delete rows past their retention."""
    metrics.prune(ctx)
    upkeep.prune(ctx)
    incidents.forget(ctx)
    incidents.forget_record(ctx)


@task
def audit(ctx: Context) -> list[Job]:
    """Check that every incident progresses."""
    return incidents.audit(ctx)
