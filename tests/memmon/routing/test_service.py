from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy.orm import Session

from memmon.alerts import service as alerts
from memmon.context import Context
from memmon.promql.matcher import Matcher
from memmon.routing import maintenance, service, store
from memmon.routing.group import Pending
from memmon.routing.service import LogEntry
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
    """An outbox that delivers each message at once unless `hold` is set; stores them as text."""

    def __init__(self, ctx: Context, clock: Clock):
        self.ctx, self.clock = ctx, clock
        self.payloads: list[dict[str, Any]] = []
        self.held: dict[tuple[str, str], Pending] = {}
        self.holds = False

    def pending(self, session: Session, group_key: str) -> dict[str, Pending]:
        return {channel: entry for (key, channel), entry in self.held.items() if key == group_key}

    def put(
        self,
        session: Session,
        receiver: str,
        channel: str,
        payload: Any,
        group_key: str,
        note: LogEntry,
        old: Pending | None,
    ) -> None:
        self.payloads.append(payload)
        if not self.holds:
            self.held.pop((group_key, channel), None)
            service.record(session, group_key, channel, note, self.ctx.now())
            return
        entry = old or Pending(1, "waiting", 0, self.ctx.now(), frozenset(), frozenset())
        expected = {"firing": frozenset(note.firing), "resolved": frozenset(note.resolved)}
        self.held[group_key, channel] = entry._replace(state="waiting", **expected)

    def cancel(self, session: Session, old: Pending) -> None:
        self.held = {key: entry for key, entry in self.held.items() if entry != old}

    def tried(self, state: str = "waiting") -> None:
        """Mark the waiting messages as tried once without success."""
        self.held = {key: entry._replace(attempts=entry.attempts + 1, state=state) for key, entry in self.held.items()}

    def tick(self, after: float = 0) -> list[str]:
        """Move the clock, place and flush; return the sent messages: receiver, reason, and each
        alert with its state.
        """
        self.clock.move(after)
        existing = len(self.payloads)
        service.place(self.ctx)
        service.flush(self.ctx, self)
        return [summary_of(payload) for payload in self.payloads[existing:]]


def summary_of(payload: dict[str, Any]) -> str:
    listed = " ".join(f"{entry['labels'].get('n', '')}:{entry['status']}" for entry in payload["alerts"])
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


def end(ctx: Context, index: int) -> None:
    alerts.resolve(ctx, index, "dana")


def reason(ctx: Context) -> str:
    """Return the reason on record of the one group there is."""
    with ctx.read() as session:
        [key] = store.due_keys(session, float("inf"), 0)
        last = store.decisions(session, [key], 0, float("inf"), 100)[-1]
    output = [*last.channels.values(), *(entry["text"] for stored in last.muted.values() for entry in stored)]
    return "; ".join(output)


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
    index = fire(outbox.ctx, "1")
    outbox.tick()
    outbox.tick(after=5)
    alerts.acknowledge(outbox.ctx, index, "dana")
    assert outbox.tick(after=7200) == []
    assert reason(outbox.ctx) == "acknowledged"
    end(outbox.ctx, index)
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
    index = fire(outbox.ctx, "1")
    outbox.tick()
    end(outbox.ctx, index)
    assert outbox.tick(after=5) == []
    index = fire(outbox.ctx, "2")
    end(outbox.ctx, index)
    assert outbox.tick(after=60) == []


def test_an_alert_that_fires_again_is_told_again_at_once_and_without_the_one_that_ended(outbox: Outbox) -> None:
    reason = "first notification"
    for _ in range(3):
        index = fire(outbox.ctx, "1", severity="critical")
        assert outbox.tick() == [f"team, {reason}, 1:firing"]
        end(outbox.ctx, index)
        assert outbox.tick(after=30) == ["team, all alerts resolved, 1:resolved"]
        reason = "new alerts added"
    assert outbox.tick(after=30) == []
    fire(outbox.ctx, "1", severity="critical")
    # By then the group was forgotten.
    assert outbox.tick() == ["team, first notification, 1:firing"]


