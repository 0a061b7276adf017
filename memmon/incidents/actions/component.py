"""What the actions on a component share: which one is meant, and how it is controlled."""

from __future__ import annotations

from memmon.context import Context
from memmon.errors import Permanent
from memmon.incidents.actions import base
from memmon.incidents.actions.base import ActionCall, Subject
from memmon.incidents.controls import CONTROLS
from memmon.incidents.controls.base import Control, ControlledComponent

TAKES = {"component": base.TEXT, "target": base.TEXT, "where": base.TEXT}
"""`where` is a PromQL expression: the target is that of its first series, as it was when the action
was decided.
"""


def part(ctx: Context, call: ActionCall) -> ControlledComponent:
    """Return the component that the action is about."""
    target = base.target(ctx, call)
    name = base.text(call, "component", "api")
    component_config = target.components.get(name)
    if component_config is None:
        raise Permanent(f"target {target.name} has no component {name} in targets.yml")
    return ControlledComponent(target, name, component_config, call.key, call.timeout)


def control(of: ControlledComponent) -> Control:
    """Return what controls a component."""
    return CONTROLS[of.component.control]


def subject(ctx: Context, call: ActionCall) -> Subject:
    """Return the component as the subject, one of the components with its name and job; also for an
    unconfigured one.
    """
    target = base.target_or_none(ctx, call)
    name = base.text(call, "component", "api")
    if target is None:
        return Subject("")
    same = sum(peer.job == target.job and name in peer.components for peer in ctx.config.targets.targets)
    return Subject(f"{target.name}/{name}", target.name, f"{target.job}/{name}", max(1, same))
