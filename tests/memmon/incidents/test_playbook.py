from collections.abc import Mapping
from typing import Any

import pytest

from memmon.config.playbooks import Playbook
from memmon.incidents import model, playbook
from memmon.incidents.model import (
    AddNote,
    Ask,
    Close,
    Decision,
    Ended,
    Escalate,
    Mitigated,
    Progress,
    Run,
    Situation,
    StepKey,
    Withdraw,
)

OPENED = 1000.0


def a_playbook(*stages: dict[str, Any], **verification: Any) -> Playbook:
    return Playbook.model_validate(
        {
            "name": "p",
            "title": "t",
            "severity": "high",
            "mttr_target": 60,
            "match": {},
            "stages": stages,
            "verification": {"settle": 5, "hold": 10, "timeout": 100, **verification},
        }
    )


def a_stage(*steps: dict[str, Any], name: str = "first", due: float = 30, **extra: Any) -> dict[str, Any]:
    return {"name": name, "due": due, "steps": steps, **extra}


def situation(
    book: Playbook,
    progress: Progress | None = None,
    actions: Mapping[StepKey, Ended] | None = None,
    firing: bool = True,
) -> Situation:
    return Situation(OPENED, book, progress or Progress(), actions or {}, firing)


def moved(situation: Situation, now: float = OPENED, **answers: bool) -> Decision:
    advance = playbook.advance(situation, answers, now)
    assert isinstance(advance, Decision)
    return advance


def runs(move: Decision) -> list[str]:
    return [command.step.action for command in move.commands if isinstance(command, Run)]


def notes(move: Decision, kind: str) -> list[str]:
    return [command.text for command in move.commands if isinstance(command, AddNote) and command.kind == kind]


def test_the_first_step_of_the_first_stage_is_run_at_once() -> None:
    move = moved(situation(a_playbook(a_stage({"action": "page"}, {"action": "restart"}))))
    assert runs(move) == ["page"]
    assert notes(move, "stage") == ["first began"]


def test_nothing_new_is_run_while_an_action_is_under_way() -> None:
    book = a_playbook(a_stage({"action": "page"}, {"action": "restart"}))
    for state in ("waiting", "approval", "running"):
        move = moved(situation(book, Progress(entered=True), {StepKey("first", 0): Ended(state, None)}))
        assert move.commands == ()
        assert move.due_at == OPENED + model.WAIT


def test_the_next_step_follows_the_end_of_the_one_before() -> None:
    book = a_playbook(a_stage({"action": "page"}, {"action": "restart"}))
    move = moved(situation(book, Progress(entered=True), {StepKey("first", 0): Ended("done", OPENED + 1)}), OPENED + 1)
    assert runs(move) == ["restart"]


def test_a_stage_whose_condition_does_not_hold_is_skipped() -> None:
    book = a_playbook(a_stage({"action": "page"}, when="up == 0"), a_stage({"action": "restart"}, name="second"))
    assert playbook.advance(situation(book), {}, OPENED) == Ask("up == 0")
    move = moved(situation(book), OPENED, **{"up == 0": False})
    assert runs(move) == ["restart"]
    assert move.progress.skipped == ("first",)


def test_of_two_branches_one_is_taken_whatever_is_so_later() -> None:
    book = a_playbook(
        a_stage({"action": "restart"}, when="up == 0"), a_stage({"action": "page"}, name="other", otherwise=True)
    )
    assert runs(moved(situation(book), OPENED, **{"up == 0": False})) == ["page"]
    taken = situation(book, Progress(entered=True), {StepKey("first", 0): Ended("done", OPENED)})
    move = moved(taken, OPENED, **{"up == 0": False})
    assert (runs(move), move.progress.skipped) == ([], ("other",))


def test_a_step_is_asked_about_only_when_its_turn_comes() -> None:
    book = a_playbook(a_stage({"action": "page"}, {"action": "restart", "when": "up == 0"}))
    assert runs(moved(situation(book))) == ["page"]
    after = situation(book, Progress(entered=True), {StepKey("first", 0): Ended("done", OPENED)})
    assert playbook.advance(after, {}, OPENED) == Ask("up == 0")
    assert runs(moved(after, OPENED, **{"up == 0": True})) == ["restart"]


