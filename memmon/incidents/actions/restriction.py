"""Shared by the restricting actions: restrict, enforce through the clients, lift."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memmon.context import Context
from memmon.errors import BadInput, NotFound, Permanent, Transient
from memmon.incidents.actions import base
from memmon.incidents.actions.base import ActionCall
from memmon.security import service as security

QUARTER = 900.0
SECONDS = {"seconds": base.NUMBER}


def put(
    ctx: Context,
    call: ActionCall,
    kind: str,
    subject: str,
    seconds: float,
    target: str = "*",
    limits: Mapping[str, Any] | None = None,
) -> str:
    """Put it in force, and say who enforces it; nobody at all is no effect, and so a failure."""
    reason = f"incident {call.incident_id}"
    try:
        restriction, _ = security.restrict(
            ctx, kind, subject, seconds, reason, "memmon", call.incident_id, target=target, parameters=limits
        )
    except BadInput as error:
        raise Permanent(str(error)) from error
    security.enforce(ctx)
    return f"{kind} {restriction['subject']} until {restriction['until']}, {_enforced(ctx, restriction)}"


def _enforced(ctx: Context, restriction: dict[str, Any]) -> str:
    row = next(
        (candidate for candidate in security.restrictions(ctx) if candidate["id"] == restriction["id"]), restriction
    )
    state = row["enforced"]
    if not state:
        raise Permanent("it is recorded, but no target has a client that could enforce it")
    failed = {name: enforcement["error"] for name, enforcement in state.items() if enforcement["error"]}
    if failed:
        raise Transient("; ".join(f"{name}: {error}" for name, error in sorted(failed.items())))
    return f"enforced by {', '.join(sorted(state))}"


def lift(ctx: Context, call: ActionCall, kind: str, subject: str, target: str = "*") -> str:
    """Lift the restrictions that this incident created; earlier ones stay."""
    mine = [
        restriction
        for restriction in security.restrictions(ctx)
        if (restriction["incident_id"], restriction["kind"], restriction["subject"], restriction["target"])
        == (call.incident_id, kind, subject, target)
    ]
    for restriction in mine:
        try:
            security.lift(ctx, restriction["id"], "memmon")
        except NotFound:
            continue  # It has ended meanwhile.
    security.enforce(ctx)
    return f"lifted {kind} of {subject}" if mine else f"{kind} of {subject} is not in force any more, or was not ours"


def target(ctx: Context, call: ActionCall) -> str:
    """Return the target that a restriction is about, * for all of them."""
    target = base.target_or_none(ctx, call)
    return target.name if target else "*"
