"""Playbooks for display: the list, one in full, and doubtful settings."""

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
        "playbooks": [_brief(playbook) for playbook in section.playbooks],
        "dry_run": section.dry_run,
        "limits": [limit.model_dump(mode="json") for limit in section.limits],
        "never": [deny_entry.model_dump(mode="json") for deny_entry in section.never],
        "commands": [command.name for command in section.commands],
        "actions": actions.names(),
    }


def show(ctx: Context, name: str) -> dict[str, Any]:
    """Return one playbook in force; raise NotFound for an unknown name."""
    playbook = next((candidate for candidate in ctx.config.playbooks.playbooks if candidate.name == name), None)
    if playbook is None:
        names = ", ".join(playbook.name for playbook in ctx.config.playbooks.playbooks)
        raise NotFound(f"no playbook {name}; there are: {names}")
    return playbook.model_dump(mode="json", by_alias=True)


def _brief(playbook: Playbook) -> dict[str, Any]:
    return {
        "name": playbook.name,
        "severity": playbook.severity,
        "mttr_target_minutes": playbook.mttr_target / 60,
        "match": playbook.match.model_dump(mode="json", exclude_defaults=True),
        "chain": playbook.chain,
        "stages": [{"name": stage.name, "due": stage.due, "steps": len(stage.every)} for stage in playbook.stages],
        "actions": list(dict.fromkeys(step.action for _, _, step in playbook.steps())),
        "dry_run": playbook.dry_run,
        "runbook": playbook.runbook,
    }


def doubts(ctx: Context) -> list[str]:
    """Return valid settings that are probably mistakes: playbooks that never match, stages due
    before the previous one, actions without limits, and times without an on-call person.
    """
    doubts: list[str] = []
    books = ctx.config.playbooks.playbooks
    for index, playbook in enumerate(books):
        hidden = next((other.name for other in books[:index] if _hides(other, playbook)), None)
        if hidden:
            doubts.append(f"{playbook.name}: {hidden} stands before it and takes every alert that it would take")
        due = [stage.due for stage in playbook.stages]
        if due != sorted(due):
            doubts.append(f"{playbook.name}: a stage is due before the one before it")
        doubts += [
            f"{playbook.name}: {stage.name}: {doubt}"
            for stage, _, step in playbook.steps()
            for doubt in _doubts(ctx, step)
        ]
    for schedule in oncall.overview(ctx):
        doubts += [
            f"schedule {schedule['schedule']}: nobody from {gap['start']} to {gap['end']}" for gap in schedule["gaps"]
        ]
    return list(dict.fromkeys(doubts))


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
    doubts = []
    if step.action in UNLIMITED and limit.most is None and not limit.cooldown:
        doubts.append(f"nothing limits how often {step.action} is done")
    if step.approval and step.approval.otherwise == "approve":
        doubts.append(f"{step.action} is done without anybody's word after {step.approval.within:g} s")
    return doubts