def test_a_step_for_while_it_fires_is_passed_over_once_nothing_does() -> None:
    book = a_playbook(a_stage({"action": "restart", "while_firing": True}))
    assert runs(moved(situation(book, firing=True))) == ["restart"]
    move = moved(situation(book, firing=False))
    assert runs(move) == []
    assert notes(move, "skipped") == ["restart is not needed: nothing fires any more"]


def test_a_delay_counts_from_the_action_before() -> None:
    book = a_playbook(a_stage({"action": "clear_cache"}, {"action": "restart", "delay": 20}, due=600))
    begun = situation(book, Progress(entered=True), {StepKey("first", 0): Ended("done", OPENED + 3)})
    waiting = moved(begun, OPENED + 4)
    assert runs(waiting) == []
    assert waiting.due_at == OPENED + 23
    later = situation(book, waiting.progress, begun.actions)
    assert runs(moved(later, OPENED + 23)) == ["restart"]


@pytest.mark.parametrize("state", ["failed", "refused", "rejected"])
def test_a_step_that_failed_escalates_where_the_playbook_says_so(state: str) -> None:
    book = a_playbook(a_stage({"action": "restart", "on_failure": "escalate"}, {"action": "page"}))
    move = moved(situation(book, Progress(entered=True), {StepKey("first", 0): Ended(state, OPENED)}))
    assert Escalate(f"restart {state}") in move.commands
    assert runs(move) == ["page"]


def test_a_step_that_stops_leaves_the_rest_to_people() -> None:
    book = a_playbook(
        a_stage({"action": "restart", "on_failure": "stop"}, {"action": "page"}), a_stage({"action": "http"}, name="b")
    )
    move = moved(situation(book, Progress(entered=True), {StepKey("first", 0): Ended("failed", OPENED)}))
    assert runs(move) == []
    assert Escalate("restart failed") in move.commands
    assert model.state_of(book, move.progress) == "manual"


def test_a_step_that_fails_may_end_its_stage_and_not_the_response() -> None:
    book = a_playbook(
        a_stage({"action": "restart", "on_failure": "next"}, {"action": "page"}), a_stage({"action": "http"}, name="b")
    )
    move = moved(situation(book, Progress(entered=True), {StepKey("first", 0): Ended("failed", OPENED)}))
    assert runs(move) == ["http"]
    assert notes(move, "stage") == ["first ended early: a step failed", "b began"]


def test_steps_of_a_parallel_group_begin_at_once_and_what_follows_waits_for_all() -> None:
    book = a_playbook(a_stage({"parallel": [{"action": "page"}, {"action": "isolate"}]}, {"action": "restart"}))
    assert runs(moved(situation(book))) == ["page", "isolate"]
    entry = moved(
        situation(
            book,
            Progress(entered=True),
            {StepKey("first", 0): Ended("done", OPENED), StepKey("first", 1): Ended("running", None)},
        )
    )
    assert runs(entry) == []
    assert entry.progress.passed == (0,)
    both = {StepKey("first", 0): Ended("done", OPENED), StepKey("first", 1): Ended("done", OPENED + 1)}
    assert runs(moved(situation(book, entry.progress, both), OPENED + 1)) == ["restart"]


def test_one_that_stops_in_a_group_is_heard_once_the_others_have_ended() -> None:
    steps = {"parallel": [{"action": "restart", "on_failure": "stop"}, {"action": "page"}]}
    book = a_playbook(a_stage(steps, {"action": "http"}))
    failed = {StepKey("first", 0): Ended("failed", OPENED), StepKey("first", 1): Ended("running", None)}
    move = moved(situation(book, Progress(entered=True), failed))
    assert model.state_of(book, move.progress) == "open"
    ended = {**failed, StepKey("first", 1): Ended("done", OPENED)}
    after = moved(situation(book, move.progress, ended))
    assert runs(after) == []
    assert model.state_of(book, after.progress) == "manual"


PROVEN = {"action": "restart", "verify": {"expr": "up == 1", "within": 30}, "rollback": {"action": "page"}}


