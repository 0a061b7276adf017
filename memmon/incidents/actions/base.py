"""What an action is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Any, NamedTuple

from memmon.config.targets import Target
from memmon.context import Context
from memmon.errors import Permanent, Transient
from memmon.security import client

CALLS = 16
"""Clients that are called at a time."""


class ActionCall(NamedTuple):
    """One action run of one incident. `key` is the same at each attempt; `timeout` is in seconds;
    `before` is the state before the first attempt.
    """

    incident_id: int
    labels: Mapping[str, str]
    parameters: Mapping[str, Any]
    key: str
    timeout: float
    before: Mapping[str, Any] = MappingProxyType({})
    created_at: float = 0.0


class Subject(NamedTuple):
    """What an action is done to: a name, the target that it belongs to (none: empty), and of which
    `kin` of how many it is one, so that not too many of them are acted on at once.
    """

    name: str
    target: str = ""
    kin: str = ""
    size: int = 1


class NotYet(Exception):
    """The action waits without a worker until `at` (Unix seconds)."""

    def __init__(self, at: float, why: str):
        super().__init__(why)
        self.at = at


def nothing(ctx: Context, call: ActionCall) -> dict[str, Any]:
    """An action that may be done again needs to know nothing of the time before it."""
    return {}


def again(ctx: Context, call: ActionCall) -> str | None:
    """An action that has the same effect once or twice is done again after its worker died in the
    middle of it.
    """
    return None


def nobody(ctx: Context, call: ActionCall) -> Subject:
    """An action that is done to nothing in particular."""
    return Subject("")


class ParameterKind(NamedTuple):
    """What a parameter must be, in words; a text may name a label in the place of any other."""

    words: str
    fits: Callable[[Any], bool]


def _is_text(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return "$" in value
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0


TEXT = ParameterKind("a text", _is_text)
NUMBER = ParameterKind("a number above 0", _is_number)
CHANGE = ParameterKind(
    "a whole number, not 0", lambda value: isinstance(value, int) and not isinstance(value, bool) and value != 0
)
FLAG = ParameterKind("true or false", lambda value: isinstance(value, bool))
TEXTS = ParameterKind(
    "names with their texts", lambda value: isinstance(value, dict) and all(map(_is_text, value.values()))
)
ANYTHING = ParameterKind("anything", lambda value: True)


class Action(NamedTuple):
    """`act` runs the action and returns a summary. It raises Transient (retry), Permanent or
    Refused, or NotYet to be called again later.

    After a worker died during an action, `probe` runs first: it returns a summary if the action
    finished, None if it may run again, and raises Permanent if that is unknown. `before` collects
    the state that `probe` and `undo` need and is stored before the first `act`. `undo` rolls the
    action back. `subject` names the object for the guardrails. `takes` names its parameters,
    `needs` the required ones.
    """

    act: Callable[[Context, ActionCall], str]
    before: Callable[[Context, ActionCall], dict[str, Any]] = nothing
    probe: Callable[[Context, ActionCall], str | None] = again
    undo: Callable[[Context, ActionCall], str] | None = None
    subject: Callable[[Context, ActionCall], Subject] = nobody
    takes: Mapping[str, ParameterKind] = MappingProxyType({"target": TEXT})
    needs: tuple[str, ...] = ()


def text(call: ActionCall, name: str, default: str | None = None) -> str:
    """Return the parameter `name` as text; raise Permanent when it is missing."""
    value = call.parameters.get(name, default)
    if value is None or value == "":
        raise Permanent(f"parameter {name} is missing")
    return str(value)


def number_parameter(call: ActionCall, name: str, default: float) -> float:
    """Return the parameter `name` as a number; raise Permanent for any other value."""
    try:
        value = float(call.parameters.get(name, default))
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise Permanent(f"parameter {name} must be a number")
    return value


def target(ctx: Context, call: ActionCall) -> Target:
    """Return the target that the action is about: the one it names, else the one whose labels the
    incident has.
    """
    target = target_or_none(ctx, call)
    if target is None:
        instance = call.parameters.get("target") or call.labels.get("instance") or "an unnamed instance"
        raise Permanent(f"no target is {instance}")
    return target


def target_or_none(ctx: Context, call: ActionCall) -> Target | None:
    """Return the same, or None where the incident is about no single target."""
    named = call.parameters.get("target")
    if named:
        return ctx.config.targets.get(str(named))
    job, instance = call.labels.get("job", ""), call.labels.get("instance", "")
    fitting = [t for t in ctx.config.targets.targets if t.identity == instance and job in ("", t.job)]
    return fitting[0] if instance and fitting else None


def target_subject(ctx: Context, call: ActionCall) -> Subject:
    """Return the target as the subject, one of the instances of its job."""
    target = target_or_none(ctx, call)
    if target is None:
        return Subject("")
    return Subject(target.name, target.name, target.job, sum(t.job == target.job for t in ctx.config.targets.targets))


def clients(ctx: Context, call: ActionCall) -> list[Target]:
    """Return the incident's target if it has a client, else every target with a client, because a
    host or an address concerns all of them. Raise Permanent when there is no client.
    """
    incident_target = target_or_none(ctx, call)
    if incident_target and incident_target.client:
        return [incident_target]
    targets = [
        target
        for target in ctx.config.targets.targets
        if target.client and not (incident_target and incident_target.kind == "memmimic")
    ]
    if not targets:
        raise Permanent(
            f"{incident_target.name if incident_target else 'no target'} has no client of memmon in its process"
        )
    return targets


def ask(targets: list[Target], method: str, path: str, body: Any = None) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what the clients of these targets answer, and what went wrong with the others, by
    target: one that hangs holds nobody else up.
    """

    def ask_client(target: Target) -> tuple[Any, str | None]:
        try:
            return client.call(target, method, path, body), None
        except (Transient, Permanent) as error:
            return None, str(error)

    with ThreadPoolExecutor(max_workers=CALLS) as pool:
        answers_by_target = dict(zip((target.name for target in targets), pool.map(ask_client, targets), strict=True))
    answers = {name: answer for name, (answer, error) in answers_by_target.items() if error is None}
    return answers, {name: error for name, (_, error) in answers_by_target.items() if error is not None}
