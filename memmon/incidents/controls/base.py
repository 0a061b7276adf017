"""What a control of components is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from memmon.config.targets import Component, Target
from memmon.context import Context
from memmon.errors import Permanent, Transient
from memmon.outbound import Response


class ControlledComponent(NamedTuple):
    """A component of a target; `key` is that of the action, the same at each attempt, and `seconds`
    its time limit.
    """

    target: Target
    name: str
    component: Component
    key: str
    seconds: float

    @property
    def unit(self) -> str:
        return self.component.unit


def _cannot(verb: str) -> Callable[..., Any]:
    def refuse(ctx: Context, part: ControlledComponent, *_: Any) -> Any:
        raise Permanent(f"{part.name} of {part.target.name} is under {part.component.control}, which cannot {verb} it")

    return refuse


def unknown(ctx: Context, part: ControlledComponent) -> str | None:
    """Where nobody can tell what runs now."""
    return None


class Control(NamedTuple):
    """All functions raise Transient or Permanent. `restart` and `resize` return a summary;
    `identity` changes with each restart, None where unknown; `size` returns the number of
    instances; `pid` returns a local process id.
    """

    restart: Callable[[Context, ControlledComponent], str] = _cannot("restart")
    identity: Callable[[Context, ControlledComponent], str | None] = unknown
    size: Callable[[Context, ControlledComponent], int] = _cannot("scale")
    resize: Callable[[Context, ControlledComponent, int], str] = _cannot("scale")
    pid: Callable[[Context, ControlledComponent], int] = _cannot("name the process of")


def checked(answer: Response, operation: str) -> Response:
    """Return an answer of 2xx; raise Transient for one that may be another next time, else
    Permanent.
    """
    if 200 <= answer.status < 300:
        return answer
    summary = f"{operation}: {answer.status} {answer.body[:300].decode(errors='replace')}".strip()
    if answer.status in (408, 409, 429) or answer.status >= 500:
        raise Transient(summary)
    raise Permanent(summary)
