"""Isolate a target from its callers: it answers 503 to all of them. Its metrics page and control
endpoint still work, so that it can be examined and repaired. Parameters: target, seconds (900).
"""

from __future__ import annotations

from memmon.context import Context
from memmon.incidents.actions import base, restriction
from memmon.incidents.actions.base import Action, ActionCall


def act(ctx: Context, call: ActionCall) -> str:
    """Isolate it; one target and never all."""
    target = base.target(ctx, call)
    seconds = base.number_parameter(call, "seconds", restriction.QUARTER)
    return restriction.put(ctx, call, "disable", "*", seconds, target.name)


def undo(ctx: Context, call: ActionCall) -> str:
    """Let its callers in again."""
    return restriction.lift(ctx, call, "disable", "*", base.target(ctx, call).name)


ACTION = Action(act, undo=undo, subject=base.target_subject, takes={**restriction.SECONDS, "target": base.TEXT})
