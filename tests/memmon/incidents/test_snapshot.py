from typing import Any

import pytest

from memmon.config.escalation import Chain, Level
from memmon.config.playbooks import Condition, Playbook, Stage, Step, Together, Undo
from memmon.incidents import snapshot
from memmon.incidents.model import Progress

BOOK = Playbook(
    name="p", title="t", severity="high", mttr_target=60, match=Condition(), stages=(Stage(name="s", due=5),)
).model_dump(mode="json")
CHAIN = Chain(name="c", levels=(Level(name="l", after=0),)).model_dump(mode="json")


def test_what_the_model_knows_no_more_is_passed_over() -> None:
    old = {**BOOK, "colour": "red", "stages": [{**BOOK["stages"][0], "mood": "bad"}]}
    assert snapshot.playbook(old).stages[0].name == "s"
    assert snapshot.chain({**CHAIN, "levels": [{**CHAIN["levels"][0], "pager": 1}]}).levels[0].name == "l"


@pytest.mark.parametrize("old", [{}, {**BOOK, "severity": "odd"}, {**BOOK, "stages": [{"name": "s"}]}])
def test_a_playbook_that_cannot_be_read_takes_no_step(old: dict[str, Any]) -> None:
    assert snapshot.playbook(old).stages == ()
    assert not snapshot.is_readable(old)
    assert snapshot.is_readable(BOOK)


def test_a_chain_that_cannot_be_read_pages_whoever_hears_of_every_alert() -> None:
    [level] = snapshot.chain({"name": "c", "levels": []}).levels
    assert level.receivers == ()


def test_progress_of_another_version_is_read_as_far_as_it_goes() -> None:
    assert snapshot.progress({"stage": 2, "overdue": ["s"], "gone": 1}) == Progress(stage=2, overdue=("s",))


def test_what_was_frozen_is_read_again_as_it_was() -> None:
    group = Together(parallel=(Step(action="page"), Step(action="isolate", rollback=Undo(after="end"), approval=True)))
    stage = Stage(name="s", due=5, steps=(group, Step(action="restart")))
    book = Playbook(name="p", title="t", severity="high", mttr_target=60, match=Condition(), stages=(stage,))
    assert snapshot.playbook(book.model_dump(mode="json", by_alias=True)) == book
    assert [[entry.step_number for entry in group] for group in stage.groups] == [[0, 1], [2]]


def test_progress_is_read_again_as_it_was_written() -> None:
    progress = Progress(stage=1, group=2, passed=(1, 3), ending="end", skipped=("a",))
    assert snapshot.progress(progress._asdict()) == progress
