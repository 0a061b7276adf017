"""What is shown of playbooks: all of them, one whole, what may be wrong with them although they can be read."""

from __future__ import annotations

from typing import Any

from memmon.config.playbooks import Playbook, Step
from memmon.context import Context
from memmon.errors import NotFound
from memmon.incidents import actions
from memmon.oncall import service as oncall


def overview(ctx: Context) -> dict[str, Any]:
    """Return {playbooks, dry_run, limits, never, commands, actions}."""
    section = ctx.config.playbooks
    return {
        "playbooks": [_brief(one) for one in section.playbooks],
        "dry_run": section.dry_run,
        "limits": [one.model_dump(mode="json") for one in section.limits],
        "never": [one.model_dump(mode="json") for one in section.never],
        "commands": [one.name for one in section.commands],
        "actions": actions.names(),
    }


def show(ctx: Context, name: str) -> dict[str, Any]:
    """Return one playbook as it is in force; NotFound where there is none."""
    found = next((one for one in ctx.config.playbooks.playbooks if one.name == name), None)
    if found is None:
        known = ", ".join(one.name for one in ctx.config.playbooks.playbooks)
        raise NotFound(f"no playbook {name}; there are: {known}")
    return found.model_dump(mode="json", by_alias=True)


def _brief(one: Playbook) -> dict[str, Any]:
    return {
        "name": one.name,
        "severity": one.severity,
        "mttr_target_minutes": one.mttr_target / 60,
        "match": one.match.model_dump(mode="json", exclude_defaults=True),
        "chain": one.chain,
        "stages": [{"name": stage.name, "due": stage.due, "steps": len(stage.every)} for stage in one.stages],
        "actions": list(dict.fromkeys(step.action for _, _, step in one.steps())),
        "dry_run": one.dry_run,
        "runbook": one.runbook,
    }


def doubts(ctx: Context) -> list[str]:
    """Return what can be read and may still not be what is meant: playbooks that never get an alert, stages that are due
    before the one before, actions that nothing limits, and times in which nobody is on call."""
    found: list[str] = []
    books = ctx.config.playbooks.playbooks
    for number, one in enumerate(books):
        hidden = next((other.name for other in books[:number] if _hides(other, one)), None)
        if hidden:
            found.append(f"{one.name}: {hidden} stands before it and takes every alert that it would take")
        due = [stage.due for stage in one.stages]
        if due != sorted(due):
            found.append(f"{one.name}: a stage is due before the one before it")
        found += [f"{one.name}: {stage.name}: {what}" for stage, _, step in one.steps() for what in _doubts(ctx, step)]
    for schedule in oncall.overview(ctx):
        found += [
            f"schedule {schedule['schedule']}: nobody from {gap['start']} to {gap['end']}" for gap in schedule["gaps"]
        ]
    return list(dict.fromkeys(found))


def _hides(before: Playbook, after: Playbook) -> bool:
    mine, theirs = before.match, after.match
    if before.correlation.conditions or (theirs.events and not theirs.alerts):
        return False
    return (
        not mine.events
        and (not mine.alerts or (bool(theirs.alerts) and set(theirs.alerts) <= set(mine.alerts)))
        and (not mine.severities or (bool(theirs.severities) and set(theirs.severities) <= set(mine.severities)))
        and mine.labels.items() <= theirs.labels.items()
    )


UNLIMITED = ("restart", "isolate", "scale", "run", "disable_feature")
"""Actions that change something which should not be changed without end."""


def _doubts(ctx: Context, step: Step) -> list[str]:
    limit = ctx.config.playbooks.limit(step.action)
    found = []
    if step.action in UNLIMITED and limit.most is None and not limit.cooldown:
        found.append(f"nothing limits how often {step.action} is done")
    if step.approval and step.approval.otherwise == "approve":
        found.append(f"{step.action} is done without anybody's word after {step.approval.within:g} s")
    return found
