"""Pure: what an incident does next. The only place that decides it.

Stages are gone through in order, and in each its steps. A step becomes an action; when the action has ended the next one follows.
After the last one recovery is verified: nothing that opened the incident fires any more, and the playbook's expression
holds, for a while on end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from memmon.config.playbooks import Playbook, Stage, Step

LOOK_EVERY = 5.0
"""Seconds between two looks at a recovery."""

WAIT = 30.0
"""Seconds between two looks while alerts fire or an action is under way: their end wakes the incident sooner."""

UNDER_WAY = ("waiting", "approval", "running")


MAX_ROUNDS = 3
"""How often the stages are gone through: an alert that comes after their end is a reason to begin again, a flapping one is not
a reason to restart for ever."""


class Progress(NamedTuple):
    """How far an incident is. Times are Unix seconds; `overdue` and `skipped` name stages; `round` counts how often they were
    gone through before, and `joined` says that an alert came after this round had begun."""

    stage: int = 0
    step: int = 0
    entered: bool = False
    acted_at: float | None = None
    failed: bool = False
    held_since: float | None = None
    manual: bool = False
    overdue: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    round: int = 0
    joined: bool = False


class Ended(NamedTuple):
    """How an action is: its state, and when it ended (Unix seconds)."""

    state: str
    at: float | None


class Situation(NamedTuple):
    """All that the decision is made from. `actions` of this round are known by stage and step; `firing`: a source alert still
    fires; `watched`: what the incident is about is a target, so that its recovery can be asked for."""

    opened_at: float
    playbook: Playbook
    progress: Progress
    actions: Mapping[tuple[str, int], Ended]
    firing: bool
    watched: bool = True


class Ask(NamedTuple):
    """The answer to this expression is needed first."""

    expr: str


class Note(NamedTuple):
    """A line for the timeline."""

    kind: str
    text: str


class Run(NamedTuple):
    """Do this step of this stage."""

    stage: Stage
    number: int

    @property
    def step(self) -> Step:
        return self.stage.steps[self.number]


class Withdraw(NamedTuple):
    """Nobody need approve the step `number` of this stage any more."""

    stage: str
    number: int


class Escalate(NamedTuple):
    """Page the next level now."""

    reason: str


class Mitigated(NamedTuple):
    """The harm has ended."""


class Close(NamedTuple):
    """The incident is over."""

    reason: str


Command = Note | Run | Withdraw | Escalate | Mitigated | Close


class Move(NamedTuple):
    """What is done now, in order; how far the incident is then, and when it is looked at again (Unix seconds)."""

    progress: Progress
    commands: tuple[Command, ...]
    due_at: float


def state_of(playbook: Playbook, progress: Progress) -> str:
    """Return open, verifying or manual."""
    if progress.manual:
        return "manual"
    return "verifying" if progress.stage >= len(playbook.stages) else "open"


def advance(situation: Situation, answers: Mapping[str, bool], now: float) -> Ask | Move:
    """Return what is to be done now, or the expression whose answer must be known first."""
    stages = situation.playbook.stages
    progress, commands = _overdue(situation, now)
    if progress.stage >= len(stages) and progress.joined:
        progress = _again(progress, situation.firing, commands)
        situation = situation._replace(actions={}) if not progress.stage else situation
    while progress.stage < len(stages):
        stage = stages[progress.stage]
        if not progress.entered:
            if stage.when and stage.when not in answers:
                return Ask(stage.when)
            if stage.when and not answers[stage.when]:
                commands.append(Note("stage", f"{stage.name} does not apply"))
                progress = _next_stage(progress, skipped=stage.name)
                continue
            commands.append(Note("stage", f"{stage.name} began"))
            progress = progress._replace(entered=True, step=0, failed=False)
        if progress.step >= len(stage.steps):
            commands += _completed(stage, progress)
            progress = _next_stage(progress)
            continue
        ended = situation.actions.get((stage.name, progress.step))
        if ended is None:
            begun = _begin(situation, progress, stage, answers, now)
            if isinstance(begun, Ask):
                return begun
            if isinstance(begun, Note):
                commands.append(begun)
                progress = progress._replace(step=progress.step + 1)
                continue
            when = begun if isinstance(begun, float) else now + WAIT
            more = () if isinstance(begun, float) else (begun,)
            return Move(progress, (*commands, *more), _no_later(situation, progress, when))
        step = stage.steps[progress.step]
        if ended.state == "approval" and step.while_firing and not situation.firing:
            said = Note("skipped", f"{step.action} needs no approval: nothing fires any more")
            commands += [Withdraw(stage.name, progress.step), said]
            progress = progress._replace(step=progress.step + 1)
            continue
        if ended.state in UNDER_WAY:
            return Move(progress, tuple(commands), _no_later(situation, progress, now + WAIT))
        progress = _after_action(stage, progress, ended, commands, now)
        if (
            progress.stage < len(stages)
            and ended.state != "done"
            and stage.steps[progress.step - 1].on_failure == "stop"
        ):
            progress = progress._replace(stage=len(stages), entered=False)
    return _verify(situation, progress, commands, answers, now)


def _again(progress: Progress, firing: bool, commands: list[Command]) -> Progress:
    """Go through the stages once more, for the alert that came after their end."""
    heard = progress._replace(joined=False)
    if not firing:
        return heard
    if progress.round + 1 >= MAX_ROUNDS:
        commands.append(Note("stage", f"more alerts after {MAX_ROUNDS} rounds: people must mend it"))
        return heard
    commands.append(Note("stage", "more alerts: the response begins again"))
    return heard._replace(
        stage=0,
        step=0,
        entered=False,
        failed=False,
        held_since=None,
        manual=False,
        skipped=(),
        round=progress.round + 1,
    )


def _begin(
    situation: Situation, progress: Progress, stage: Stage, answers: Mapping[str, bool], now: float
) -> Ask | Note | float | Run:
    """Return the step to run, the time to wait for, why it is passed over, or what must be asked."""
    step = stage.steps[progress.step]
    if step.while_firing and not situation.firing:
        return Note("skipped", f"{step.action} is not needed: nothing fires any more")
    ready = (progress.acted_at or situation.opened_at) + step.delay
    if step.delay and ready > now:
        return ready
    if step.when and step.when not in answers:
        return Ask(step.when)
    if step.when and not answers[step.when]:
        return Note("skipped", f"{step.action} is not needed: its condition does not hold")
    return Run(stage, progress.step)


def _after_action(stage: Stage, progress: Progress, ended: Ended, commands: list[Command], now: float) -> Progress:
    step = stage.steps[progress.step]
    after = progress._replace(step=progress.step + 1, acted_at=ended.at or now)
    if ended.state == "done":
        return after
    if step.on_failure == "escalate":
        commands.append(Escalate(f"{step.action} {ended.state}"))
    elif step.on_failure == "stop":
        commands.append(Note("stage", f"{stage.name} stopped: {step.action} {ended.state}"))
    return after._replace(failed=True)


def _completed(stage: Stage, progress: Progress) -> list[Command]:
    said = Note("stage", f"{stage.name} ended" + (" with failures" if progress.failed else ""))
    return [said, Mitigated()] if stage.mitigates and not progress.failed else [said]


def _next_stage(progress: Progress, skipped: str | None = None) -> Progress:
    names = (*progress.skipped, skipped) if skipped else progress.skipped
    return progress._replace(stage=progress.stage + 1, step=0, entered=False, failed=False, skipped=names)


def _overdue(situation: Situation, now: float) -> tuple[Progress, list[Command]]:
    """Name the stages that should have been done by now and are not."""
    progress = situation.progress
    late = [
        stage
        for stage in situation.playbook.stages[progress.stage :]
        if situation.opened_at + stage.due <= now and stage.name not in progress.overdue
    ]
    names = (*progress.overdue, *(stage.name for stage in late))
    notes: list[Command] = [Note("overdue", f"{stage.name} was due after {stage.due:g} s") for stage in late]
    return progress._replace(overdue=names), notes


def _no_later(situation: Situation, progress: Progress, when: float) -> float:
    """Return `when`, or the time at which the next stage becomes overdue when that is sooner."""
    left = (
        situation.opened_at + stage.due
        for stage in situation.playbook.stages[progress.stage :]
        if stage.name not in progress.overdue
    )
    return min([when, *left])


def _verify(
    situation: Situation, progress: Progress, commands: list[Command], answers: Mapping[str, bool], now: float
) -> Ask | Move:
    wanted = situation.playbook.verification
    since = progress.acted_at or situation.opened_at
    if now < since + wanted.settle:
        return Move(progress, tuple(commands), since + wanted.settle)
    expr = wanted.expr if situation.watched else None
    if not situation.firing and expr and expr not in answers:
        return Ask(expr)
    if not situation.firing and (not expr or answers[expr]):
        held = progress.held_since if progress.held_since is not None else now
        progress = progress._replace(held_since=held)
        if now - held >= wanted.hold:
            return Move(progress, (*commands, Close("recovery verified")), now)
        return Move(progress, tuple(commands), min(held + wanted.hold, now + LOOK_EVERY))
    progress = progress._replace(held_since=None)
    if not progress.manual and now >= since + wanted.timeout:
        progress = progress._replace(manual=True)
        commands += [
            Note("manual", f"no recovery {wanted.timeout:g} s after the last action: people must mend it"),
            Escalate("no recovery"),
        ]
    again = now + (WAIT if situation.firing else LOOK_EVERY)
    return Move(progress, tuple(commands), again if progress.manual else min(again, since + wanted.timeout))


def lost(move: Move) -> Move:
    """Return the move of an incident whose playbook cannot be read any more: people must see to it."""
    said = Note("manual", "the playbook of this incident cannot be read by this version: people must mend it")
    return move._replace(
        progress=move.progress._replace(manual=True), commands=(said, Escalate("no playbook"), *move.commands)
    )
