from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from memmon.alerts import service as alerts
from memmon.config import load
from memmon.context import Context
from memmon.errors import BadConfig, BadInput, Conflict, NotFound
from memmon.incidents import actions, executor, opening, service, store
from memmon.incidents.actions import http
from memmon.incidents.actions.base import Action
from memmon.jobs import Job
from memmon.notify import service as notify
from memmon.promql.matcher import Matcher
from memmon.routing import service as routing
from memmon.settings import load as load_settings
from memmon.stack import config_check as stack_check
from memmon.state import counters
from tests.conftest import Clock
from tests.memmon.incidents.conftest import Endpoint
from tests.memmon.incidents.story import ESCALATION, PLAYBOOKS, ROUTES, fire, only, paged, run, texts, tick
from tests.support import at_once, free_port


@pytest.fixture
def ready(configure: Callable[..., Context], endpoint: Endpoint) -> Context:
    """A context with one small playbook whose action is a call of a real server."""
    return configure(playbooks=PLAYBOOKS % endpoint.url, routes=ROUTES, escalation=ESCALATION)


@contextmanager
def counted(ctx: Context, *beginnings: str) -> Iterator[list[str]]:
    """Return the statements with one of these beginnings that are sent meanwhile."""
    sent: list[str] = []

    def keep(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(beginnings):
            sent.append(statement)

    event.listen(ctx.engine, "before_cursor_execute", keep)
    yield sent
    event.remove(ctx.engine, "before_cursor_execute", keep)


def test_an_alert_opens_an_incident_that_acts_recovers_and_closes(
    ready: Context, endpoint: Endpoint, clock: Clock
) -> None:
    fire(ready, ttl=20)
    run(ready, service.correlate(ready))
    opened = only(ready)
    assert opened["title"] == "Trouble of a"
    assert opened["actions"][0]["state"] == "done"
    assert endpoint.paths() == ["POST /hook"]
    assert opened["state"] == "verifying"
    clock.move(21)
    alerts.evaluate(ready)
    tick(ready)
    clock.move(6)
    tick(ready)
    closed = only(ready)
    assert closed["state"] == "resolved"
    assert texts(closed, "resolved") == ["recovery verified"]
    assert closed["mttr_minutes"] == 0.0
    assert closed["within_target"]
    assert [row["kind"] for row in notify.recent(ready)] == ["incident", "page"]


def test_alerts_of_one_instance_share_an_incident_and_those_of_another_do_not(ready: Context) -> None:
    for instance, name in (("a", "one"), ("a", "two"), ("b", "one")):
        fire(ready, instance, name)
    run(ready, service.correlate(ready))
    actual = service.listing(ready)
    assert actual["total"] == 2
    names = [[s["name"] for s in service.show(ready, row["id"])["sources"]] for row in actual["incidents"]]
    assert sorted(names) == [["one"], ["one", "two"]]


def test_correlating_twice_opens_one_incident_and_runs_its_step_once(ready: Context, endpoint: Endpoint) -> None:
    fire(ready)
    run(ready, [*service.correlate(ready), *service.correlate(ready)])
    assert len(only(ready)["actions"]) == 1
    assert endpoint.paths() == ["POST /hook"]


def test_two_workers_at_once_open_one_incident_and_act_once(ready: Context, endpoint: Endpoint) -> None:
    fire(ready)
    at_once(*[lambda: run(ready, service.correlate(ready))] * 2)
    tick(ready)
    assert texts(only(ready), "opened") == ["opened by playbook test"]
    assert endpoint.paths() == ["POST /hook"]
    assert paged(ready) == ["default"]


def test_a_silenced_alert_opens_nothing(ready: Context) -> None:
    routing.silence(ready, [Matcher("instance", "=", "a")], 600, "dana", "works")
    fire(ready)
    run(ready, service.correlate(ready))
    assert service.listing(ready)["total"] == 0


def test_an_alert_that_still_fires_after_its_incident_was_closed_by_hand_opens_no_other(ready: Context) -> None:
    fire(ready)
    run(ready, service.correlate(ready))
    service.resolve(ready, only(ready)["id"], "dana", "known")
    run(ready, service.correlate(ready))
    assert service.listing(ready)["total"] == 1


def test_nobody_who_answers_means_the_next_level_and_an_answer_ends_it(ready: Context, clock: Clock) -> None:
    fire(ready)
    run(ready, service.correlate(ready))
    assert paged(ready) == ["default"]
    assert only(ready)["escalation"]["next_level_name"] == "Senior Engineers"
    clock.move(31)
    tick(ready)
    tick(ready)
    assert paged(ready) == ["default", "seniors"]
    service.acknowledge(ready, only(ready)["id"], "dana", "on it")
    clock.move(600)
    tick(ready)
    assert paged(ready) == ["default", "seniors"]
    assert only(ready)["escalation"]["next_level_at"] is None
    with pytest.raises(Conflict, match="acknowledged by dana"):
        service.acknowledge(ready, only(ready)["id"], "lee")


def test_the_last_level_is_paged_again_until_somebody_answers(ready: Context, clock: Clock) -> None:
    fire(ready)
    run(ready, service.correlate(ready))
    for _ in range(3):
        clock.move(61)
        tick(ready)
    assert paged(ready) == ["default", "seniors", "seniors", "seniors"]


def test_a_level_without_receivers_pages_whoever_hears_of_every_alert(
    configure: Callable[..., Context], endpoint: Endpoint
) -> None:
    chain = ESCALATION.replace("receivers: [default]", "receivers: []").replace(
        "receivers: [seniors]", "contact: +1-555"
    )
    ready = configure(playbooks=PLAYBOOKS % endpoint.url, routes=ROUTES, escalation=chain)
    ready.settings = ready.settings.model_copy(update={"alert_email": "ops@example.com"})
    fire(ready)
    run(ready, service.correlate(ready))
    assert sorted(paged(ready)) == ["default", "environment"]


def test_escalating_by_hand_pages_the_next_level_now(ready: Context) -> None:
    fire(ready)
    run(ready, service.correlate(ready))
    body, jobs = service.escalate(ready, only(ready)["id"], "dana", "need help")
    assert paged(ready) == ["default", "seniors"]
    assert body["escalation"]["level_name"] == "Senior Engineers"
    assert jobs == [Job("notify.tick")]


def test_an_action_that_fails_for_now_is_tried_again_and_then_given_up(
    ready: Context, endpoint: Endpoint, clock: Clock
) -> None:
    endpoint.status = 503
    fire(ready)
    run(ready, service.correlate(ready))
    assert only(ready)["actions"][0]["state"] == "waiting"
    clock.move(2)
    tick(ready)
    action = only(ready)["actions"][0]
    assert (action["state"], action["attempts"]) == ("failed", 2)
    assert [result["outcome"] for result in action["results"]] == ["transient", "transient"]
    keys = {headers["Idempotency-Key"] for headers in endpoint.headers}
    assert keys == {f"{only(ready)['id']}/act/0"}


def test_an_answer_that_is_final_is_not_tried_again(ready: Context, endpoint: Endpoint, clock: Clock) -> None:
    endpoint.status = 404
    fire(ready)
    run(ready, service.correlate(ready))
    clock.move(30)
    tick(ready)
    assert only(ready)["actions"][0]["state"] == "failed"
    assert len(endpoint.calls) == 1


def test_a_call_whose_worker_died_in_the_middle_is_not_made_again(
    ready: Context, endpoint: Endpoint, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker dies between beginning and recording: the row stays claimed until its lease
    ends.
    """
    fire(ready)
    [advance, *_] = service.correlate(ready)
    [act] = [job for job in service.advance(ready, *advance.args) if job.name == "incidents.act"]
    with monkeypatch.context() as patch:
        patch.setattr(executor, "_finish", lambda *_: [])
        service.act(ready, *act.args)
    assert len(endpoint.calls) == 1
    tick(ready)
    assert len(endpoint.calls) == 1
    clock.move(12)
    tick(ready)
    action = only(ready)["actions"][0]
    assert len(endpoint.calls) == 1
    assert action["state"] == "failed"
    assert "not made again" in action["results"][-1]["output"]


def test_a_call_that_the_playbook_calls_idempotent_is_made_again(
    configure: Callable[..., Context], endpoint: Endpoint, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = (PLAYBOOKS % endpoint.url).replace("/hook'}", "/hook', idempotent: true}")
    ready = configure(playbooks=book, routes=ROUTES, escalation=ESCALATION)
    fire(ready)
    [advance, *_] = service.correlate(ready)
    [act] = [job for job in service.advance(ready, *advance.args) if job.name == "incidents.act"]
    with monkeypatch.context() as patch:
        patch.setattr(executor, "_finish", lambda *_: [])
        service.act(ready, *act.args)
    clock.move(12)
    tick(ready)
    assert len(endpoint.calls) == 2
    assert only(ready)["actions"][0]["state"] == "done"


def test_an_action_that_needs_approval_waits_for_it(
    configure: Callable[..., Context], endpoint: Endpoint, clock: Clock
) -> None:
    book = (PLAYBOOKS % endpoint.url).replace("timeout: 1s", "timeout: 1s, approval: true")
    ready = configure(playbooks=book, routes=ROUTES, escalation=ESCALATION)
    fire(ready)
    run(ready, service.correlate(ready))
    clock.move(600)
    tick(ready)
    index = only(ready)["id"]
    assert only(ready)["actions"][0]["state"] == "approval"
    assert service.summary(ready)["waiting_for_approval"] == 1
    assert texts(only(ready), "overdue") == ["act was due after 60 s"]
    _, jobs = service.decide(ready, index, 1, True, "dana", "go")
    run(ready, jobs)
    assert endpoint.paths() == ["POST /hook"]
    with pytest.raises(Conflict, match="does not wait for approval"):
        service.decide(ready, index, 1, False, "lee")
    with pytest.raises(NotFound, match="no action 7"):
        service.decide(ready, index, 7, True, "lee")


def test_what_was_not_begun_is_left_undone_when_an_incident_is_closed_by_hand(
    configure: Callable[..., Context], endpoint: Endpoint
) -> None:
    book = (PLAYBOOKS % endpoint.url).replace("timeout: 1s", "timeout: 1s, approval: true")
    ready = configure(playbooks=book, routes=ROUTES, escalation=ESCALATION)
    fire(ready)
    run(ready, service.correlate(ready))
    service.resolve(ready, only(ready)["id"], "dana")
    assert only(ready)["actions"][0]["state"] == "rejected"
    tick(ready)
    assert endpoint.calls == []
    with pytest.raises(Conflict, match="is resolved"):
        service.escalate(ready, only(ready)["id"], "dana")


def test_no_recovery_in_time_asks_for_people(ready: Context, clock: Clock) -> None:
    fire(ready)
    run(ready, service.correlate(ready))
    clock.move(301)
    tick(ready)
    body = only(ready)
    assert body["state"] == "manual"
    assert texts(body, "manual")
    assert not service.summary(ready)["within_target"]


def test_a_note_is_kept_and_an_empty_one_refused(ready: Context) -> None:
    fire(ready)
    run(ready, service.correlate(ready))
    body, _ = service.note(ready, only(ready)["id"], "dana", "<b>saw it</b>")
    assert texts(body, "note") == ["<b>saw it</b>"]
    with pytest.raises(BadInput, match="comment"):
        service.note(ready, body["id"], "dana", "  ")
    with pytest.raises(NotFound):
        service.note(ready, 999, "dana", "x")


def test_lists_go_on_from_page_to_page(ready: Context) -> None:
    for instance in "abc":
        fire(ready, instance)
    run(ready, service.correlate(ready))
    first = service.listing(ready, limit=2)
    remainder = service.listing(ready, limit=2, after=first["next"])
    assert [row["title"] for row in first["incidents"] + remainder["incidents"]] == [f"Trouble of {i}" for i in "cba"]
    assert remainder["next"] is None
    service.resolve(ready, remainder["incidents"][0]["id"], "dana")
    assert service.listing(ready, state="open")["total"] == 2
    assert service.listing(ready, state="resolved")["total"] == 1


def test_the_postmortem_has_the_facts_and_no_markup_of_others(ready: Context) -> None:
    fire(ready, instance="<script>|x")
    run(ready, service.correlate(ready))
    service.acknowledge(ready, only(ready)["id"], "dana", "looking")
    text = service.postmortem(ready, only(ready)["id"])
    assert "Trouble of \\<script>\\|x" in text
    assert "| 1 | act | http |  | done | 1 |" in text
    assert "| dana | looking |" in text


def test_a_dead_receiver_is_said_and_stops_nothing(configure: Callable[..., Context], endpoint: Endpoint) -> None:
    chain = ESCALATION.replace("[default]", "[default, nobody]")
    ready = configure(playbooks=PLAYBOOKS % endpoint.url, routes=ROUTES, escalation=chain)
    fire(ready)
    run(ready, service.correlate(ready))
    assert "not in routes.yml: nobody" in texts(only(ready), "page")[0]
    assert endpoint.paths() == ["POST /hook"]
    with pytest.raises(BadConfig, match="no receiver nobody"):
        service.check(ready.config)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("action: http", "action: htpp", "htpp is not one of"),
        ("due: 60s", "due: 60s, when: 'up ==='", "up ==="),
        ("severity: high", "severity: high\n    chain: nowhere", "no chain nowhere"),
        ("{url: ", "{adress: x, url: ", "http takes no parameter adress, only body"),
        ("/hook'", "/hook', idempotent: sometimes", "parameter idempotent must be true or false"),
        ("url: 'http://127.0.0.1/hook'", "method: GET", "http needs the parameter url"),
        ("url: 'http", "url: 'ftp", "parameter url must be an address"),
        (
            "action: http, parameters: {url: 'http://127.0.0.1/hook'}",
            "action: throttle, parameters: {seconds: 15m}",
            "parameter seconds must be a number above 0",
        ),
        (
            "action: http, parameters: {url: 'http://127.0.0.1/hook'}",
            "action: page, parameters: {receiver: nobody}",
            "no receiver nobody",
        ),
        (
            "action: http, parameters: {url: 'http://127.0.0.1/hook'}",
            "action: restart, parameters: {target: gone}",
            "no target gone",
        ),
        (
            "action: http, parameters: {url: 'http://127.0.0.1/hook'}",
            "action: collect_evidence, parameters: {include: log}",
            "parameter include must be a list of alerts, metrics",
        ),
        ("timeout: 300s", "timeout: .inf", "finite"),
        ("hold: 5s", "hold: -5", "greater than or equal|at least"),
    ],
)
def test_a_playbook_that_cannot_work_is_an_error_at_load(tmp_path: Any, old: str, new: str, message: str) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    text = (PLAYBOOKS % "http://127.0.0.1").replace("due: 60s\n", "due: 60s\n")
    text = text.replace("due: 60s\n", "due: 60s\n        when: 'up ==='\n") if "when" in new else text.replace(old, new)
    (folder / "playbooks.yml").write_text(text)
    with pytest.raises(BadConfig, match=message):
        service.check(load(load_settings({"MEMMON_HOME": str(tmp_path)})))


def test_a_server_that_is_not_there_is_worth_another_try(configure: Callable[..., Context], clock: Clock) -> None:
    book = PLAYBOOKS % f"http://127.0.0.1:{free_port()}"
    ready = configure(playbooks=book, routes=ROUTES, escalation=ESCALATION)
    fire(ready)
    run(ready, service.correlate(ready))
    assert only(ready)["actions"][0]["results"][0]["outcome"] == "transient"


def test_an_alert_that_joins_while_an_advance_decides_keeps_the_incident_open(
    ready: Context, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fire(ready, ttl=20)
    run(ready, service.correlate(ready))
    index = only(ready)["id"]
    clock.move(21)
    alerts.evaluate(ready)
    tick(ready)
    clock.move(6)
    decide = service.playbook.advance

    def late(*arguments: Any) -> Any:
        fire(ready, name="another")
        service.correlate(ready)
        return decide(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(service.playbook, "advance", late)
        service.advance(ready, index)
    tick(ready)
    assert only(ready)["state"] == "verifying"


def test_an_action_that_fails_as_nobody_foresaw_has_failed(
    ready: Context, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    def odd(*_: Any) -> str:
        raise RuntimeError("odd")

    monkeypatch.setitem(actions.ACTIONS, "http", Action(odd))
    fire(ready)
    run(ready, service.correlate(ready))
    action = only(ready)["actions"][0]
    assert (action["state"], action["attempts"]) == ("failed", 1)
    assert action["results"][-1]["output"] == "RuntimeError: odd"


def test_an_action_that_kills_its_worker_each_time_is_given_up(
    ready: Context, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    class Killed(BaseException): ...

    def kill(*_: Any) -> str:
        raise Killed

    monkeypatch.setitem(actions.ACTIONS, "http", Action(kill))
    fire(ready)
    [advance, *_] = service.correlate(ready)
    [act] = [job for job in service.advance(ready, *advance.args) if job.name == "incidents.act"]
    for _ in range(4):
        with pytest.raises(Killed):
            service.act(ready, *act.args)
        clock.move(12)
    service.act(ready, *act.args)
    action = only(ready)["actions"][0]
    assert action["state"] == "failed"
    assert "its worker died each time" in action["results"][-1]["output"]


def test_what_failed_for_now_is_not_tried_again_once_the_incident_is_over(
    ready: Context, endpoint: Endpoint, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint.status = 503
    fire(ready)
    request = http.outbound.request

    def resolved_meanwhile(*arguments: Any, **extra: Any) -> Any:
        service.resolve(ready, only(ready)["id"], "dana")
        return request(*arguments, **extra)

    monkeypatch.setattr(http.outbound, "request", resolved_meanwhile)
    run(ready, service.correlate(ready))
    clock.move(60)
    tick(ready)
    assert len(endpoint.calls) == 1
    assert only(ready)["actions"][0]["state"] == "rejected"


def test_an_action_is_withdrawn_that_waits_for_approval_when_nothing_fires_any_more(
    configure: Callable[..., Context], endpoint: Endpoint, clock: Clock
) -> None:
    book = (PLAYBOOKS % endpoint.url).replace("timeout: 1s", "timeout: 1s, approval: true, while_firing: true")
    ready = configure(playbooks=book, routes=ROUTES, escalation=ESCALATION)
    fire(ready, ttl=20)
    run(ready, service.correlate(ready))
    assert only(ready)["actions"][0]["state"] == "approval"
    clock.move(21)
    alerts.evaluate(ready)
    tick(ready)
    assert only(ready)["actions"][0]["state"] == "rejected"
    clock.move(6)
    tick(ready)
    assert only(ready)["state"] == "resolved"
    assert endpoint.calls == []


def test_a_storm_takes_one_transaction_an_incident_and_wakes_none_that_fires_still(ready: Context) -> None:
    for index in range(40):
        fire(ready, f"host{index % 4}", f"trouble{index}")
    with counted(ready, "BEGIN IMMEDIATE", "INSERT INTO incident ") as begun:
        jobs = service.correlate(ready)
    assert len(begun) <= 8
    assert len(jobs) == 4
    assert service.listing(ready)["total"] == 4
    assert len(service.show(ready, 1)["sources"]) == 10
    with counted(ready, "SELECT", "INSERT", "UPDATE") as asked:
        assert service.correlate(ready) == []
    assert len(asked) <= 4


def test_the_end_of_the_last_alert_wakes_its_incident(ready: Context, clock: Clock) -> None:
    fire(ready, ttl=3)
    run(ready, service.correlate(ready))
    assert service.correlate(ready) == []
    clock.move(4)
    alerts.evaluate(ready)
    assert service.correlate(ready) == [Job("incidents.advance", (only(ready)["id"],))]


def test_one_alert_that_cannot_be_taken_stops_no_other(ready: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = opening.new_row

    def bad(ctx: Context, gathered: Any, *extra: Any) -> Any:
        if gathered.labels["instance"] == "a":
            raise ValueError("odd")
        return taken(ctx, gathered, *extra)

    monkeypatch.setattr(opening, "new_row", bad)
    fire(ready, "a")
    fire(ready, "b")
    run(ready, service.correlate(ready))
    assert only(ready)["title"] == "Trouble of b"


def test_an_incident_that_a_later_version_cannot_read_is_shown_paged_for_and_closed(
    ready: Context, clock: Clock
) -> None:
    fire(ready, ttl=20)
    [advance] = service.correlate(ready)
    with ready.write() as session:
        row = store.get(session, *advance.args)
        assert row is not None
        row.playbook = {"name": "old", "steps": 3}
        row.chain = {"name": "old"}
    run(ready, [advance])
    assert only(ready)["stages"] == []
    assert paged(ready) == ["default"]
    assert "cannot be read" in texts(only(ready), "manual")[0]
    clock.move(21)
    alerts.evaluate(ready)
    tick(ready)
    clock.move(31)
    tick(ready)
    assert only(ready)["state"] == "resolved"


def test_who_cares_about_all_alerts_of_an_incident_cares_about_it_and_nobody_else_is_paged(ready: Context) -> None:
    for name in ("trouble", "more"):
        fire(ready, name=name)
    service.correlate(ready)
    first, second = (alert["id"] for alert in alerts.firing(ready))
    service.acknowledge_alert(ready, first, "dana")
    assert only(ready)["acknowledged_by"] is None
    acknowledge_alert = service.acknowledge_alert(ready, second, "lee", "looking")
    assert (acknowledge_alert["status"], only(ready)["acknowledged_by"]) == ("acknowledged", "lee")
    assert service.show(ready, only(ready)["id"])["escalation"]["next_level_at"] is None
    # It is acknowledged already: that is no conflict.
    service.acknowledge_alert(ready, first, "dana")


def test_the_acknowledged_ones_can_be_listed(ready: Context) -> None:
    fire(ready, "a")
    fire(ready, "b")
    run(ready, service.correlate(ready))
    body, _ = service.acknowledge(ready, service.listing(ready)["incidents"][0]["id"], "dana")
    assert [row["id"] for row in service.listing(ready, state="acknowledged")["incidents"]] == [body["id"]]


def test_what_a_database_cannot_hold_is_replaced_in_the_timeline(ready: Context) -> None:
    fire(ready)
    run(ready, service.correlate(ready))
    body, _ = service.note(ready, only(ready)["id"], "da\x00na", "a\x00b\ud800c")
    assert texts(body, "note") == ["a\ufffdb\ufffdc"]


def test_a_page_is_not_held_back_by_incidents_whose_turn_has_long_come(ready: Context, clock: Clock) -> None:
    for index in range(3):
        fire(ready, f"host{index}")
    run(ready, service.correlate(ready))
    with ready.write() as session:
        for index in (1, 2, 3):
            row = store.get(session, index)
            assert row is not None
            row.due_at, row.next_level_at = (clock.now - 5, None) if index < 3 else (clock.now + 60, clock.now - 9)
    with ready.read() as session:
        assert store.due(session, clock.now, limit=1) == [3]


def test_the_page_of_a_step_is_the_one_that_the_first_level_has_had(
    configure: Callable[..., Context], endpoint: Endpoint
) -> None:
    book = (PLAYBOOKS % endpoint.url).replace(
        f"{{action: http, parameters: {{url: '{endpoint.url}/hook'}}", "{action: page"
    )
    ready = configure(playbooks=book, routes=ROUTES, escalation=ESCALATION)
    fire(ready)
    run(ready, service.correlate(ready))
    assert only(ready)["actions"][0]["state"] == "done"
    assert paged(ready) == ["default"]


def test_the_evidence_goes_with_its_incident(ready: Context) -> None:
    fire(ready)
    run(ready, service.correlate(ready))
    folder = ready.settings.home / "evidence"
    for name in (f"incident-{only(ready)['id']}", "incident-77", "other"):
        (folder / name).mkdir(parents=True)
    (folder / "incident-77" / "x.json").touch()
    assert service.forget(ready) == 1
    assert sorted(path.name for path in folder.iterdir()) == [f"incident-{only(ready)['id']}", "other"]


@pytest.mark.parametrize("by_hand", [True, False])
def test_an_end_is_counted_once_it_is_written_down(
    ready: Context, clock: Clock, monkeypatch: pytest.MonkeyPatch, by_hand: bool
) -> None:
    """Redis may be slow, and nobody else can write while a transaction waits for it."""
    fire(ready, ttl=3)
    run(ready, service.correlate(ready))
    seen: list[str] = []
    monkeypatch.setattr(counters, "add", lambda *_: seen.append(only(ready)["state"]))
    if by_hand:
        service.resolve(ready, only(ready)["id"], "dana")
    else:
        for seconds in (4, 6):
            clock.move(seconds)
            alerts.evaluate(ready)
            tick(ready)
    assert seen == ["resolved"]


def test_nobody_is_paged_twice_at_once(ready: Context, clock: Clock) -> None:
    fire(ready)
    run(ready, service.correlate(ready))
    service.escalate(ready, only(ready)["id"], "dana")
    clock.move(301)
    tick(ready)
    assert texts(only(ready), "escalated")[-1] == "no recovery"
    assert paged(ready) == ["default", "seniors", "seniors"]


@pytest.mark.parametrize("name", ["playbooks", "escalation"])
def test_two_of_one_name_are_an_error(configure: Callable[..., Context], endpoint: Endpoint, name: str) -> None:
    text = PLAYBOOKS % endpoint.url if name == "playbooks" else ESCALATION
    twice = text + text.split("\n", 2)[2]
    with pytest.raises(BadConfig, match="two (playbooks|chains) are called"):
        configure(**{name: twice})


def test_a_wrong_parameter_is_found_in_its_file(tmp_path: Any) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "playbooks.yml").write_text((PLAYBOOKS % "http://a").replace("{url: ", "{adress: x, url: "))
    with pytest.raises(BadConfig, match=r"playbooks.yml:13: .*steps.0.parameters.adress: .*takes no parameter adress"):
        stack_check.config(load_settings({"MEMMON_HOME": str(tmp_path)}))


def test_a_new_alert_after_the_response_is_responded_to_as_well(
    ready: Context, endpoint: Endpoint, clock: Clock
) -> None:
    fire(ready, name="sick")
    run(ready, service.correlate(ready))
    assert endpoint.paths() == ["POST /hook"]
    clock.move(2)
    fire(ready, name="dead")
    run(ready, service.correlate(ready))
    tick(ready)
    assert endpoint.paths() == ["POST /hook", "POST /hook"]
    body = only(ready)
    assert [action["number"] for action in body["actions"]] == [1, 2]
    assert "more alerts: the response begins again" in texts(body, "stage")


def test_a_page_in_the_timeline_says_how_its_delivery_stands(ready: Context) -> None:
    fire(ready)
    run(ready, service.correlate(ready))
    [page] = [entry for entry in only(ready)["timeline"] if entry["kind"] == "page"]
    assert page["detail"]["delivery"] == [{"receiver": "default", "channel": "log[0]", "state": "waiting"}]
    for job in notify.due(ready):
        notify.deliver(ready, *job.args)
    [page] = [entry for entry in only(ready)["timeline"] if entry["kind"] == "page"]
    assert [entry["state"] for entry in page["detail"]["delivery"]] == ["sent"]