def test_while_a_message_waits_it_is_brought_up_to_date_and_none_is_put_beside_it(outbox: Outbox) -> None:
    outbox.holds = True
    first = fire(outbox.ctx, "1", severity="critical")
    assert outbox.tick() == ["team, first notification, 1:firing"]
    outbox.tried()
    assert outbox.tick(after=30) == []
    assert reason(outbox.ctx) == "waiting for the receiver"
    fire(outbox.ctx, "2", severity="critical")
    assert outbox.tick(after=30) == ["team, first notification, 1:firing 2:firing"]
    end(outbox.ctx, first)
    assert outbox.tick(after=30) == ["team, first notification, 2:firing 1:resolved"]
    assert len(outbox.held) == 1


def test_what_was_tried_may_have_been_heard_and_its_end_is_told(outbox: Outbox) -> None:
    outbox.holds = True
    index = fire(outbox.ctx, "1", severity="critical")
    outbox.tick()
    outbox.tried()
    end(outbox.ctx, index)
    assert outbox.tick(after=30) == ["team, all alerts resolved, 1:resolved"]


def test_what_nobody_has_begun_to_send_and_is_over_is_sent_no_more(outbox: Outbox) -> None:
    outbox.holds = True
    index = fire(outbox.ctx, "1", severity="critical")
    outbox.tick()
    end(outbox.ctx, index)
    assert outbox.tick(after=30) == []
    assert outbox.held == {}


def test_what_failed_for_good_is_tried_again_with_the_next_flush(outbox: Outbox) -> None:
    outbox.holds = True
    fire(outbox.ctx, "1", severity="critical")
    outbox.tick()
    outbox.tried("failed")
    assert outbox.tick(after=30) == ["team, first notification, 1:firing"]
    outbox.tried("sending")
    assert outbox.tick(after=30) == []
    assert reason(outbox.ctx) == "being sent"


def test_the_end_of_what_cannot_be_told_is_given_up_after_a_day(outbox: Outbox) -> None:
    outbox.holds = True
    index = fire(outbox.ctx, "1", severity="critical")
    outbox.tick()
    outbox.tried("failed")
    end(outbox.ctx, index)
    assert outbox.tick(after=86400) == ["team, all alerts resolved, 1:resolved"]
    outbox.tried("failed")
    assert outbox.tick(after=30) == []
    outbox.tick(after=30)
    with outbox.ctx.read() as session:
        assert store.due_keys(session, float("inf"), 0) == []


def test_a_clock_that_is_set_back_puts_nothing_off(outbox: Outbox, clock: Clock) -> None:
    fire(outbox.ctx, "1", severity="critical")
    assert outbox.tick() == ["team, first notification, 1:firing"]
    clock.move(-86400)
    fire(outbox.ctx, "2", severity="critical")
    assert outbox.tick() == ["team, new alerts added, 1:firing 2:firing"]
    assert outbox.tick(after=3600) == []
    assert outbox.tick(after=30) == ["team, repeat interval elapsed, 1:firing 2:firing"]


def test_a_muted_route_tells_nothing_until_its_interval_is_over_and_then_everything(
    configure: Configure, clock: Clock
) -> None:
    night = "{name: night, time_intervals: [{times: [{start_time: '00:00', end_time: '06:00'}]}]}"
    text = ROUTES.replace("    group_wait: 0s", "    group_wait: 0s\n    mute_time_intervals: [night]")
    outbox = Outbox(configure(routes=f"{text}time_intervals: [{night}]\n"), clock)
    fire(outbox.ctx, "1", severity="critical")
    assert outbox.tick() == []
    assert reason(outbox.ctx) == "nothing firing and nothing notified before; night mutes the route"
    index = fire(outbox.ctx, "2", severity="critical")
    assert outbox.tick(after=6 * 3600) == ["team, first notification, 1:firing 2:firing"]
    clock.move(18 * 3600)
    end(outbox.ctx, index)
    assert outbox.tick() == []
    assert outbox.tick(after=6 * 3600) == ["team, some alerts resolved, 1:firing 2:resolved"]