def test_an_action_is_done_once_its_effect_is_seen() -> None:
    book = a_playbook(a_stage(PROVEN, {"action": "http"}))
    done = situation(book, Progress(entered=True), {StepKey("first", 0): Ended("done", OPENED)})
    assert playbook.advance(done, {}, OPENED) == Ask("up == 1")
    waiting = moved(done, OPENED + 1, **{"up == 1": False})
    assert (runs(waiting), waiting.due_at) == ([], OPENED + 6)
    assert runs(moved(done, OPENED + 2, **{"up == 1": True})) == ["http"]


def test_an_action_without_its_effect_is_taken_back_and_has_failed() -> None:
    book = a_playbook(a_stage(PROVEN, {"action": "http"}))
    done = situation(book, Progress(entered=True), {StepKey("first", 0): Ended("done", OPENED)})
    late = moved(done, OPENED + 30, **{"up == 1": False})
    assert [command for command in late.commands if isinstance(command, Run)] == [Run(book.stages[0], 0, undo=True)]
    undone = {**done.actions, StepKey("first", 0, undo=True): Ended("done", OPENED + 31)}
    after = moved(done._replace(progress=late.progress, actions=undone), OPENED + 31, **{"up == 1": False})
    assert runs(after) == ["http"]
    assert after.progress.failed


def test_what_was_refused_is_not_taken_back() -> None:
    book = a_playbook(a_stage(PROVEN, {"action": "http"}))
    refused = situation(book, Progress(entered=True), {StepKey("first", 0): Ended("refused", OPENED)})
    assert runs(moved(refused)) == ["http"]


def test_a_dry_run_goes_on_and_mitigates_nothing() -> None:
    book = a_playbook(a_stage(PROVEN, {"action": "http"}))
    dry = situation(book, Progress(entered=True), {StepKey("first", 0): Ended("dry_run", OPENED)})
    assert runs(moved(dry)) == ["http"]


def test_the_success_of_a_mitigating_stage_ends_the_harm_and_its_failure_does_not() -> None:
    book = a_playbook(a_stage({"action": "block_ip"}, mitigates=True))
    entered = Progress(entered=True)
    assert Mitigated() in moved(situation(book, entered, {StepKey("first", 0): Ended("done", OPENED)})).commands
    assert Mitigated() not in moved(situation(book, entered, {StepKey("first", 0): Ended("refused", OPENED)})).commands


def test_a_stage_that_is_late_is_named_once() -> None:
    book = a_playbook(a_stage({"action": "page"}, due=30))
    running = {StepKey("first", 0): Ended("running", None)}
    waiting = moved(situation(book, Progress(entered=True), running), OPENED + 28)
    assert waiting.due_at == OPENED + 30
    late = moved(situation(book, Progress(entered=True), running), OPENED + 30)
    assert notes(late, "overdue") == ["first was due after 30 s"]
    assert notes(moved(situation(book, late.progress, running), OPENED + 40), "overdue") == []


def test_recovery_must_hold_before_the_incident_closes() -> None:
    book = a_playbook(expr="up == 1")
    acted = Progress(acted_at=OPENED)
    assert moved(situation(book, acted, firing=False), OPENED + 4).due_at == OPENED + 5
    assert playbook.advance(situation(book, acted, firing=False), {}, OPENED + 5) == Ask("up == 1")
    good = moved(situation(book, acted, firing=False), OPENED + 5, **{"up == 1": True})
    assert good.progress.held_since == OPENED + 5
    assert good.due_at == OPENED + 10
    closed = moved(situation(book, good.progress, firing=False), OPENED + 15, **{"up == 1": True})
    assert closed.commands == (Close("recovery verified"),)


def test_a_relapse_starts_the_hold_again() -> None:
    book = a_playbook()
    progress = Progress(acted_at=OPENED, held_since=OPENED + 5)
    relapsed = moved(situation(book, progress, firing=True), OPENED + 12)
    assert relapsed.progress.held_since is None
    again = moved(situation(book, relapsed.progress, firing=False), OPENED + 16)
    assert again.commands == ()
    assert again.progress.held_since == OPENED + 16


