"""Call an address of the operator's. Parameters: url (as written, never out of a label), method
(POST), body, headers, idempotent (false).

Each attempt carries the same Idempotency-Key. When a worker died in mid call it is not known
whether it came through, and only one that the playbook calls idempotent is made again.
"""

from __future__ import annotations

from memmon import outbound
from memmon.context import Context
from memmon.errors import Permanent, Transient
from memmon.incidents.actions import base
from memmon.incidents.actions.base import Action, ActionCall, ParameterKind

SCHEMES = ("http://", "https://")


def act(ctx: Context, call: ActionCall) -> str:
    """Make the call; 2xx is done, 408, 429 and 5xx are worth another try."""
    answer = outbound.request(
        base.text(call, "method", "POST").upper(),
        base.text(call, "url"),
        json=call.parameters.get("body", {"incident": call.incident_id, "labels": dict(call.labels)}),
        headers={**_headers(call), "Idempotency-Key": call.key},
        timeout=call.timeout,
        allow_private=True,  # The operator wrote the address.
    )
    response_text = f"{answer.status} {answer.body[:500].decode(errors='replace')}".strip()
    if answer.status in (408, 429) or answer.status >= 500:
        raise Transient(response_text)
    if answer.status >= 300:
        raise Permanent(response_text)
    return response_text


def probe(ctx: Context, call: ActionCall) -> str | None:
    """Nobody can know whether the other side got it."""
    if call.parameters.get("idempotent"):
        return None
    raise Permanent("its worker died in mid call; whether it came through is not known, so it is not made again")


def _headers(call: ActionCall) -> dict[str, str]:
    return {str(name): str(value) for name, value in call.parameters.get("headers", {}).items()}


URL = ParameterKind("an address that begins with http:// or https://", lambda value: str(value).startswith(SCHEMES))

ACTION = Action(
    act,
    probe=probe,
    takes={"url": URL, "method": base.TEXT, "body": base.ANYTHING, "headers": base.TEXTS, "idempotent": base.FLAG},
    needs=("url",),
)
