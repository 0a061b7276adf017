"""Restart a component of the target. Parameters: component (api), target."""

from __future__ import annotations

from typing import Any

from memmon.context import Context
from memmon.incidents.actions import component
from memmon.incidents.actions.base import Action, ActionCall


def act(ctx: Context, call: ActionCall) -> str:
    """Restart the component and return its identity before and after."""
    part = component.part(ctx, call)
    return component.control(part).restart(ctx, part)


def before(ctx: Context, call: ActionCall) -> dict[str, Any]:
    """Return what runs now, where the control tells."""
    part = component.part(ctx, call)
    return {"identity": component.control(part).identity(ctx, part)}


def probe(ctx: Context, call: ActionCall) -> str | None:
    """Something else that runs than before means that it was restarted. Where that cannot be seen
    it is restarted again.
    """
    was = call.before.get("identity")
    if was is None:
        return None
    part = component.part(ctx, call)
    now = component.control(part).identity(ctx, part)
    return f"restarted: {was} -> {now}" if now not in (None, "none", was) else None


ACTION = Action(act, before, probe, subject=component.subject, takes=component.TAKES)