def test_the_children_of_a_failed_parent_are_kept_back_and_its_notice_names_them(
    configure: Configure, clock: Clock
) -> None:
    targets = """
targets:
- {name: db, job: db, instance: d, metrics: 'http://127.0.0.1:1/'}
- {name: web, job: web, instance: w, metrics: 'http://127.0.0.1:1/', depends_on: [db]}
- {name: edge, job: edge, instance: e, metrics: 'http://127.0.0.1:1/', depends_on: [web]}
"""
    outbox = Outbox(configure(routes=ROUTES, targets=targets), clock)
    fire(outbox.ctx, "edge", severity="critical", job="edge", instance="e")
    fire(outbox.ctx, "db", severity="critical", job="db", instance="d", category="availability")
    assert outbox.tick() == ["team, first notification, db:firing"]
    assert outbox.payloads[0]["alerts"][0]["dependents"] == ["web", "edge"]
    assert "db, which it depends on, has failed: alert 2" in reason(outbox.ctx)
    end(outbox.ctx, 2)
    assert outbox.tick(after=30) == ["team, new alerts added, edge:firing db:resolved"]


def test_what_still_fires_when_maintenance_ends_is_told_then(outbox: Outbox, clock: Clock) -> None:
    fire(outbox.ctx, "1", severity="critical")
    maintenance.plan(outbox.ctx, "works", [Matcher("n", "=", "1")], {"duration": 100}, "dana")
    assert outbox.tick() == []
    assert reason(outbox.ctx) == "nothing firing and nothing notified before; in the maintenance window works"
    assert outbox.tick(after=99) == []
    assert outbox.tick(after=1) == ["team, first notification, 1:firing"]


def test_an_alert_that_flaps_may_go_another_way(configure: Configure, clock: Clock) -> None:
    calm = "  routes:\n  - {matchers: ['flapping=\"true\"'], receiver: other, group_wait: 0s}\n"
    outbox = Outbox(configure(routes=ROUTES.replace("  routes:\n", calm)), clock)
    for expected in ("team", "team", "team", "other"):
        index = fire(outbox.ctx, "1", severity="critical")
        [said_] = outbox.tick()
        assert said_.startswith(expected)
        end(outbox.ctx, index)
        clock.move(300)
        outbox.tick()


def test_placing_twice_changes_nothing(outbox: Outbox) -> None:
    fire(outbox.ctx, "1")
    assert service.place(outbox.ctx) == 1
    assert service.place(outbox.ctx) == 0


def test_placing_takes_no_lock_where_nothing_is_new(outbox: Outbox) -> None:
    fire(outbox.ctx, "1")
    service.place(outbox.ctx)
    with outbox.ctx.write() as session:
        store.add_group(session, key="k", route="r", receiver="x", labels={}, due_at=None)
        assert service.place(outbox.ctx) == 0
        assert service.flush(outbox.ctx, outbox) == 0


def test_of_many_who_place_and_flush_at_once_one_is_effective(outbox: Outbox, clock: Clock) -> None:
    for n in range(3):
        fire(outbox.ctx, str(n))

    def both(_: int) -> None:
        service.place(outbox.ctx)
        service.flush(outbox.ctx, outbox)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(both, range(4)))
        clock.move(5)
        list(pool.map(both, range(8)))
    assert [summary_of(payload) for payload in outbox.payloads] == [
        "team, first notification, 0:firing 1:firing 2:firing"
    ]


def test_a_flush_that_dies_while_it_sends_has_told_nobody_and_is_done_again(outbox: Outbox, clock: Clock) -> None:
    fire(outbox.ctx, "1", severity="critical")
    service.place(outbox.ctx)

    class Dies(Outbox):
        def put(self, *_: object) -> None:
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        service.flush(outbox.ctx, Dies(outbox.ctx, clock))
    assert outbox.tick() == ["team, first notification, 1:firing"]


