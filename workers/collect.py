"""Collection tasks: a tick that starts due shards, and one task per shard of targets."""

from memmon.collect import service
from memmon.context import Context
from memmon.jobs import Job
from memmon.push import service as push
from workers.base import task


@task
def tick(ctx: Context) -> list[Job]:
    """Enqueue the due shards."""
    return service.due(ctx)


@task
def run(ctx: Context, shard: str, target_names: list[str], period: int) -> list[Job]:
    """Collect one shard."""
    return service.run(ctx, shard, target_names, period)


@task
def replay(ctx: Context) -> None:
    """Show pushed groups again."""
    push.replay(ctx, ctx.now())
