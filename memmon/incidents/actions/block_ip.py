"""Block an address, on every target that has a client. Parameters: address, seconds (as long as the
detector says that found it, else an hour). Refused for one that must never be blocked: memmon's
own, proxies, the operator's.
"""

from __future__ import annotations

from memmon.context import Context
from memmon.incidents.actions import base, restriction
from memmon.incidents.actions.base import Action, ActionCall, Subject
from memmon.security import address

HOUR = 3600.0


def act(ctx: Context, call: ActionCall) -> str:
    """Block it."""
    found_by = (
        detector for detector in ctx.config.detectors.detectors if detector.name == call.labels.get("alertname")
    )
    default = next((detector.block_for for detector in found_by), HOUR)
    return restriction.put(
        ctx, call, "block", base.text(call, "address"), base.number_parameter(call, "seconds", default)
    )


def undo(ctx: Context, call: ActionCall) -> str:
    """Lift the block."""
    return restriction.lift(ctx, call, "block", address.canonical(base.text(call, "address")))


def subject(ctx: Context, call: ActionCall) -> Subject:
    """Return the address."""
    return Subject(str(call.parameters.get("address", "")))


ACTION = Action(
    act, undo=undo, subject=subject, takes={**restriction.SECONDS, "address": base.TEXT}, needs=("address",)
)
