"""Actions within their guardrails: limits, approvals, dry runs, timeouts, rollbacks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from memmon.context import Context
from memmon.errors import Refused, Transient
from memmon.incidents import actions, deadline, service
from memmon.incidents.actions.base import Action, ActionCall, NotYet, Subject
from memmon.jobs import Job
from memmon.notify import service as notify
from tests.conftest import Clock
from tests.memmon.incidents.conftest import Endpoint
from tests.memmon.incidents.story import (
    ESCALATION,
    ROUTES,
    a_playbook,
    end_alerts,
    fire,
    only,
    outputs,
    paged,
    run,
    texts,
    tick,
)
from tests.support import at_once

Configured = Callable[..., Context]


class Lamp:
    """An object that actions change, with the actions by key."""

    def __init__(self, kin: str = "", size: int = 1) -> None:
        self.done: list[str] = []
        self.undone: list[str] = []
        self.fails: Exception | None = None
        self._kin, self._size = kin, size

    def act(self, ctx: Context, call: ActionCall) -> str:
        if self.fails:
            raise self.fails
        self.done.append(call.key)
        return f"lit for {call.labels['instance']}"

    def undo(self, ctx: Context, call: ActionCall) -> str:
        self.undone.append(f"{call.key} {call.before['was']}")
        return "dark again"

    def subject(self, ctx: Context, call: ActionCall) -> Subject:
        return Subject(f"lamp of {call.labels['instance']}", call.labels["instance"], self._kin, self._size)

    @property
    def action(self) -> Action:
        return Action(self.act, lambda ctx, call: {"was": "dark"}, undo=self.undo, subject=self.subject, takes={})


@pytest.fixture(params=["sqlite"])
def ctx(request: pytest.FixtureRequest) -> Context:
    """One database is enough where nothing happens at once."""
    context: Context = request.getfixturevalue("sqlite_ctx" if request.param == "sqlite" else "pg_ctx")
    return context


@pytest.fixture
def lamp(monkeypatch: pytest.MonkeyPatch) -> Lamp:
    """An action `light` whose effects are counted."""
    lamp = Lamp()
    monkeypatch.setitem(actions.ACTIONS, "light", lamp.action)
    return lamp


def configured(configure: Configured, *steps: str, **extra: str) -> Context:
    return configure(playbooks=a_playbook(*steps, **extra), routes=ROUTES, escalation=ESCALATION)


def test_the_same_subject_is_not_acted_on_again_within_its_cooldown(
    configure: Configured, lamp: Lamp, clock: Clock
) -> None:
    ctx = configured(
        configure,
        "{action: light, on_failure: escalate}",
        section="limits: [{name: light, cooldown: 60s, patience: 0s}]",
    )
    fire(ctx, "a", "one", ttl=20)
    run(ctx, service.correlate(ctx))
    fire(ctx, "a", "two", ttl=3600)
    service.correlate(ctx)
    service.split(ctx, 1, [str(alert_of(ctx, "two"))], "dana")
    tick(ctx)
    second = service.show(ctx, 2)
    assert second["actions"][0]["state"] == "refused"
    assert "is done every 60 s at most" in outputs(second)[0]
    assert texts(second, "escalated") == ["light refused"]
    assert len(lamp.done) == 1


def test_a_cooldown_that_is_over_soon_is_waited_for_while_it_fires(
    configure: Configured, lamp: Lamp, clock: Clock
) -> None:
    step = "{action: light, while_firing: true}"
    ctx = configured(
        configure, step, correlation="{group_by: [alertname]}", section="limits: [{name: light, cooldown: 60s}]"
    )
    for name, ttl in (("one", 3600), ("two", 3600), ("three", 20)):
        fire(ctx, "a", name, ttl=ttl)
        run(ctx, service.correlate(ctx))
    assert len(lamp.done) == 1
    assert "waits: it was done 0 s ago" in texts(service.show(ctx, 2), "held")[0]
    end_alerts(ctx, clock)
    run(ctx, service.correlate(ctx))
    tick(ctx)
    assert texts(service.show(ctx, 3), "skipped") == ["light need not wait: nothing fires any more"]
    clock.move(40)
    tick(ctx)
    assert [service.show(ctx, n)["actions"][0]["state"] for n in (1, 2, 3)] == ["done", "done", "rejected"]


def alert_of(ctx: Context, name: str) -> int:
    return next(entry["id"] for entry in only_first(ctx)["sources"] if entry["name"] == name)


def only_first(ctx: Context) -> dict[str, Any]:
    return service.show(ctx, 1)


def test_what_is_never_touched_is_not(configure: Configured, lamp: Lamp) -> None:
    never = "never: [{targets: [a], actions: [light], reason: it is the last one}]"
    ctx = configured(configure, "{action: light}", section=never)
    fire(ctx, "a")
    fire(ctx, "b")
    run(ctx, service.correlate(ctx))
    states = {
        entry["title"]: service.show(ctx, entry["id"])["actions"][0]["state"]
        for entry in service.listing(ctx)["incidents"]
    }
    assert states == {"Trouble of a": "refused", "Trouble of b": "done"}
    assert len(lamp.done) == 1


def test_of_a_kind_no_more_than_a_share_is_acted_on_and_the_rest_waits(
    configure: Configured, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    lamp = Lamp("memmimic", 4)
    monkeypatch.setitem(actions.ACTIONS, "light", lamp.action)
    targets = "".join(f"  - {{name: t{n}, instance: 'i{n}', database: /x}}\n" for n in range(4))
    limits = "limits: [{name: light, share: 50%, patience: 60s}]"
    ctx = configure(
        playbooks=a_playbook("{action: light}", section=limits),
        routes=ROUTES,
        escalation=ESCALATION,
        targets=f"targets:\n{targets}",
    )
    for index in range(4):
        fire(ctx, f"i{index}")
    run(ctx, service.correlate(ctx))
    assert len(lamp.done) == 2
    stored = [service.show(ctx, index) for index in (1, 2, 3, 4)]
    assert sorted(entry["actions"][0]["state"] for entry in stored) == ["done", "done", "waiting", "waiting"]
    assert sum("2 of 4 memmimic are acted on already" in text for entry in stored for text in texts(entry, "held")) == 2
    clock.move(31)  # A released subject counts as available again.
    tick(ctx)
    assert len(lamp.done) == 4


@pytest.mark.parametrize("ctx", ["sqlite", "postgres"], indirect=True)
def test_two_workers_at_once_do_not_go_beyond_a_limit(configure: Configured, lamp: Lamp) -> None:
    ctx = configured(configure, "{action: light}", section="limits: [{name: light, most: 1, window: 1h}]")
    for index in range(6):
        fire(ctx, f"i{index}")
    jobs = [job for entry in service.correlate(ctx) for job in service.advance(ctx, *entry.args)]
    acts = [job for job in jobs if job.name == "incidents.act"]
    at_once(*(partial(service.act, ctx, *job.args) for job in acts))
    tick(ctx)
    assert len(lamp.done) == 1


def test_after_failures_on_end_an_action_is_left_alone_and_one_tries_it_again(
    configure: Configured, lamp: Lamp, clock: Clock
) -> None:
    ctx = configured(
        configure, "{action: light, attempts: 1}", section="limits: [{name: light, failures: 2, rest: 10m}]"
    )
    lamp.fails = Transient("no power")
    for index in range(3):
        fire(ctx, f"i{index}")
        run(ctx, service.correlate(ctx))
    assert [service.show(ctx, n)["actions"][0]["state"] for n in (1, 2, 3)] == ["failed", "failed", "refused"]
    lamp.fails = None
    clock.move(601)
    fire(ctx, "i9")
    run(ctx, service.correlate(ctx))
    assert service.show(ctx, 4)["actions"][0]["state"] == "done"


@pytest.mark.parametrize(
    ("step", "extra"),
    [
        ("{action: light, dry_run: true}", {}),
        ("{action: light}", {"dry_run": "true"}),
        ("{action: light}", {"section": "dry_run: true"}),
    ],
)
def test_a_dry_run_of_a_step_a_playbook_or_all_does_nothing_and_says_what_it_would(
    configure: Configured, lamp: Lamp, clock: Clock, step: str, extra: dict[str, str]
) -> None:
    ctx = configured(configure, step, **extra)
    fire(ctx, ttl=20)
    run(ctx, service.correlate(ctx))
    [action] = only(ctx)["actions"]
    assert (action["state"], outputs(only(ctx))) == ("dry_run", ["would light lamp of a"])
    assert lamp.done == []
    end_alerts(ctx, clock)
    tick(ctx)
    clock.move(6)
    tick(ctx)
    assert only(ctx)["state"] == "resolved"


def test_only_those_whose_word_is_waited_for_may_give_it(configure: Configured, lamp: Lamp) -> None:
    ctx = configured(configure, "{action: light, approval: {who: [dana], within: 10m}}")
    fire(ctx)
    run(ctx, service.correlate(ctx))
    [action] = only(ctx)["actions"]
    assert action["approval"] == {"who": ["dana"], "until": "2026-01-01T00:10:00.000Z", "otherwise": "reject"}
    with pytest.raises(Refused, match="waits for the word of dana"):
        service.decide(ctx, 1, 1, True, "dana", known_as=("lee",))
    _, jobs = service.decide(ctx, 1, 1, True, "dana", known_as=("dana",))
    run(ctx, jobs)
    assert len(lamp.done) == 1


def test_whoever_is_asked_gets_links_to_answer_by(configure: Configured, lamp: Lamp) -> None:
    ctx = configured(configure, "{action: light, approval: true}")
    fire(ctx)
    run(ctx, service.correlate(ctx))
    with ctx.read() as session:
        rows = notify.store.recent(session, 10, 1)
        asked = next(row.payload for row in rows if "approval needed" in row.payload["title"])
        page = next(row.payload for row in rows if "Operations Team" in row.payload["title"])
    assert set(asked["links"]) == {"approve", "reject"}
    assert set(page["links"]) == {"acknowledge"}
    assert any(line.startswith("Approve: http://localhost:8080/act/") for line in asked["lines"])


@pytest.mark.parametrize(("otherwise", "state", "lit"), [("reject", "rejected", 0), ("approve", "done", 1)])
def test_without_anybodys_word_the_playbook_says_what_follows(
    configure: Configured, lamp: Lamp, clock: Clock, otherwise: str, state: str, lit: int
) -> None:
    ctx = configured(configure, f"{{action: light, approval: {{within: 60s, otherwise: {otherwise}}}}}")
    fire(ctx)
    run(ctx, service.correlate(ctx))
    clock.move(59)
    tick(ctx)
    assert only(ctx)["actions"][0]["state"] == "approval"
    clock.move(1)
    tick(ctx)
    assert (only(ctx)["actions"][0]["state"], len(lamp.done)) == (state, lit)


def test_without_anybodys_word_the_next_level_may_be_paged_and_asked(
    configure: Configured, lamp: Lamp, clock: Clock
) -> None:
    ctx = configured(configure, "{action: light, approval: {within: 20s, otherwise: escalate}}")
    fire(ctx)
    run(ctx, service.correlate(ctx))
    clock.move(21)
    tick(ctx)
    assert only(ctx)["actions"][0]["state"] == "approval"
    assert only(ctx)["escalation"]["level"] == 2
    assert paged(ctx).count("seniors") == 2  # The page, and the question.
    run(ctx, service.decide(ctx, 1, 1, True, "dana")[1])
    assert len(lamp.done) == 1


def test_what_is_done_is_taken_back_when_nothing_recovers(configure: Configured, lamp: Lamp, clock: Clock) -> None:
    ctx = configured(configure, "{action: light, rollback: {}}")
    fire(ctx)
    run(ctx, service.correlate(ctx))
    clock.move(301)
    tick(ctx)
    assert lamp.undone == ["1/act/0/undo dark"]
    assert only(ctx)["state"] == "manual"
    undo = only(ctx)["actions"][1]
    assert (undo["undo"], undo["state"]) == (True, "done")


@pytest.mark.parametrize("by_hand", [True, False])
def test_what_is_for_the_end_is_taken_back_when_it_is_over(
    configure: Configured, lamp: Lamp, clock: Clock, by_hand: bool
) -> None:
    ctx = configured(configure, "{action: light, rollback: {after: end}}")
    fire(ctx, ttl=20)
    run(ctx, service.correlate(ctx))
    if by_hand:
        run(ctx, service.resolve(ctx, 1, "dana")[1])
    else:
        end_alerts(ctx, clock)
        tick(ctx)
        clock.move(6)
        tick(ctx)
    assert lamp.undone == ["1/act/0/undo dark"]
    assert only(ctx)["state"] == "resolved"


def test_an_action_that_is_not_proven_is_taken_back_by_another_one(
    configure: Configured, lamp: Lamp, endpoint: Endpoint, clock: Clock
) -> None:
    undo = f"{{action: http, parameters: {{url: '{endpoint.url}/undo'}}}}"
    ctx = configured(configure, f"{{action: light, verify: {{expr: vector(1) < 0, within: 10s}}, rollback: {undo}}}")
    fire(ctx)
    run(ctx, service.correlate(ctx))
    assert endpoint.calls == []
    clock.move(11)
    tick(ctx)
    assert endpoint.paths() == ["POST /undo"]
    assert texts(only(ctx), "unproven") == ["light is done, but vector(1) < 0 does not hold"]


def test_another_action_that_takes_back_is_tried_again_as_what_it_is(
    configure: Configured, lamp: Lamp, endpoint: Endpoint, clock: Clock
) -> None:
    undo = f"{{action: http, parameters: {{url: '{endpoint.url}/undo'}}}}"
    ctx = configured(configure, f"{{action: light, rollback: {undo}}}")
    fire(ctx)
    run(ctx, service.correlate(ctx))
    endpoint.status = 503
    clock.move(301)
    tick(ctx)
    endpoint.status = 200
    clock.move(2)
    tick(ctx)
    assert endpoint.paths() == ["POST /undo", "POST /undo"]
    assert only(ctx)["actions"][1]["state"] == "done"


def test_an_action_that_waits_holds_no_worker_and_that_was_no_attempt(
    configure: Configured, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def later(ctx: Context, call: ActionCall) -> str:
        if ctx.now() < call.created_at + 40:
            raise NotYet(call.created_at + 40, "not yet")
        return "at last"

    monkeypatch.setitem(actions.ACTIONS, "light", Action(later, takes={}))
    ctx = configured(configure, "{action: light, attempts: 1}")
    fire(ctx)
    run(ctx, service.correlate(ctx))
    for _ in range(4):
        clock.move(10)
        tick(ctx)
    [action] = only(ctx)["actions"]
    assert (action["state"], action["attempts"], outputs(only(ctx))) == ("done", 1, ["at last"])


def test_the_target_of_a_step_may_be_chosen_by_what_is_measured(
    configure: Configured, lamp: Lamp, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def act(ctx: Context, call: ActionCall) -> str:
        seen.append(call.parameters["target"])
        return "done"

    monkeypatch.setitem(
        actions.ACTIONS, "light", actions.ACTIONS["restart"]._replace(act=act, before=lamp.action.before)
    )
    largest = 'label_replace(label_replace(vector(1), "instance", "test", "", ""), "job", "host", "", "")'
    ctx = configured(
        configure,
        f"{{action: light, parameters: {{where: '{largest}'}}}}",
        "{action: light, parameters: {where: vector(1) < 0}}",
    )
    fire(ctx)
    run(ctx, service.correlate(ctx))
    assert seen == ["host"]
    assert outputs(only(ctx))[1] == "no target is where vector(1) < 0"


def test_parallel_steps_are_all_begun_by_one_decision(configure: Configured, lamp: Lamp) -> None:
    ctx = configured(configure, "parallel: [{action: light}, {action: light}, {action: light}]")
    fire(ctx)
    [advance] = service.correlate(ctx)
    jobs = service.advance(ctx, *advance.args)
    assert [job.name for job in jobs].count("incidents.act") == 3
    assert {job.limit for job in jobs if job.name == "incidents.act"} == {20.0}
    run(ctx, [Job(job.name, job.args) for job in jobs])
    assert len(lamp.done) == 3


def test_what_hangs_is_cut_in_the_main_thread() -> None:
    began = time.monotonic()
    with pytest.raises(Transient, match="did not end within 0.2 s"), deadline.within(0.2):
        threading.Event().wait(20)
    assert time.monotonic() - began < 5


def test_no_handler_in_between_takes_the_cut_for_its_own_failure() -> None:
    with pytest.raises(Transient, match="did not end within 0.2 s"), deadline.within(0.2):
        with suppress(Exception):
            threading.Event().wait(20)
        threading.Event().wait(20)


def test_what_ends_in_time_is_not_cut_afterwards() -> None:
    with deadline.within(0.2):
        pass
    assert not threading.Event().wait(0.3)
