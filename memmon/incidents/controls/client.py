"""Parts that a target's process has named to memmon.client (`client.control`). `unit` is such a
name.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from memmon.context import Context
from memmon.errors import Permanent
from memmon.incidents.controls.base import Control, ControlledComponent
from memmon.security import client


def restart(ctx: Context, part: ControlledComponent) -> str:
    """Let the process restart the part."""
    _call(part, "POST", {"action": "restart", "key": part.key})
    return f"{part.target.name} restarted {part.unit}"


def identity(ctx: Context, part: ControlledComponent) -> str | None:
    """Return what the process calls this life of the part."""
    generation = _call(part, "GET").get("generation")
    return None if generation is None else str(generation)


def size(ctx: Context, part: ControlledComponent) -> int:
    """Return how large the part is."""
    size_ = _call(part, "GET").get("size")
    if not isinstance(size_, int):
        raise Permanent(f"{part.unit} of {part.target.name} cannot be scaled")
    return size_


def resize(ctx: Context, part: ControlledComponent, to: int) -> str:
    """Let the part be as large as `to`."""
    before = size(ctx, part)
    _call(part, "POST", {"action": "scale", "size": to, "key": part.key})
    return f"scaled {part.unit} of {part.target.name}: {before} -> {to}"


def _call(part: ControlledComponent, method: str, body: Any = None) -> dict[str, Any]:
    answer: dict[str, Any] = client.call(part.target, method, f"parts/{quote(part.unit, safe='')}", body)
    return answer


CONTROL = Control(restart, identity, size, resize)
