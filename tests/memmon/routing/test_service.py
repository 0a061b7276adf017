from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy.orm import Session

from memmon.alerts import service as alerts
from memmon.context import Context
from memmon.promql.matcher import Matcher
from memmon.routing import service, store
from tests.conftest import Clock

Configure = Callable[..., Context]

ROUTES = """
route:
  receiver: team
  group_by: [alertname]
  group_wait: 5s
  group_interval: 30s
  repeat_interval: 1h
  routes:
  - matchers: [severity="critical"]
    group_wait: 0s
receivers:
- name: team
  log_configs: [{}]
- name: other
  log_configs: [{}]
"""


class Outbox:
    """What was put into the outbox, in words."""

    def __init__(self, ctx: Context, clock: Clock):
        self.ctx, self.clock = ctx, clock
        self.payloads: list[dict[str, Any]] = []
        self.keys: list[str] = []

    def send(self, session: Session, receiver: str, payload: dict[str, Any], key: str) -> None:
        self.payloads.append(payload)
        self.keys.append(key)

    def tick(self, after: float = 0) -> list[str]:
        """Move the clock, place and flush; return what was sent: receiver, reason, and each alert with its state."""
        self.clock.move(after)
        known = len(self.payloads)
        service.place(self.ctx)
        service.flush(self.ctx, self.send)
        return [said(payload) for payload in self.payloads[known:]]


def said(payload: dict[str, Any]) -> str:
    listed = " ".join(f"{one['labels'].get('n', '')}:{one['status']}" for one in payload["alerts"])
    return f"{payload['receiver']}, {payload['reason']}, {listed}"


@pytest.fixture
def ready(configure: Configure) -> Context:
    return configure(routes=ROUTES)


@pytest.fixture
def outbox(ready: Context, clock: Clock) -> Outbox:
    return Outbox(ready, clock)


def fire(ctx: Context, n: str, severity: str = "warning", ttl: float = 86400, **labels: str) -> int:
    """Raise an alert; return its id."""
    alerts.raise_event(ctx, "trouble", severity, {"n": n, **labels}, {}, ttl)
    return max(int(alert["id"]) for alert in alerts.firing(ctx))


def end(ctx: Context, number: int) -> None:
    alerts.resolve(ctx, number, "dana")


def reason(ctx: Context) -> str:
    """Return the reason on record of the one group there is."""
    with ctx.read() as session:
        [row] = store.due_groups(session, float("inf"))
        entry = store.told(session, row.key, row.receiver)
        assert entry is not None
        return entry.reason


def test_a_group_waits_for_others_to_join_and_is_told_as_one(outbox: Outbox) -> None:
    fire(outbox.ctx, "1")
    assert outbox.tick() == []
    fire(outbox.ctx, "2")
    assert outbox.tick(after=4.9) == []
    assert outbox.tick(after=0.1) == ["team, first notification, 1:firing 2:firing"]
    assert outbox.tick(after=1) == []


def test_what_is_critical_is_told_at_once(outbox: Outbox) -> None:
    fire(outbox.ctx, "1", severity="critical")
    assert outbox.tick() == ["team, first notification, 1:firing"]


def test_an_alert_that_was_placed_late_waits_no_longer(outbox: Outbox, clock: Clock) -> None:
    fire(outbox.ctx, "1")
    clock.move(60)
    assert outbox.tick() == ["team, first notification, 1:firing"]


def test_news_of_a_group_waits_for_its_interval(outbox: Outbox) -> None:
    fire(outbox.ctx, "1")
    outbox.tick()
    outbox.tick(after=5)
    fire(outbox.ctx, "2")
    assert outbox.tick(after=29) == []
    assert outbox.tick(after=1) == ["team, new alerts added, 1:firing 2:firing"]


def test_what_still_fires_is_told_again_after_the_repeat_interval(outbox: Outbox) -> None:
    fire(outbox.ctx, "1")
    outbox.tick()
    outbox.tick(after=5)
    assert outbox.tick(after=3600) == []
    assert outbox.tick(after=30) == ["team, repeat interval elapsed, 1:firing"]


def test_what_is_acknowledged_is_not_repeated_and_its_end_is_told(outbox: Outbox) -> None:
    number = fire(outbox.ctx, "1")
    outbox.tick()
    outbox.tick(after=5)
    alerts.acknowledge(outbox.ctx, number, "dana")
    assert outbox.tick(after=7200) == []
    assert reason(outbox.ctx) == "acknowledged"
    end(outbox.ctx, number)
    assert outbox.tick(after=30) == ["team, all alerts resolved, 1:resolved"]


