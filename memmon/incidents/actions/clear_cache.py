"""Clear caches through the clients in the targets' processes. Parameters: target."""

from __future__ import annotations

from memmon.context import Context
from memmon.incidents.actions import base
from memmon.incidents.actions.base import Action, Call
from memmon.security import client


def act(ctx: Context, call: Call) -> str:
    """Clear it, and say how much it held."""
    answers = {target.name: client.call(target, "POST", "cache/clear") for target in base.clients(ctx, call)}
    return ", ".join(f"{name} cleared {answer.get('cleared', 'its')} entries" for name, answer in answers.items())


ACTION = Action(act)
