from typing import Any

import pytest

from memmon.config.guardrails import Limit, Never
from memmon.incidents import guardrails
from memmon.incidents.actions.base import Subject
from memmon.incidents.guardrails import Hold, PastAction, Refusal

NOW = 10_000.0
API = Subject("a/api", "a", "memmimic/api", 4)


def done(at: float, subject: str = "a/api", state: str = "done", kin: str = "memmimic/api") -> PastAction:
    return PastAction(subject, kin, state, at - 1, at)


def running(subject: str = "a/api", kin: str = "memmimic/api") -> PastAction:
    return PastAction(subject, kin, "running", NOW - 1, None)


def judge(past: list[PastAction], held_since: float | None = None, subject: Subject = API, **limit: Any) -> Any:
    return guardrails.judge(Limit(name="restart", **limit), subject, past, NOW, held_since)


def test_without_limits_everything_may_be_done_that_is_not_being_done() -> None:
    assert judge([done(NOW - 1), done(NOW - 2)]) is None
    assert isinstance(judge([running()]), Hold)


@pytest.mark.parametrize(("ago", "refused"), [(10, True), (59, True), (60, False), (600, False)])
def test_the_same_subject_has_a_cooldown_that_is_waited_for_or_not(ago: float, refused: bool) -> None:
    assert isinstance(judge([done(NOW - ago)], cooldown=60, patience=0), Refusal) == refused
    assert judge([done(NOW - ago)], cooldown=60) == (
        Hold(NOW - ago + 60, f"it was done {ago:.0f} s ago, and is done every 60 s at most") if refused else None
    )
    assert judge([done(NOW - ago, "b/api")], cooldown=60) is None


def test_so_many_within_a_window_and_no_more() -> None:
    past = [done(NOW - 100 * n, f"{n}/api") for n in range(1, 4)]
    assert "3 times at most" in judge(past, most=3, window=1000).why
    assert judge(past, most=4, window=1000) is None
    assert judge(past, most=3, window=250) is None


def test_after_failures_on_end_it_is_left_alone_and_then_one_tries() -> None:
    failed = [done(NOW - 10 * n, f"{n}/api", "failed") for n in range(1, 4)]
    assert "failed 3 times on end" in judge(failed, failures=3, rest=60).why
    assert judge(failed[:2], failures=3, rest=60) is None
    assert judge([*failed, done(NOW - 5, "x/api")], failures=3, rest=60) is None
    rested = [entry._replace(finished_at=(entry.finished_at or 0) - 100) for entry in failed]
    assert judge(rested, failures=3, rest=60) is None
    trial = judge([*rested, running("x/api")], failures=3, rest=60)
    assert isinstance(trial, Hold)
    assert "whether it works again" in trial.why


def test_no_larger_share_of_a_kind_is_acted_on_at_once() -> None:
    two = [running("b/api"), done(NOW - 5, "c/api")]
    stored = judge(two, share=0.5)
    assert isinstance(stored, Hold)
    assert stored.why == "2 of 4 memmimic/api are acted on already, and 2 may be"
    assert judge(two[:1], share=0.5) is None
    assert judge([running("b/api"), done(NOW - 60, "c/api")], share=0.5) is None
    assert judge([running("x", kin="other")], share=0.5) is None


def test_one_may_always_be_acted_on() -> None:
    assert judge([], share=0.1, subject=Subject("a/api", "a", "memmimic/api", 1)) is None


def test_what_has_waited_long_enough_is_refused() -> None:
    past = [running("b/api"), running("c/api")]
    assert isinstance(judge(past, held_since=NOW - 299, share=0.5), Hold)
    assert "for 300 s by now" in judge(past, held_since=NOW - 300, share=0.5).why


def test_the_past_is_looked_at_as_far_back_as_a_limit_reaches() -> None:
    assert guardrails.reach(Limit(name="x", cooldown=10, window=7200, rest=60)) == 7200
    assert guardrails.reach(Limit(name="x", cooldown=9000, window=7200)) == 9000


@pytest.mark.parametrize(
    ("never", "forbidden"),
    [
        (Never(targets=("a",)), True),
        (Never(targets=("db-*",)), False),
        (Never(targets=("*",), actions=("isolate",)), False),
        (Never(subjects=("a/*",), actions=("restart",), reason="it holds the lock"), True),
    ],
)
def test_what_is_on_the_list_is_never_touched(never: Never, forbidden: bool) -> None:
    actual = guardrails.forbidden([never], "restart", API)
    assert (actual is not None) == forbidden
    if actual and never.reason:
        assert actual.why.endswith(never.reason)


def test_an_action_on_nothing_is_not_forbidden_by_a_pattern_for_everything() -> None:
    assert guardrails.forbidden([Never(targets=("*",), subjects=("*",))], "page", Subject("")) is None


def test_what_is_done_to_nothing_in_particular_is_never_busy_and_has_no_cooldown() -> None:
    nobody = Subject("")
    assert judge([running("", kin=""), done(NOW - 1, "", kin="")], subject=nobody, cooldown=60) is None
    assert isinstance(judge([done(NOW - 1, "", kin="")], subject=nobody, most=1), Refusal)