def test_the_end_of_an_alert_is_told_once(outbox: Outbox) -> None:
    first, second = fire(outbox.ctx, "1"), fire(outbox.ctx, "2")
    outbox.tick()
    outbox.tick(after=5)
    end(outbox.ctx, first)
    assert outbox.tick(after=30) == ["team, some alerts resolved, 2:firing 1:resolved"]
    fire(outbox.ctx, "3")
    assert outbox.tick(after=30) == ["team, new alerts added, 2:firing 3:firing"]
    end(outbox.ctx, second)
    assert outbox.tick(after=30) == ["team, some alerts resolved, 3:firing 2:resolved"]
    assert [outbox.tick(after=30) for _ in range(5)] == [[]] * 5


def test_an_alert_that_ended_before_anybody_heard_of_it_is_not_told(outbox: Outbox) -> None:
    number = fire(outbox.ctx, "1")
    outbox.tick()
    end(outbox.ctx, number)
    assert outbox.tick(after=5) == []
    number = fire(outbox.ctx, "2")
    end(outbox.ctx, number)
    assert outbox.tick(after=60) == []


def test_an_alert_that_fires_again_is_told_again_and_as_a_message_of_its_own(outbox: Outbox) -> None:
    for _ in range(3):
        number = fire(outbox.ctx, "1", severity="critical")
        assert outbox.tick() == ["team, first notification, 1:firing"]
        end(outbox.ctx, number)
        assert outbox.tick(after=30) == ["team, all alerts resolved, 1:resolved"]
    assert len(set(outbox.keys)) == 6


def test_placing_twice_changes_nothing(outbox: Outbox) -> None:
    fire(outbox.ctx, "1")
    assert service.place(outbox.ctx) == 1
    assert service.place(outbox.ctx) == 0


def test_placing_takes_no_lock_where_nothing_is_new(outbox: Outbox) -> None:
    fire(outbox.ctx, "1")
    service.place(outbox.ctx)
    with outbox.ctx.write() as session:
        store.add_group(session, key="k", route="r", receiver="x", labels={}, alerts={}, due_at=None)
        assert service.place(outbox.ctx) == 0
        assert service.flush(outbox.ctx, outbox.send) == 0


def test_of_many_who_place_and_flush_at_once_one_is_effective(outbox: Outbox, clock: Clock) -> None:
    for n in range(3):
        fire(outbox.ctx, str(n))

    def both(_: int) -> None:
        service.place(outbox.ctx)
        service.flush(outbox.ctx, outbox.send)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(both, range(4)))
        clock.move(5)
        list(pool.map(both, range(8)))
    assert [said(payload) for payload in outbox.payloads] == ["team, first notification, 0:firing 1:firing 2:firing"]


def test_a_flush_that_dies_while_it_sends_has_told_nobody_and_is_done_again(outbox: Outbox, clock: Clock) -> None:
    fire(outbox.ctx, "1", severity="critical")
    service.place(outbox.ctx)

    def dies(*_: object) -> None:
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        service.flush(outbox.ctx, dies)
    assert outbox.tick() == ["team, first notification, 1:firing"]


def test_a_silenced_alert_is_told_once_the_silence_is_over(outbox: Outbox) -> None:
    fire(outbox.ctx, "1")
    service.silence(outbox.ctx, [Matcher("n", "=", "1")], 60, "dana", "works")
    outbox.tick()
    assert outbox.tick(after=5) == []
    assert reason(outbox.ctx) == "nothing firing and nothing told before; 1 suppressed"
    assert outbox.tick(after=30) == []
    assert outbox.tick(after=30) == ["team, first notification, 1:firing"]


def test_who_heard_of_an_alert_hears_of_its_end_although_it_is_silenced_by_then(outbox: Outbox) -> None:
    number = fire(outbox.ctx, "1")
    outbox.tick()
    outbox.tick(after=5)
    service.silence(outbox.ctx, [Matcher("n", "=", "1")], 600, "dana", "works")
    assert outbox.tick(after=30) == []
    end(outbox.ctx, number)
    assert outbox.tick(after=30) == ["team, all alerts resolved, 1:resolved"]


def test_news_meanwhile_does_not_make_that_forgotten(outbox: Outbox) -> None:
    number = fire(outbox.ctx, "1")
    outbox.tick()
    outbox.tick(after=5)
    service.silence(outbox.ctx, [Matcher("n", "=", "1")], 600, "dana", "works")
    fire(outbox.ctx, "2")
    assert outbox.tick(after=30) == ["team, new alerts added, 2:firing"]
    end(outbox.ctx, number)
    assert outbox.tick(after=30) == ["team, some alerts resolved, 2:firing 1:resolved"]


def test_the_end_of_a_silenced_alert_is_no_news_for_who_never_heard_of_it(outbox: Outbox) -> None:
    service.silence(outbox.ctx, [Matcher("n", "=", "1")], 600, "dana", "works")
    number = fire(outbox.ctx, "1")
    fire(outbox.ctx, "2")
    outbox.tick()
    assert outbox.tick(after=5) == ["team, first notification, 2:firing"]
    end(outbox.ctx, number)
    assert outbox.tick(after=30) == []


