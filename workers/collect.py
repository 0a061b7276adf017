"""Collection: a tick that says what is due, and a task for each shard of targets."""

from memmon.collect import service
from memmon.push import service as push
from workers.base import task


@task
def tick(ctx):
    """Send what is due."""
    return service.due(ctx)


@task
def run(ctx, shard, names, period):
    """Collect one shard."""
    return service.run(ctx, shard, names, period)


@task
def replay(ctx):
    """Show pushed groups again."""
    push.replay(ctx, ctx.now())