def test_a_silenced_alert_is_told_once_the_silence_is_over(outbox: Outbox) -> None:
    fire(outbox.ctx, "1")
    service.silence(outbox.ctx, [Matcher("n", "=", "1")], 60, "dana", "works")
    outbox.tick()
    assert outbox.tick(after=5) == []
    assert reason(outbox.ctx) == "nothing firing and nothing notified before; silenced by dana: works"
    assert outbox.tick(after=30) == []
    assert outbox.tick(after=30) == ["team, first notification, 1:firing"]


def test_who_heard_of_an_alert_hears_of_its_end_although_it_is_silenced_by_then(outbox: Outbox) -> None:
    index = fire(outbox.ctx, "1")
    outbox.tick()
    outbox.tick(after=5)
    service.silence(outbox.ctx, [Matcher("n", "=", "1")], 600, "dana", "works")
    assert outbox.tick(after=30) == []
    end(outbox.ctx, index)
    assert outbox.tick(after=30) == ["team, all alerts resolved, 1:resolved"]


def test_news_meanwhile_does_not_make_that_forgotten(outbox: Outbox) -> None:
    index = fire(outbox.ctx, "1")
    outbox.tick()
    outbox.tick(after=5)
    service.silence(outbox.ctx, [Matcher("n", "=", "1")], 600, "dana", "works")
    fire(outbox.ctx, "2")
    assert outbox.tick(after=30) == ["team, new alerts added, 2:firing"]
    end(outbox.ctx, index)
    assert outbox.tick(after=30) == ["team, some alerts resolved, 2:firing 1:resolved"]


def test_the_end_of_a_silenced_alert_is_no_news_for_who_never_heard_of_it(outbox: Outbox) -> None:
    service.silence(outbox.ctx, [Matcher("n", "=", "1")], 600, "dana", "works")
    index = fire(outbox.ctx, "1")
    fire(outbox.ctx, "2")
    outbox.tick()
    assert outbox.tick(after=5) == ["team, first notification, 2:firing"]
    end(outbox.ctx, index)
    assert outbox.tick(after=30) == []


def test_a_silence_over_all_that_was_told_is_not_their_end(outbox: Outbox) -> None:
    index = fire(outbox.ctx, "1")
    fire(outbox.ctx, "2")
    outbox.tick()
    outbox.tick(after=5)
    stored = service.silence(outbox.ctx, [Matcher("alertname", "=", "trouble")], 86400, "dana", "works")
    assert outbox.tick(after=7200) == []
    service.expire_silence(outbox.ctx, stored["id"])
    end(outbox.ctx, index)
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
    index = fire(outbox.ctx, "1")
    fire(outbox.ctx, "2")
    outbox.tick()
    outbox.tick(after=5)
    end(outbox.ctx, index)
    assert outbox.tick(after=30) == []


def test_a_route_to_another_receiver_takes_over_what_fires(outbox: Outbox, configure: Configure) -> None:
    fire(outbox.ctx, "1")
    outbox.tick()
    outbox.tick(after=5)
    configure(routes=ROUTES.replace("receiver: team", "receiver: other"))
    assert outbox.tick() == ["other, first notification, 1:firing"]
    assert outbox.tick(after=30) == []
    with outbox.ctx.read() as session:
        assert [key.split("|")[0] for key in store.due_keys(session, float("inf"), 0)] == ["other"]


def test_routes_in_another_order_tell_nobody_anew(outbox: Outbox, configure: Configure) -> None:
    fire(outbox.ctx, "1", severity="critical")
    outbox.tick()
    first = "  routes:\n  - matchers: [team=x]\n    receiver: other\n"
    configure(routes=ROUTES.replace("  routes:\n", first))
    assert outbox.tick(after=30) == []


def test_an_alert_is_told_on_every_route_that_it_takes(configure: Configure, clock: Clock) -> None:
    extra = "  routes:\n  - {receiver: other, continue: true, group_wait: 0s}\n"
    outbox = Outbox(configure(routes=ROUTES.replace("  routes:\n", extra)), clock)
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
