from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from memmon.context import Context
from memmon.errors import BadInput, NotFound, Refused
from memmon.jobs import Job
from memmon.security import restrictions
from memmon.security import service as security
from memmon.state import counters
from tests.conftest import Clock
from tests.memmon.security.conftest import Client
from tests.support import free_port

Configure = Callable[..., Context]
ENFORCE = [Job("security.enforce")]


def block(ctx: Context, subject: str = "198.51.100.1", seconds: float = 60, **extra: Any) -> dict[str, Any]:
    return restrictions.restrict(ctx, "block", subject, seconds, "because", "dana", **extra)[0]


def subjects(ctx: Context) -> list[str]:
    return [restriction["subject"] for restriction in restrictions.restrictions(ctx)]


def test_a_block_is_in_force_for_its_time(ctx: Context, clock: Clock) -> None:
    body, jobs = restrictions.restrict(ctx, "block", "::ffff:198.51.100.1", 60, "because", "dana")
    assert jobs == ENFORCE
    assert (body["subject"], body["until"], body["reason"]) == (
        "198.51.100.1",
        "2026-01-01T00:01:00.000Z",
        "because",
    )
    clock.move(59.9)
    assert subjects(ctx) == ["198.51.100.1"]
    clock.move(0.1)
    assert subjects(ctx) == []
    assert restrictions.due(ctx) == ENFORCE


def test_the_same_again_only_lasts_longer(ctx: Context) -> None:
    first = block(ctx, seconds=60)
    assert block(ctx, seconds=30)["until"] == first["until"]
    longer = block(ctx, seconds=90)
    assert (longer["id"], longer["until"]) == (first["id"], "2026-01-01T00:01:30.000Z")
    assert subjects(ctx) == ["198.51.100.1"]


def test_one_whose_time_is_over_is_not_prolonged_but_followed_by_a_new_one(ctx: Context, clock: Clock) -> None:
    first = block(ctx)
    clock.move(60)
    second = block(ctx)
    assert second["id"] != first["id"]
    assert second["created_at"] == "2026-01-01T00:01:00.000Z"
    assert subjects(ctx) == ["198.51.100.1"]


def test_many_who_block_the_same_at_once_make_one_block(ctx: Context) -> None:
    with ThreadPoolExecutor(4) as pool:
        map = list(pool.map(lambda n: block(ctx, seconds=60 + n), range(8)))
    assert len({entry["id"] for entry in map}) == 1
    assert [restriction["until"] for restriction in restrictions.restrictions(ctx)] == ["2026-01-01T00:01:07.000Z"]
    assert [s.value for s in counters.read(ctx.redis) if dict(s.labels).get("kind") == "block"] == [1]


def test_a_block_that_is_lifted_while_it_is_renewed_stays_or_is_made_anew(ctx: Context) -> None:
    for _ in range(5):
        index = block(ctx)["id"]
        with ThreadPoolExecutor(2) as pool:
            lifted = pool.submit(restrictions.lift, ctx, index, "dana")
            renewed = pool.submit(block, ctx)
            assert lifted.result() == ENFORCE
        stored = [restriction["id"] for restriction in restrictions.restrictions(ctx)]
        assert stored in ([], [renewed.result()["id"]])
        for entry in stored:
            restrictions.lift(ctx, entry, "dana")


def test_kinds_and_targets_are_held_apart(ctx: Context) -> None:
    block(ctx)
    block(ctx, target="demo")
    for endpoint in ("/a", "/b", "/a"):
        restrictions.restrict(ctx, "throttle", "198.51.100.1", 60, "r", "dana", parameters={"endpoint": endpoint})
    restrictions.restrict(ctx, "throttle", "*", 60, "r", "dana")
    restrictions.restrict(ctx, "disable", "search", 60, "r", "dana")
    assert [restriction["kind"] for restriction in restrictions.restrictions(ctx)] == ["block"] * 2 + [
        "throttle"
    ] * 3 + ["disable"]


@pytest.mark.parametrize(
    ("kind", "subject", "seconds", "field"),
    [
        ("ban", "198.51.100.1", 60, "kind"),
        ("block", "nonsense", 60, "subject"),
        ("block", "", 60, "subject"),
        ("disable", "x" * 256, 60, "subject"),
        ("block", "198.51.100.1", 0, "seconds"),
        ("block", "198.51.100.1", float("nan"), "seconds"),
        ("block", "198.51.100.1", 31 * 86400, "seconds"),
    ],
)
def test_a_restriction_that_makes_no_sense_is_refused_by_its_field(
    sqlite_ctx: Context, kind: str, subject: str, seconds: float, field: str
) -> None:
    with pytest.raises(BadInput) as caught:
        restrictions.restrict(sqlite_ctx, kind, subject, seconds, "r", "dana")
    assert caught.value.field == field


def test_what_must_never_be_restricted_is_refused_and_counted(configure: Configure) -> None:
    ctx = configure(detectors="allow: [192.0.2.0/24]\ntrusted_proxies: [203.0.113.9]")
    never = ["127.0.0.1", "::ffff:10.0.0.1", "192.0.2.7", "203.0.113.9"]
    for subject in never:
        with pytest.raises(Refused):
            block(ctx, subject)
        with pytest.raises(Refused):
            restrictions.restrict(ctx, "throttle", subject, 60, "r", "dana")
    assert subjects(ctx) == []
    name = "memmon_restrictions_refused_total"
    assert [s.value for s in counters.read(ctx.redis) if dict(s.labels)["__name__"] == name] == [8]


