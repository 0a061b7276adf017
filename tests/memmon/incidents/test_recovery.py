"""Rollbacks without recovery, and at the end of the incident."""

from memmon.incidents import model
from memmon.incidents.model import Close, Ended, Escalate, Progress, Run, StepKey
from tests.memmon.incidents.test_playbook import OPENED, a_playbook, a_stage, moved, situation

BOOK = a_playbook(
    a_stage(
        {"action": "isolate", "rollback": {"after": "end"}}, {"action": "scale", "rollback": {}}, {"action": "page"}
    )
)
DONE = {StepKey("first", n): Ended("done", OPENED) for n in range(3)}
OVER = Progress(stage=1, acted_at=OPENED)


def undone(index: int) -> dict[StepKey, Ended]:
    return {StepKey("first", index, undo=True): Ended("done", OPENED + 101)}


def test_without_recovery_all_is_taken_back_the_last_first_and_then_people_mend_it() -> None:
    first = moved(situation(BOOK, OVER, DONE), OPENED + 100)
    assert Run(BOOK.stages[0], 1, undo=True) in first.commands
    assert model.state_of(BOOK, first.progress) == "rolling_back"
    second = moved(situation(BOOK, first.progress, {**DONE, **undone(1)}), OPENED + 101)
    assert second.commands == (Run(BOOK.stages[0], 0, undo=True),)
    arguments = moved(situation(BOOK, second.progress, {**DONE, **undone(1), **undone(0)}), OPENED + 102)
    assert model.state_of(BOOK, arguments.progress) == "manual"
    assert Escalate("no recovery") in arguments.commands


def test_after_a_recovery_only_what_is_for_the_end_is_taken_back_before_it_closes() -> None:
    changed = OVER._replace(held_since=OPENED + 5)
    first = moved(situation(BOOK, changed, DONE, firing=False), OPENED + 15)
    assert first.commands == (Run(BOOK.stages[0], 0, undo=True),)
    waiting = {**DONE, StepKey("first", 0, undo=True): Ended("running", None)}
    assert moved(situation(BOOK, first.progress, waiting, firing=False), OPENED + 16).commands == ()
    closed = moved(situation(BOOK, first.progress, {**DONE, **undone(0)}, firing=False), OPENED + 17)
    assert closed.commands == (Close("recovery verified"),)


def test_one_that_cannot_be_taken_back_holds_nothing_up() -> None:
    changed = OVER._replace(ending="end")
    failed = {**DONE, StepKey("first", 0, undo=True): Ended("failed", OPENED + 16)}
    assert moved(situation(BOOK, changed, failed, firing=False), OPENED + 17).commands == (Close("recovery verified"),)


def test_what_was_not_done_is_not_taken_back() -> None:
    nothing = {StepKey("first", n): Ended("failed", OPENED) for n in range(3)}
    arguments = moved(situation(BOOK, OVER, nothing), OPENED + 100)
    assert not any(isinstance(command, Run) for command in arguments.commands)
