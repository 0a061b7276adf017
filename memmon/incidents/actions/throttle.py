"""Limit a subject's requests per minute. Parameters: subject (an address, or * for all together),
endpoint (a path or feature, or *), per_minute (30), seconds (900), target (the incident's, else all
with a client).
"""

from __future__ import annotations

from memmon.context import Context
from memmon.incidents.actions import base, restriction
from memmon.incidents.actions.base import Action, ActionCall, Subject


def act(ctx: Context, call: ActionCall) -> str:
    """Put the limit in force."""
    limits = {
        "endpoint": base.text(call, "endpoint", "*"),
        "per_minute": max(1, round(base.number_parameter(call, "per_minute", 30))),
    }
    seconds = base.number_parameter(call, "seconds", restriction.QUARTER)
    subject = base.text(call, "subject", "*")
    return restriction.put(ctx, call, "throttle", subject, seconds, restriction.target(ctx, call), limits)


def undo(ctx: Context, call: ActionCall) -> str:
    """Lift the limit."""
    return restriction.lift(ctx, call, "throttle", base.text(call, "subject", "*"), restriction.target(ctx, call))


def subject(ctx: Context, call: ActionCall) -> Subject:
    """Return who is limited, on which target."""
    target = restriction.target(ctx, call)
    return Subject(
        f"{call.parameters.get('subject', '*')} at {call.parameters.get('endpoint', '*')}", target.strip("*")
    )


TAKES = {"subject": base.TEXT, "endpoint": base.TEXT, "per_minute": base.NUMBER, "target": base.TEXT}

ACTION = Action(act, undo=undo, subject=subject, takes={**restriction.SECONDS, **TAKES})
