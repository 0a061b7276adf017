"""An endpoint of the operator's. `unit` is its URL; it gets POST {"action": "restart"} or
{"action": "scale", "replicas": n}, and GET answers {"replicas": n}. Each call carries the action's
Idempotency-Key.
"""

from __future__ import annotations

import json
from typing import Any

from memmon import outbound
from memmon.context import Context
from memmon.errors import Permanent
from memmon.incidents.controls.base import Control, ControlledComponent, checked
from memmon.outbound import Response


def restart(ctx: Context, part: ControlledComponent) -> str:
    """Ask for a restart."""
    return f"restart endpoint answered {_call(part, 'POST', {'action': 'restart'}).status}"


def size(ctx: Context, part: ControlledComponent) -> int:
    """Ask how many there are."""
    try:
        return int(json.loads(_call(part, "GET").body)["replicas"])
    except (ValueError, KeyError, TypeError) as error:
        raise Permanent(f"the endpoint of {part.name} does not say how many replicas there are") from error


def resize(ctx: Context, part: ControlledComponent, to: int) -> str:
    """Ask for `to` of them."""
    before = size(ctx, part)
    _call(part, "POST", {"action": "scale", "replicas": to})
    return f"scaled {part.name} of {part.target.name}: {before} -> {to}"


def _call(part: ControlledComponent, method: str, body: Any = None) -> Response:
    # The operator wrote the address, so it may be a private one.
    answer = outbound.request(
        method,
        part.unit,
        json=body,
        headers={"Idempotency-Key": part.key},
        timeout=part.seconds,
        allow_private=True,
    )
    return checked(answer, f"{method} of the endpoint of {part.name}")


CONTROL = Control(restart=restart, size=size, resize=resize)
