"""Pools of Celery workers, by Celery's remote control. `unit` is a worker: `name` (on every host)
or `name@host`.
"""

from __future__ import annotations

from memmon.context import Context, WorkerPools
from memmon.errors import Permanent, Transient
from memmon.incidents.controls.base import Control, ControlledComponent

ANSWERS_WITHIN = 3.0


def size(ctx: Context, part: ControlledComponent) -> int:
    """Return how many processes each of the workers has; the smallest number where they differ."""
    return min(_pools(ctx, part).values())


def resize(ctx: Context, part: ControlledComponent, to: int) -> str:
    """Let each of the workers have `to` processes."""
    fleet, pools = _fleet(ctx), _pools(ctx, part)
    for worker, now in sorted(pools.items()):
        if now != to:
            fleet.resize(worker, to - now, ANSWERS_WITHIN)
    return ", ".join(f"pool of {worker}: {now} -> {to}" for worker, now in sorted(pools.items()))


def _fleet(ctx: Context) -> WorkerPools:
    if ctx.worker_pools is None:
        raise Permanent("Celery's workers can only be reached from one of them")
    return ctx.worker_pools


def _pools(ctx: Context, part: ControlledComponent) -> dict[str, int]:
    pools = _fleet(ctx).sizes(ANSWERS_WITHIN)
    matching_pools = {name: now for name, now in pools.items() if part.unit in (name, name.split("@")[0])}
    if not matching_pools:
        raise Transient(f"no worker {part.unit} answers")
    return matching_pools


CONTROL = Control(size=size, resize=resize)
