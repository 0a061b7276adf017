"""What the actions share that forbid something for a while: put in force, told to the clients that enforce it, lifted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memmon.context import Context
from memmon.errors import BadInput, NotFound, Permanent, Transient
from memmon.incidents.actions import base
from memmon.incidents.actions.base import Call
from memmon.security import service as security

QUARTER = 900.0
SECONDS = {"seconds": base.NUMBER}


def put(
    ctx: Context,
    call: Call,
    kind: str,
    subject: str,
    seconds: float,
    target: str = "*",
    limits: Mapping[str, Any] | None = None,
) -> str:
    """Put it in force, and say who enforces it; nobody at all is no effect, and so a failure."""
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
    row = next((one for one in security.restrictions(ctx) if one["id"] == shown["id"]), shown)
    state = row["enforced"]
    if not state:
        raise Permanent("it is recorded, but no target has a client that could enforce it")
    failed = {name: one["error"] for name, one in state.items() if one["error"]}
    if failed:
        raise Transient("; ".join(f"{name}: {error}" for name, error in sorted(failed.items())))
    return f"enforced by {', '.join(sorted(state))}"


def lift(ctx: Context, call: Call, kind: str, subject: str, target: str = "*") -> str:
    """End what this incident has put in force; what was there before it stays."""
    mine = [
        one
        for one in security.restrictions(ctx)
        if (one["incident_id"], one["kind"], one["subject"], one["target"]) == (call.incident_id, kind, subject, target)
    ]
    for one in mine:
        try:
            security.lift(ctx, one["id"], "memmon")
        except NotFound:
            continue  # It has ended meanwhile.
    security.enforce(ctx)
    return f"lifted {kind} of {subject}" if mine else f"{kind} of {subject} is not in force any more, or was not ours"


def target(ctx: Context, call: Call) -> str:
    """Return the target that a restriction is about, * for all of them."""
    found = base.target_or_none(ctx, call)
    return found.name if found else "*"
