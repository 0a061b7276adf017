"""Block an address, throttle, or disable a feature: put in force, and told to the clients that enforce it.

Parameters: seconds (of a block as long as the detector says that found it, else an hour; throttle and disable a quarter of
one), target (all that have a client). block_ip: address. throttle: subject (an address, or * for all together),
endpoint (*), per_minute (30). disable_feature: feature.
"""

from __future__ import annotations

from typing import Any

from memmon.context import Context
from memmon.errors import BadInput, Permanent, Transient
from memmon.incidents.actions import base
from memmon.incidents.actions.base import Action, Call
from memmon.security import service as security

HOUR, QUARTER = 3600.0, 900.0


def block_ip(ctx: Context, call: Call) -> str:
    """Block an address; Refused for one that must never be."""
    found_by = (one for one in ctx.config.detectors.detectors if one.name == call.labels.get("alertname"))
    default = next((one.block_for for one in found_by), HOUR)
    return _restrict(ctx, call, "block", base.text(call, "address"), base.number(call, "seconds", default), "*", {})


def throttle(ctx: Context, call: Call) -> str:
    """Let a subject make so many requests a minute and no more."""
    limits = {
        "endpoint": base.text(call, "endpoint", "*"),
        "per_minute": max(1, round(base.number(call, "per_minute", 30))),
    }
    seconds = base.number(call, "seconds", QUARTER)
    return _restrict(ctx, call, "throttle", base.text(call, "subject", "*"), seconds, _target(ctx, call), limits)


def disable_feature(ctx: Context, call: Call) -> str:
    """Switch a feature off."""
    seconds = base.number(call, "seconds", QUARTER)
    return _restrict(ctx, call, "disable", base.text(call, "feature"), seconds, _target(ctx, call), {})


def _target(ctx: Context, call: Call) -> str:
    found = base.target_or_none(ctx, call)
    return found.name if found else "*"


def _restrict(
    ctx: Context, call: Call, kind: str, subject: str, seconds: float, target: str, limits: dict[str, Any]
) -> str:
    reason = f"incident {call.incident_id}"
    try:
        shown, _ = security.restrict(
            ctx, kind, subject, seconds, reason, "memmon", call.incident_id, target=target, parameters=limits
        )
    except BadInput as error:
        raise Permanent(str(error)) from error
    security.enforce(ctx)
    return f"{kind} {shown['subject']} until {shown['until']}, {_enforced(ctx, shown)}"


def _enforced(ctx: Context, shown: dict[str, Any]) -> str:
    """Say who enforces it; nobody at all is no effect, and so a failure."""
    row = next((one for one in security.restrictions(ctx) if one["id"] == shown["id"]), shown)
    state = row["enforced"]
    if not state:
        raise Permanent("it is recorded, but no target has a client that could enforce it")
    failed = {name: one["error"] for name, one in state.items() if one["error"]}
    if failed:
        raise Transient("; ".join(f"{name}: {error}" for name, error in sorted(failed.items())))
    return f"enforced by {', '.join(sorted(state))}"


SECONDS = {"seconds": base.NUMBER}
LIMITS = {"subject": base.TEXT, "endpoint": base.TEXT, "per_minute": base.NUMBER, "target": base.TEXT}

BLOCK = Action(block_ip, takes={**SECONDS, "address": base.TEXT}, needs=("address",))
THROTTLE = Action(throttle, takes={**SECONDS, **LIMITS})
DISABLE = Action(disable_feature, takes={**SECONDS, "feature": base.TEXT, "target": base.TEXT}, needs=("feature",))
