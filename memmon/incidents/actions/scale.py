"""Make a component of the target larger or smaller. Parameters: component (api), target, and `to`
(how many) or `by` (how many more, or less below 0; 1).
"""

from __future__ import annotations

from typing import Any

from memmon.context import Context
from memmon.errors import Permanent, Refused
from memmon.incidents.actions import base, component
from memmon.incidents.actions.base import Action, ActionCall


def before(ctx: Context, call: ActionCall) -> dict[str, Any]:
    """Return how many there are and how many there are to be, once for all attempts: else each
    would add to the last one's.
    """
    part = component.part(ctx, call)
    size = component.control(part).size(ctx, part)
    is_relative = "to" not in call.parameters
    requested = (
        size + round(base.number_parameter(call, "by", 1))
        if is_relative
        else round(base.number_parameter(call, "to", 0))
    )
    clamped = min(max(requested, part.component.least), part.component.most)
    return {"size": size, "wanted": clamped}


def act(ctx: Context, call: ActionCall) -> str:
    """Scale it; Refused where its bounds leave nothing to do."""
    part, size, requested = component.part(ctx, call), int(call.before["size"]), int(call.before["wanted"])
    if requested == size and "to" not in call.parameters:
        raise Refused(
            f"{part.name} of {part.target.name} is {size}, and is to be {part.component.least} to {part.component.most}"
        )
    return component.control(part).resize(ctx, part, requested)


def probe(ctx: Context, call: ActionCall) -> str | None:
    """It was scaled when it is as large as it was to be."""
    part = component.part(ctx, call)
    now = component.control(part).size(ctx, part)
    return (
        f"scaled {part.name} of {part.target.name}: {call.before['size']} -> {now}"
        if now == call.before["wanted"]
        else None
    )


def undo(ctx: Context, call: ActionCall) -> str:
    """Restore the size before the action, unless it was scaled again since."""
    part = component.part(ctx, call)
    now = component.control(part).size(ctx, part)
    if now == call.before.get("size"):
        return f"{part.name} of {part.target.name} is {now}, as before"
    if now != call.before.get("wanted"):
        raise Permanent(f"{part.name} of {part.target.name} is {now} now; it was scaled again")
    return component.control(part).resize(ctx, part, int(call.before["size"]))


ACTION = Action(
    act,
    before,
    probe,
    undo,
    component.subject,
    {**component.TAKES, "to": base.NUMBER, "by": base.CHANGE},
)