def test_what_fires_still_is_not_recovered_whatever_the_expression_says() -> None:
    book = a_playbook(expr="up == 1")
    move = moved(situation(book, Progress(acted_at=OPENED), firing=True), OPENED + 50)
    assert move.progress.held_since is None


def test_what_is_watched_no_more_closes_once_nothing_fires() -> None:
    book = a_playbook(expr="up == 1")
    gone = situation(book, Progress(acted_at=OPENED), firing=False)._replace(watched=False)
    stored = moved(gone, OPENED + 5)
    assert moved(gone._replace(progress=stored.progress), OPENED + 15).commands == (Close("recovery verified"),)


def test_no_recovery_in_time_is_for_people_and_still_watched() -> None:
    book = a_playbook()
    arguments = moved(situation(book, Progress(acted_at=OPENED)), OPENED + 100)
    assert model.state_of(book, arguments.progress) == "manual"
    assert Escalate("no recovery") in arguments.commands
    quiet = moved(situation(book, arguments.progress), OPENED + 105)
    assert quiet.commands == ()
    recovered = moved(situation(book, arguments.progress, firing=False), OPENED + 110)
    assert moved(situation(book, recovered.progress, firing=False), OPENED + 120).commands == (
        Close("recovery verified"),
    )


def test_what_fires_is_looked_at_seldom_and_a_recovery_often() -> None:
    book, acted = a_playbook(expr="up == 1"), Progress(acted_at=OPENED)
    assert moved(situation(book, acted), OPENED + 6).due_at == OPENED + 6 + model.WAIT
    assert moved(situation(book, acted), OPENED + 90).due_at == OPENED + 100
    sick = moved(situation(book, acted, firing=False), OPENED + 6, **{"up == 1": False})
    assert sick.due_at == OPENED + 6 + model.LOOK_EVERY


def test_an_approval_for_while_it_fires_is_withdrawn_once_nothing_does() -> None:
    book = a_playbook(a_stage({"action": "restart", "while_firing": True, "approval": True}, {"action": "page"}))
    waits = situation(book, Progress(entered=True), {StepKey("first", 0): Ended("approval", None)})
    assert moved(waits).commands == ()
    move = moved(waits._replace(firing=False))
    assert Withdraw("first", 0) in move.commands
    assert runs(move) == ["page"]


def test_an_alert_that_comes_after_the_end_of_the_response_lets_it_begin_again() -> None:
    book = a_playbook(a_stage({"action": "restart", "while_firing": True}))
    ended = Progress(stage=1, acted_at=OPENED, joined=True)
    once = {StepKey("first", 0): Ended("done", OPENED)}
    move = moved(situation(book, ended, once), OPENED + 1)
    assert runs(move) == ["restart"]
    assert (move.progress.round, move.progress.joined) == (1, False)
    assert model.state_of(book, move.progress) == "open"


def test_an_alert_that_ended_at_once_does_not() -> None:
    book = a_playbook(a_stage({"action": "restart"}))
    move = moved(situation(book, Progress(stage=1, acted_at=OPENED, joined=True), firing=False), OPENED + 1)
    assert runs(move) == []
    assert not move.progress.joined


def test_a_flapping_alert_does_not_restart_for_ever() -> None:
    book = a_playbook(a_stage({"action": "restart"}))
    last = Progress(stage=1, acted_at=OPENED, joined=True, round=model.MAX_ROUNDS - 1)
    move = moved(situation(book, last), OPENED + 1)
    assert runs(move) == []
    assert notes(move, "stage") == ["more alerts after 3 rounds: people must mend it"]


def test_an_alert_that_comes_while_the_response_runs_is_heard_at_its_end() -> None:
    book = a_playbook(a_stage({"action": "page"}))
    running = Progress(entered=True, joined=True)
    waiting = moved(situation(book, running, {StepKey("first", 0): Ended("running", None)}))
    assert waiting.progress.joined


def test_more_rounds_are_given_to_an_incident_that_was_opened_again() -> None:
    book = a_playbook(a_stage({"action": "restart"}))
    last = Progress(stage=1, acted_at=OPENED, joined=True, round=5, first=5)
    assert runs(moved(situation(book, last), OPENED + 1)) == ["restart"]