def test_a_silence_over_all_that_was_told_is_not_their_end(outbox: Outbox) -> None:
    number = fire(outbox.ctx, "1")
    fire(outbox.ctx, "2")
    outbox.tick()
    outbox.tick(after=5)
    held = service.silence(outbox.ctx, [Matcher("alertname", "=", "trouble")], 86400, "dana", "works")
    assert outbox.tick(after=7200) == []
    service.expire_silence(outbox.ctx, held["id"])
    end(outbox.ctx, number)
    assert outbox.tick(after=30) == ["team, some alerts resolved, 2:firing 1:resolved"]


def test_an_inhibited_alert_is_told_once_its_source_ended(configure: Configure, clock: Clock) -> None:
    rule = "inhibit_rules: [{source_matchers: [severity=critical], target_matchers: [severity=warning], equal: [zone]}]"
    outbox = Outbox(configure(routes=ROUTES + rule), clock)
    source = fire(outbox.ctx, "1", severity="critical", zone="z")
    fire(outbox.ctx, "2", zone="z")
    fire(outbox.ctx, "3", zone="y")
    assert outbox.tick() == ["team, first notification, 1:firing"]
    assert outbox.tick(after=5) == ["team, first notification, 3:firing"]
    end(outbox.ctx, source)
    assert sorted(outbox.tick(after=30)) == [
        "team, all alerts resolved, 1:resolved",
        "team, new alerts added, 2:firing 3:firing",
    ]


def test_a_receiver_that_wants_no_ends_is_not_told_again_because_some_ended(configure: Configure, clock: Clock) -> None:
    outbox = Outbox(configure(routes=ROUTES.replace("[{}]", "[{send_resolved: false}]")), clock)
    number = fire(outbox.ctx, "1")
    fire(outbox.ctx, "2")
    outbox.tick()
    outbox.tick(after=5)
    end(outbox.ctx, number)
    assert outbox.tick(after=30) == []


def test_a_route_to_another_receiver_takes_over_what_fires(outbox: Outbox, configure: Configure) -> None:
    fire(outbox.ctx, "1")
    outbox.tick()
    outbox.tick(after=5)
    configure(routes=ROUTES.replace("receiver: team", "receiver: other"))
    assert outbox.tick() == ["other, first notification, 1:firing"]
    assert outbox.tick(after=30) == []
    with outbox.ctx.read() as session:
        assert [row.receiver for row in store.due_groups(session, float("inf"))] == ["other"]


def test_routes_in_another_order_tell_nobody_anew(outbox: Outbox, configure: Configure) -> None:
    fire(outbox.ctx, "1", severity="critical")
    outbox.tick()
    first = "  routes:\n  - matchers: [team=x]\n    receiver: other\n"
    configure(routes=ROUTES.replace("  routes:\n", first))
    assert outbox.tick(after=30) == []


def test_an_alert_is_told_on_every_route_that_it_takes(configure: Configure, clock: Clock) -> None:
    more = "  routes:\n  - {receiver: other, continue: true, group_wait: 0s}\n"
    outbox = Outbox(configure(routes=ROUTES.replace("  routes:\n", more)), clock)
    fire(outbox.ctx, "1", severity="critical")
    assert sorted(outbox.tick()) == ["other, first notification, 1:firing", "team, first notification, 1:firing"]


def test_groups_are_those_of_the_labels_that_the_route_names(configure: Configure, clock: Clock) -> None:
    outbox = Outbox(configure(routes=ROUTES.replace("[alertname]", "[zone]")), clock)
    for n, zone in (("1", "a"), ("2", "a"), ("3", "b"), ("4", "")):
        fire(outbox.ctx, n, zone=zone)
    outbox.tick()
    assert sorted(outbox.tick(after=5)) == [
        "team, first notification, 1:firing 2:firing",
        "team, first notification, 3:firing",
        "team, first notification, 4:firing",
    ]
    assert sorted(p["group_key"] for p in outbox.payloads) == ['{}:{zone="a"}', '{}:{zone="b"}', "{}:{}"]


def test_labels_that_no_column_holds_are_routed_all_the_same(configure: Configure, clock: Clock) -> None:
    outbox = Outbox(configure(routes=ROUTES.replace("[alertname]", "['...']")), clock)
    fire(outbox.ctx, "1", severity="critical", path="x" * 2000)
    fire(outbox.ctx, "2", severity="critical", path="x" * 2000 + "y")
    assert len(outbox.tick()) == 2


def test_the_payload_says_what_a_program_needs(outbox: Outbox) -> None:
    fire(outbox.ctx, "1", severity="critical")
    outbox.tick()
    [payload] = outbox.payloads
    assert (payload["kind"], payload["status"], payload["receiver"]) == ("alert", "firing", "team")
    assert payload["group_labels"] == {"alertname": "trouble"}
    assert payload["group_key"] == '{}/{severity="critical"}:{alertname="trouble"}'
    assert payload["external_url"] == "http://localhost:8080"
    assert payload["at"] == "2026-01-01T00:00:00.000Z"