def test_the_addresses_of_this_host_are_known() -> None:
    assert "127.0.0.1" in restrictions.own_addresses()


def test_a_restriction_is_lifted_before_its_time(ctx: Context) -> None:
    index = block(ctx)["id"]
    assert restrictions.lift(ctx, index, "dana") == ENFORCE
    assert subjects(ctx) == []
    restrictions.lift(ctx, index, "dana")
    with pytest.raises(NotFound, match="no restriction 99"):
        restrictions.lift(ctx, 99, "dana")


def test_the_clients_are_told_the_whole_state_of_their_target(configure: Configure, client: Client) -> None:
    ctx = configure(targets=f"targets: [{client.target('a')}]")
    block(ctx)
    block(ctx, "198.51.100.2", target="a")
    block(ctx, "198.51.100.3", target="other")
    parameters = {"endpoint": "/search", "per_minute": 9}
    restrictions.restrict(ctx, "throttle", "*", 60, "r", "dana", parameters=parameters)
    restrictions.restrict(ctx, "disable", "search", 60, "r", "dana")
    restrictions.enforce(ctx)
    until = ctx.now() + 60
    assert client.states == [
        {
            "blocked": [{"address": "198.51.100.1", "until": until}, {"address": "198.51.100.2", "until": until}],
            "throttled": [{"subject": "*", "until": until, **parameters}],
            "disabled": [{"feature": "search", "until": until}],
        }
    ]
    enforced = {restriction["subject"]: restriction["enforced"] for restriction in restrictions.restrictions(ctx)}
    assert enforced["198.51.100.1"] == {"a": {"at": ctx.now(), "error": None}}
    assert enforced["198.51.100.3"] == {}


def test_a_block_that_is_over_or_lifted_is_gone_from_the_client(
    configure: Configure, client: Client, clock: Clock
) -> None:
    ctx = configure(targets=f"targets: [{client.target('a')}]")
    block(ctx)
    index = block(ctx, "198.51.100.2")["id"]
    restrictions.enforce(ctx)
    assert client.blocked() == ["198.51.100.1", "198.51.100.2"]
    restrictions.lift(ctx, index, "dana")
    restrictions.enforce(ctx)
    assert client.blocked() == ["198.51.100.1"]
    clock.move(60)
    restrictions.enforce(ctx)  # Before any tick has ended it.
    assert client.blocked() == []


def test_a_client_that_is_away_is_told_again_by_the_tick(configure: Configure, client: Client, clock: Clock) -> None:
    ctx = configure(targets=f"targets: [{client.target('a')}]")
    block(ctx)
    client.status = 503
    restrictions.enforce(ctx)
    assert restrictions.restrictions(ctx)[0]["enforced"]["a"]["error"] == "a: 503"
    client.status = 200
    restrictions.due(ctx)
    assert restrictions.due(ctx) == []
    clock.move(5)
    assert restrictions.due(ctx) == ENFORCE
    restrictions.enforce(ctx)
    assert client.blocked() == ["198.51.100.1"]
    assert restrictions.restrictions(ctx)[0]["enforced"]["a"]["error"] is None


def test_a_client_that_cannot_be_reached_or_refuses_keeps_no_other_from_being_told(
    configure: Configure, client: Client
) -> None:
    away = f"{{name: away, database: /none, client: {{url: 'http://127.0.0.1:{free_port()}', token: x}}}}"
    ctx = configure(targets=f"targets: [{away}, {client.target('odd', 'wrong')}, {client.target('good')}]")
    block(ctx)
    restrictions.enforce(ctx)
    errors = {name: entry["error"] for name, entry in restrictions.restrictions(ctx)[0]["enforced"].items()}
    assert errors["good"] is None
    assert "127.0.0.1" in errors["away"]
    assert errors["odd"].startswith("odd: 401")
    assert client.blocked() == ["198.51.100.1"]


def test_clients_that_hang_are_waited_for_together_and_not_one_after_the_other(
    configure: Configure, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memmon.security.client.TIMEOUT", 0.5)
    ctx = configure(targets=f"targets: [{', '.join(client.target(f't{n}') for n in range(8))}]")
    block(ctx)
    client.free.clear()
    restrictions.enforce(ctx)
    enforced = restrictions.restrictions(ctx)[0]["enforced"]
    assert len([entry for entry in enforced.values() if "no answer within 0.5 s" in entry["error"]]) == 8


def test_with_nothing_in_force_the_clients_are_told_so(configure: Configure, client: Client) -> None:
    ctx = configure(targets=f"targets: [{client.target('a')}]")
    security.enforce(ctx)
    assert client.states == [{"blocked": [], "throttled": [], "disabled": []}]


def test_every_kind_of_event_has_a_counter_before_the_first_one_comes(ctx: Context) -> None:
    restrictions.due(ctx)
    actual = {dict(s.labels).get("type"): s.value for s in counters.read(ctx.redis)}
    assert actual["injection_attempt"] == 0.0
    assert actual["data_exfiltration"] == 0.0
