"""Tell people. Parameters: receiver (those of the first level of the incident's chain), or next
(true: the next level of the chain, as an escalation does).
"""

from __future__ import annotations

from memmon.context import Context
from memmon.errors import NotFound, Permanent
from memmon.incidents import paging
from memmon.incidents.actions.base import FLAG, TEXT, Action, ActionCall


def act(ctx: Context, call: ActionCall) -> str:
    """Put the page into the outbox; its key makes a doubled one the same page."""
    if call.parameters.get("next"):
        return paging.page_next(ctx, call.incident_id, call.key)
    receiver = call.parameters.get("receiver")
    try:
        receivers = paging.page(ctx, call.incident_id, [str(receiver)] if receiver else None, f"page:{call.key}")
    except NotFound as error:
        raise Permanent(str(error)) from error
    return f"paged {', '.join(receivers)}"


ACTION = Action(act, takes={"receiver": TEXT, "next": FLAG})
