"""Pure: decides whether an incident has recovered, and which actions are rolled back before it
closes or escalates.
"""

from __future__ import annotations

from collections.abc import Mapping

from memmon.config.playbooks import Playbook, Stage
from memmon.incidents.model import (
    LOOK_EVERY,
    UNDER_WAY,
    WAIT,
    AddNote,
    Ask,
    Close,
    Command,
    Decision,
    Ended,
    Escalate,
    Progress,
    Run,
    Situation,
    StepKey,
)


def end(
    situation: Situation, progress: Progress, commands: list[Command], answers: Mapping[str, bool], now: float
) -> Ask | Decision:
    """After the last stage: verify, roll back, then close or hand over to people."""
    while True:
        if progress.ending:
            pending = _take_back(situation, progress.ending)
            if pending:
                commands += [command for command in pending if isinstance(command, Run)]
                return Decision(progress, tuple(commands), now + WAIT)
            if progress.ending == "end":
                return Decision(progress, (*commands, Close("recovery verified")), now)
            progress = progress._replace(ending="", manual=True)
            commands += [AddNote("manual", "people must mend it"), Escalate("no recovery")]
        verification_result = _verify(situation, progress, commands, answers, now)
        if not isinstance(verification_result, Progress):
            return verification_result
        progress = verification_result


def to_take_back(
    playbook: Playbook, actions: Mapping[StepKey, Ended], reason: str
) -> list[tuple[Stage, int, Ended | None]]:
    """Return the finished steps to roll back for `reason` (failure, end), the last first, with the
    state of their rollbacks.
    """
    candidates = []
    for stage, step_number, step in reversed(list(playbook.steps())):
        done = actions.get(StepKey(stage.name, step_number))
        is_due = step.rollback and (reason == "failure" or step.rollback.after == "end")
        if is_due and done is not None and done.state == "done":
            candidates.append((stage, step_number, actions.get(StepKey(stage.name, step_number, undo=True))))
    return candidates


def _take_back(situation: Situation, reason: str) -> list[Run | None]:
    """Return the rollback to start now, None while one is running, and an empty list when all are
    finished.
    """
    for stage, step_number, undone in to_take_back(situation.playbook, situation.actions, reason):
        if undone is None:
            return [Run(stage, step_number, undo=True)]
        if undone.state in UNDER_WAY:
            return [None]
    return []


def _verify(
    situation: Situation, progress: Progress, commands: list[Command], answers: Mapping[str, bool], now: float
) -> Ask | Decision | Progress:
    """Check the recovery; return the progress of a started rollback if there is one."""
    verification = situation.playbook.verification
    since = progress.acted_at or situation.opened_at
    if now < since + verification.settle:
        return Decision(progress, tuple(commands), since + verification.settle)
    expr = verification.expr if situation.watched else None
    if not situation.firing and expr and expr not in answers:
        return Ask(expr)
    if not situation.firing and (not expr or answers[expr]):
        held_since = progress.held_since if progress.held_since is not None else now
        progress = progress._replace(held_since=held_since)
        if now - held_since >= verification.hold:
            return progress._replace(ending="end")
        return Decision(progress, tuple(commands), min(held_since + verification.hold, now + LOOK_EVERY))
    progress = progress._replace(held_since=None)
    if not progress.manual and now >= since + verification.timeout:
        commands.append(AddNote("unrecovered", f"no recovery {verification.timeout:g} s after the last action"))
        return progress._replace(ending="failure")
    again = now + (WAIT if situation.firing else LOOK_EVERY)
    return Decision(progress, tuple(commands), again if progress.manual else min(again, since + verification.timeout))
