"""Switch a feature off. Parameters: feature, seconds (a quarter of an hour), target (that of the
incident, else all that have a client).
"""

from __future__ import annotations

from memmon.context import Context
from memmon.errors import Permanent
from memmon.incidents.actions import base, restriction
from memmon.incidents.actions.base import Action, ActionCall, Subject


def act(ctx: Context, call: ActionCall) -> str:
    """Switch it off."""
    feature = base.text(call, "feature")
    if feature == "*":
        raise Permanent("feature: * would be the whole service; that is what isolate is for")
    seconds = base.number_parameter(call, "seconds", restriction.QUARTER)
    return restriction.put(ctx, call, "disable", feature, seconds, restriction.target(ctx, call))


def undo(ctx: Context, call: ActionCall) -> str:
    """Switch it on again."""
    return restriction.lift(ctx, call, "disable", base.text(call, "feature"), restriction.target(ctx, call))


def subject(ctx: Context, call: ActionCall) -> Subject:
    """Return the feature."""
    return Subject(str(call.parameters.get("feature", "")), restriction.target(ctx, call).strip("*"))


TAKES = {"feature": base.TEXT, "target": base.TEXT}

ACTION = Action(act, undo=undo, subject=subject, takes={**restriction.SECONDS, **TAKES}, needs=("feature",))
