"""Pure: what an incident does next. The only place that decides it.

Stages run in order, and in each its steps; the steps of a parallel group start together. A step
becomes an action. When it has ended, and was verified where the playbook requires it, the next one
follows. After the last one recovery is verified: no source fires, and the playbook's expression has
a result for a while. Without recovery, actions are rolled back in reverse order, and people take
over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from memmon.config.playbooks import Numbered, Stage, Step
from memmon.incidents import recovery
from memmon.incidents.model import (
    LOOK_EVERY,
    MAX_ROUNDS,
    UNDER_WAY,
    WAIT,
    AddNote,
    Ask,
    Command,
    Decision,
    Escalate,
    Mitigated,
    Progress,
    Run,
    Situation,
    StepKey,
    Withdraw,
)


def advance(situation: Situation, answers: Mapping[str, bool], now: float) -> Ask | Decision:
    """Return the commands to run now, or the expression whose result is needed first."""
    stages = situation.playbook.stages
    progress, commands = _overdue(situation, now)
    if progress.stage >= len(stages) and progress.joined:
        progress = _again(progress, situation.firing, commands)
        situation = situation._replace(actions={}) if not progress.stage else situation
    while progress.stage < len(stages):
        stage = stages[progress.stage]
        if not progress.entered:
            other = stage.otherwise and stages[progress.stage - 1].name not in progress.skipped
            if stage.when and not other and stage.when not in answers:
                return Ask(stage.when)
            if other or (stage.when and not answers[stage.when]):
                commands.append(AddNote("stage", f"{stage.name} does not apply"))
                progress = _next_stage(progress, skipped=stage.name)
                continue
            commands.append(AddNote("stage", f"{stage.name} began"))
            progress = progress._replace(entered=True, group=0, passed=(), effect="", failed=False)
        if progress.group >= len(stage.groups):
            commands += _completed(stage, progress)
            progress = _next_stage(progress)
            continue
        group_result = _group(situation, progress, stage, commands, answers, now)
        if isinstance(group_result, Ask):
            return group_result
        progress, due_at = group_result
        if due_at is not None:
            return Decision(progress, tuple(commands), _no_later(situation, progress, due_at))
        progress = _after_group(stage, progress, len(stages), commands)
    return recovery.end(situation, progress, commands, answers, now)


def _group(
    situation: Situation,
    progress: Progress,
    stage: Stage,
    commands: list[Command],
    answers: Mapping[str, bool],
    now: float,
) -> Ask | tuple[Progress, float | None]:
    """Advance the steps that started together; return their progress and the time of the next
    check, None when all have ended.
    """
    due: list[float] = []
    begun_at = progress.acted_at
    for numbered_step in stage.groups[progress.group]:
        if numbered_step.step_number in progress.passed:
            continue
        position = _Position(situation, progress, stage, answers, now, begun_at)
        step_result = _step(position, numbered_step, commands)
        if isinstance(step_result, Ask):
            return step_result
        if isinstance(step_result, float):
            due.append(step_result)
        else:
            progress = step_result
    return progress, min(due, default=None)


class _Position(NamedTuple):
    """The state of a stage when one of its steps is decided. `begun_at` is when its group began."""

    situation: Situation
    progress: Progress
    stage: Stage
    answers: Mapping[str, bool]
    now: float
    begun_at: float | None


def _step(position: _Position, numbered_step: Numbered, commands: list[Command]) -> Ask | float | Progress:
    """Return the expression to query, the time of the next check, or the new progress."""
    step_number, step = numbered_step
    place = StepKey(position.stage.name, step_number)
    ended = position.situation.actions.get(place)
    passed = position.progress._replace(passed=(*position.progress.passed, step_number))
    if ended is None:
        return _start_step(position, numbered_step, passed, commands)
    if ended.state in ("approval", "held") and step.while_firing and not position.situation.firing:
        skip_note = AddNote("skipped", f"{step.action} need not wait: nothing fires any more")
        commands += [Withdraw(place.stage, step_number), skip_note]
        return passed
    if ended.state in UNDER_WAY:
        return position.now + WAIT
    passed = passed._replace(acted_at=max(position.progress.acted_at or 0.0, ended.at or position.now))
    return passed if ended.state == "dry_run" else _end_step(position, numbered_step, passed, commands)


def _start_step(
    position: _Position, numbered_step: Numbered, passed: Progress, commands: list[Command]
) -> Ask | float | Progress:
    """Start a step unless it must wait, is skipped, or depends on an unknown expression."""
    step_number, step = numbered_step
    ready = (position.begun_at or position.situation.opened_at) + step.delay
    begun = _begin(position.situation, step, position.answers, position.now, ready)
    if isinstance(begun, AddNote):
        commands.append(begun)
        return passed
    if begun is not None:
        return begun
    commands.append(Run(position.stage, step_number))
    return position.now + WAIT


def _end_step(
    position: _Position, numbered_step: Numbered, passed: Progress, commands: list[Command]
) -> Ask | float | Progress:
    """Verify a finished step, roll it back where it failed, and return the progress after it."""
    step_number, step = numbered_step
    place, now = StepKey(position.stage.name, step_number), position.now
    ended = position.situation.actions[place]
    undone = position.situation.actions.get(StepKey(place.stage, step_number, undo=True))
    if ended.state == "done" and undone is None:
        proven = _proven(step, ended.at or now, position.answers, now)
        if proven is True:
            return passed
        if proven is not False:
            return proven
        commands.append(AddNote("unproven", f"{step.action} is done, but {step.verify.expr} does not hold"))  # type: ignore[union-attr]
    if step.rollback and ended.state in ("done", "failed"):
        if undone is None:
            commands.append(Run(position.stage, step_number, undo=True))
        if undone is None or undone.state in UNDER_WAY:
            return now + WAIT
    return _failed(step, "had no effect" if ended.state == "done" else ended.state, passed, commands)


def _begin(
    situation: Situation, step: Step, answers: Mapping[str, bool], now: float, ready: float
) -> Ask | AddNote | float | None:
    """Return the time to wait for, why a step is passed over, or what must be asked; None to run
    it.
    """
    if step.while_firing and not situation.firing:
        return AddNote("skipped", f"{step.action} is not needed: nothing fires any more")
    if step.delay and ready > now:
        return ready
    if step.when and step.when not in answers:
        return Ask(step.when)
    if step.when and not answers[step.when]:
        return AddNote("skipped", f"{step.action} is not needed: its condition does not hold")
    return None


def _proven(step: Step, at: float, answers: Mapping[str, bool], now: float) -> bool | float | Ask:
    """Tell whether an action that was done at `at` had its effect; the time to look again where
    that is not known yet.
    """
    if step.verify is None:
        return True
    if step.verify.expr not in answers:
        return Ask(step.verify.expr)
    if answers[step.verify.expr]:
        return True
    deadline = at + step.verify.within
    return False if now >= deadline else min(deadline, now + LOOK_EVERY)


def _failed(step: Step, how: str, passed: Progress, commands: list[Command]) -> Progress:
    effect = passed.effect
    if step.on_failure in ("escalate", "stop"):
        commands.append(Escalate(f"{step.action} {how}"))
    if step.on_failure == "stop" or (step.on_failure == "next" and effect != "stop"):
        effect = step.on_failure
    return passed._replace(failed=True, effect=effect)


def _after_group(stage: Stage, progress: Progress, stages: int, commands: list[Command]) -> Progress:
    after = progress._replace(group=progress.group + 1, passed=(), effect="")
    if progress.effect == "stop":
        commands.append(AddNote("manual", f"{stage.name} stopped: people must do the rest"))
        return after._replace(stage=stages, entered=False, manual=True)
    if progress.effect == "next":
        commands.append(AddNote("stage", f"{stage.name} ended early: a step failed"))
        return _next_stage(after)
    return after


def _again(progress: Progress, firing: bool, commands: list[Command]) -> Progress:
    """Go through the stages once more, for the alert that came after their end."""
    heard = progress._replace(joined=False)
    if not firing:
        return heard
    if progress.round + 1 - progress.first >= MAX_ROUNDS:
        commands.append(AddNote("stage", f"more alerts after {MAX_ROUNDS} rounds: people must mend it"))
        return heard
    commands.append(AddNote("stage", "more alerts: the response begins again"))
    return Progress(
        overdue=progress.overdue, acted_at=progress.acted_at, round=progress.round + 1, first=progress.first
    )


def _completed(stage: Stage, progress: Progress) -> list[Command]:
    stage_note = AddNote("stage", f"{stage.name} ended" + (" with failures" if progress.failed else ""))
    return [stage_note, Mitigated()] if stage.mitigates and not progress.failed else [stage_note]


def _next_stage(progress: Progress, skipped: str | None = None) -> Progress:
    names = (*progress.skipped, skipped) if skipped else progress.skipped
    return progress._replace(
        stage=progress.stage + 1, group=0, passed=(), effect="", entered=False, failed=False, skipped=names
    )


def _overdue(situation: Situation, now: float) -> tuple[Progress, list[Command]]:
    """Name the stages that should have been done by now and are not."""
    progress = situation.progress
    late = [
        stage
        for stage in situation.playbook.stages[progress.stage :]
        if situation.opened_at + stage.due <= now and stage.name not in progress.overdue
    ]
    names = (*progress.overdue, *(stage.name for stage in late))
    notes: list[Command] = [AddNote("overdue", f"{stage.name} was due after {stage.due:g} s") for stage in late]
    return progress._replace(overdue=names), notes


def _no_later(situation: Situation, progress: Progress, when: float) -> float:
    """Return `when`, or the time at which the next stage becomes overdue when that is sooner."""
    left = (
        situation.opened_at + stage.due
        for stage in situation.playbook.stages[progress.stage :]
        if stage.name not in progress.overdue
    )
    return min([when, *left])


def lost(move: Decision) -> Decision:
    """Return the move of an incident whose playbook cannot be read any more: people must see to
    it.
    """
    manual_note = AddNote("manual", "the playbook of this incident cannot be read by this version: people must mend it")
    return move._replace(
        progress=move.progress._replace(manual=True), commands=(manual_note, Escalate("no playbook"), *move.commands)
    )
