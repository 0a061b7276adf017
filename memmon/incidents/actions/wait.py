"""Wait without a worker. Parameters: seconds (the whole wait, or with `expr` the longest one; 60)
and expr, a PromQL expression to wait for until it has a result. A timeout is a failure.
"""

from __future__ import annotations

from memmon.context import Context
from memmon.errors import BadQuery, Permanent
from memmon.incidents import correlation
from memmon.incidents.actions import base
from memmon.incidents.actions.base import Action, ActionCall, NotYet
from memmon.metrics import service as metrics

LOOK_EVERY = 5.0


def act(ctx: Context, call: ActionCall) -> str:
    """Say when to look again, until the time has come."""
    now, seconds, expr = ctx.now(), base.number_parameter(call, "seconds", 60), call.parameters.get("expr")
    end = call.created_at + seconds
    if expr:
        expr = correlation.fill_query(str(expr), call.labels)
        try:
            if metrics.instant(ctx, expr):
                return f"{expr} held after {now - call.created_at:.0f} s"
        except BadQuery as error:
            raise Permanent(f"{expr}: {error}") from error
    if now < end:
        raise NotYet(min(end, now + LOOK_EVERY) if expr else end, f"waits for {expr or f'{seconds:g} s'}")
    if expr:
        raise Permanent(f"{expr} did not hold within {seconds:g} s")
    return f"waited {seconds:g} s"


ACTION = Action(act, takes={"seconds": base.NUMBER, "expr": base.TEXT})
