"""Clear caches through the clients in the targets' processes. Parameters: target."""

from __future__ import annotations

from memmon.context import Context
from memmon.errors import Transient
from memmon.incidents.actions import base
from memmon.incidents.actions.base import Action, ActionCall


def act(ctx: Context, call: ActionCall) -> str:
    """Clear it, and say how much it held."""
    answers, failed = base.ask(base.clients(ctx, call), "POST", "cache/clear")
    if failed:
        raise Transient("; ".join(failed.values()))
    return ", ".join(f"{name} cleared {answer.get('cleared', 'its')} entries" for name, answer in answers.items())


ACTION = Action(act, subject=base.target_subject)
