from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from memmon import encode
from memmon.alerts import service as alerts
from memmon.context import Context
from memmon.errors import NotFound
from memmon.jobs import Job
from memmon.notify import outbox, service, store
from tests.conftest import Clock
from tests.memmon.notify.conftest import Hook, Mailbox

Configure = Callable[..., Context]
PAYLOAD = {"kind": "test", "title": "hello"}


@pytest.fixture
def ready(configure: Configure, hook: Hook) -> Context:
    return configure(
        routes=f"""
route: {{receiver: team, group_wait: 0s, group_interval: 30s}}
receivers:
- name: team
  webhook_configs: [{{url: '{hook.url}', timeout: 5s}}]
- name: both
  webhook_configs: [{{url: '{hook.url}'}}]
  log_configs: [{{send_resolved: false}}]
- name: nobody
- name: post
  email_configs: [{{to: "a@example.org\\nBcc: b@example.org"}}]
"""
    )


def message(ctx: Context, receiver: str = "team", key: str = "k", **payload: Any) -> int:
    """Put a message into the outbox; return the id of its first delivery."""
    return int(service.enqueue(ctx, receiver, {**PAYLOAD, **payload}, key)[0].args[0])


def notification_row(ctx: Context, index: int) -> dict[str, Any]:
    return next(row for row in service.recent(ctx) if row["id"] == index)


def wait_of(ctx: Context, index: int) -> float:
    """Return the seconds until the next try."""
    return encode.seconds_of(notification_row(ctx, index)["next_attempt_at"]) - ctx.now()


def test_a_message_is_sent_once_and_its_attempt_is_on_record(ready: Context, hook: Hook) -> None:
    index = message(ready)
    service.deliver(ready, index)
    service.deliver(ready, index)
    assert len(hook.bodies) == 1
    row = notification_row(ready, index)
    assert (row["state"], row["title"], row["error"]) == ("sent", "[TEST] hello", None)
    assert row["sent_at"] == "2026-01-01T00:00:00.000Z"
    assert [(entry["outcome"], entry["answer"]) for entry in row["attempts"]] == [("sent", "200 <said>")]
    assert (
        hook.bodies[0] | {"kind": "test", "text": "[TEST] hello", "receiver": "team", "channel": "webhook"}
        == hook.bodies[0]
    )


def test_the_same_key_is_the_same_message(ready: Context) -> None:
    assert message(ready) == message(ready)
    assert message(ready, key="other") != message(ready)
    assert message(ready, key="x" * 300) == message(ready, key="x" * 300)
    assert service.counts(ready) == {"waiting": 3}


def test_of_many_workers_one_sends(ready: Context, hook: Hook) -> None:
    index = message(ready)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: service.deliver(ready, index), range(6)))
    assert len(hook.bodies) == 1
    assert len(notification_row(ready, index)["attempts"]) == 1


def test_a_message_whose_sender_died_is_sent_once_its_claim_is_over(ready: Context, hook: Hook, clock: Clock) -> None:
    index = message(ready)
    with ready.write() as session:
        assert store.claim(session, index, clock.now, clock.now + 10)
    clock.move(9.9)
    assert service.due(ready) == []
    service.deliver(ready, index)
    assert hook.bodies == []
    clock.move(0.1)
    assert service.due(ready) == [Job("notify.deliver", (index,))]
    service.deliver(ready, index)
    assert len(hook.bodies) == 1


def test_what_a_sender_says_after_its_claim_ended_undoes_nothing(ready: Context, clock: Clock) -> None:
    index = message(ready)
    with ready.write() as session:
        assert store.claim(session, index, clock.now, clock.now + 10)
    clock.move(10)
    service.deliver(ready, index)
    late = {"at": clock.now, "seconds": 20.0, "outcome": "transient", "answer": "too late"}
    with ready.write() as session:
        store.finish(session, index, 1, late, state="waiting", due_at=clock.now)
    assert notification_row(ready, index)["state"] == "sent"
    assert len(notification_row(ready, index)["attempts"]) == 2


def test_a_message_that_kills_each_of_its_senders_is_given_up_at_its_deadline(
    ready: Context, hook: Hook, clock: Clock
) -> None:
    index = message(ready)
    with ready.write() as session:
        assert store.claim(session, index, clock.now, clock.now + 10)
    clock.move(3600)
    service.deliver(ready, index)
    assert hook.bodies == []
    assert notification_row(ready, index)["state"] == "failed"
    assert "no sender lived" in notification_row(ready, index)["error"]


def test_a_message_that_waited_long_for_its_first_try_is_sent_all_the_same(
    ready: Context, hook: Hook, clock: Clock
) -> None:
    index = message(ready)
    clock.move(7200)
    service.deliver(ready, index)
    assert notification_row(ready, index)["state"] == "sent"


def test_a_failure_that_may_pass_is_tried_again_with_growing_waits(ready: Context, hook: Hook, clock: Clock) -> None:
    index = message(ready)
    hook.answers = [(503, {})] * 4
    for expected in (2, 4, 8, 16):
        service.deliver(ready, index)
        wait = wait_of(ready, index)
        assert 0.79 * expected <= wait <= 1.21 * expected
        service.deliver(ready, index)  # Before its time: a message of it was still in the queue.
        clock.move(wait + 0.001)
    assert len(hook.bodies) == 4
    assert "503" in notification_row(ready, index)["error"]
    service.deliver(ready, index)
    assert (notification_row(ready, index)["state"], notification_row(ready, index)["error"]) == ("sent", None)
    assert len({headers["idempotency-key"] for headers in hook.headers}) == 1


def test_a_receiver_that_asks_for_time_gets_it(ready: Context, hook: Hook, clock: Clock) -> None:
    index = message(ready)
    hook.answers = [(429, {"Retry-After": "90"})]
    service.deliver(ready, index)
    assert wait_of(ready, index) == pytest.approx(90, abs=0.01)


def test_a_receiver_that_is_away_is_left_alone_and_the_message_waits_without_being_tried(
    ready: Context, hook: Hook, clock: Clock
) -> None:
    hook.answers = [(503, {})] * 5
    for n in range(5):
        service.deliver(ready, message(ready, key=f"k{n}"))
    index = message(ready, key="last")
    service.deliver(ready, index)
    assert len(hook.bodies) == 5
    row = notification_row(ready, index)
    assert (row["state"], row["error"], row["attempts"]) == ("waiting", "left alone after 5 failures on end", [])
    assert wait_of(ready, index) == pytest.approx(15)
    assert service.channels(ready)[0]["left_alone"]
    clock.move(15)
    service.deliver(ready, index)
    assert notification_row(ready, index)["state"] == "sent"


def test_a_failure_that_will_not_pass_is_final(
    ready: Context, hook: Hook, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    index = message(ready)
    hook.answers = [(404, {})]
    service.deliver(ready, index)
    clock.move(300)
    assert service.due(ready) == []
    service.deliver(ready, index)
    assert len(hook.bodies) == 1
    assert (notification_row(ready, index)["state"], notification_row(ready, index)["error"]) == (
        "failed",
        "404 <said>",
    )
    assert "failed for good: 404" in caplog.text


def test_tries_end_at_the_deadline(ready: Context, hook: Hook, clock: Clock) -> None:
    index = message(ready)
    hook.answers = [(503, {})] * 2
    service.deliver(ready, index)
    clock.move(outbox.DEADLINE - 1)
    service.deliver(ready, index)
    assert notification_row(ready, index)["state"] == "failed"


def test_a_message_that_cannot_be_made_is_final(ready: Context) -> None:
    index = message(ready, "post")
    service.deliver(ready, index)
    assert notification_row(ready, index)["state"] == "failed"
    assert "the message cannot be made" in notification_row(ready, index)["error"]


def test_a_channel_that_the_configuration_lost_fails_with_that_reason(ready: Context, configure: Configure) -> None:
    index = message(ready)
    configure(routes="{route: {receiver: team}, receivers: [{name: team}]}")
    service.deliver(ready, index)
    assert notification_row(ready, index)["error"] == "receiver team no longer has webhook[0]"


def test_a_message_that_is_not_there_is_no_trouble(ready: Context) -> None:
    service.deliver(ready, 99)


def test_a_receiver_that_nobody_knows_is_refused_and_one_without_channels_hears_nothing(ready: Context) -> None:
    with pytest.raises(NotFound, match="no receiver unknown"):
        service.enqueue(ready, "unknown", PAYLOAD, "k")
    assert service.enqueue(ready, "nobody", PAYLOAD, "k") == []


def go_on(ctx: Context) -> None:
    """Flush, and deliver all due messages; the ticks' own lease against queueing twice uses real
    time.
    """
    service.flush(ctx)
    for row in service.recent(ctx):
        service.deliver(ctx, row["id"])


def test_a_receiver_that_is_away_for_ten_minutes_hears_what_is_then_so_and_once(
    ready: Context, hook: Hook, clock: Clock
) -> None:
    hook.answers = [(503, {})] * 1000
    for n in ("1", "2"):
        alerts.raise_event(ready, "trouble", "critical", {"n": n}, {}, 86400)
    first = alerts.firing(ready)[0]["id"]
    for second in range(0, 600, 5):
        if second == 300:
            alerts.resolve(ready, first, "dana")
        go_on(ready)
        clock.move(5)
    tried = len(hook.bodies)
    assert 5 <= tried <= 15  # It was left alone between the tries.
    hook.answers = []
    for _ in range(70):
        go_on(ready)
        clock.move(5)
    [heard] = hook.bodies[tried:]
    assert [(entry["labels"]["n"], entry["status"]) for entry in heard["alerts"]] == [
        ("2", "firing"),
        ("1", "resolved"),
    ]


@pytest.mark.parametrize("garbage", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 two hundred\r\n\r\n", b"\x16\x03\x01\x00"])
def test_a_receiver_that_answers_garbage_is_tried_again(configure: Configure, garbage: bytes, clock: Clock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            connection.recv(65536)
            connection.sendall(garbage)
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        where = f"http://127.0.0.1:{server.getsockname()[1]}/"
        ctx = configure(
            routes=f"{{route: {{receiver: team}}, receivers: [{{name: team, webhook_configs: [{{url: '{where}'}}]}}]}}"
        )
        index = message(ctx)
        service.deliver(ctx, index)
        thread.join()
    assert (notification_row(ctx, index)["state"], notification_row(ctx, index)["attempts"][0]["outcome"]) == (
        "waiting",
        "transient",
    )


def test_a_clock_that_is_set_back_puts_no_message_off(ready: Context, hook: Hook, clock: Clock) -> None:
    index = message(ready)
    hook.answers = [(503, {})]
    service.deliver(ready, index)
    clock.move(-86400)
    assert service.due(ready) == [Job("notify.deliver", (index,))]
    service.deliver(ready, index)
    assert notification_row(ready, index)["state"] == "sent"


def test_each_channel_of_a_receiver_has_a_message_of_its_own(ready: Context, hook: Hook) -> None:
    hook.answers = [(404, {})]
    for job in service.enqueue(ready, "both", PAYLOAD, "k"):
        service.deliver(ready, *job.args)
    assert {row["channel"]: row["state"] for row in service.recent(ready)} == {"webhook[0]": "failed", "log[0]": "sent"}
    states = {(c["receiver"], c["channel"]): c["last_state"] for c in service.channels(ready)}
    assert states == {
        ("team", "webhook"): None,
        ("both", "webhook"): "failed",
        ("both", "log"): "sent",
        ("post", "email"): None,
    }


def test_what_is_due_is_queued_once_in_a_while_and_not_at_every_tick(ready: Context, clock: Clock) -> None:
    message(ready)
    assert len(service.due(ready)) == 1
    clock.move(1)
    assert service.due(ready) == []
    ready.redis.flushall()  # As when ten seconds have passed, or Redis was lost.
    assert len(service.due(ready)) == 1


def sent(ctx: Context) -> None:
    """Flush, and deliver what follows."""
    for job in service.flush(ctx):
        service.deliver(ctx, *job.args)


def test_a_channel_that_wants_no_ends_hears_only_of_what_fires(
    configure: Configure, ready: Context, clock: Clock
) -> None:
    text = (ready.settings.config_folder / "routes.yml").read_text()
    configure(routes=text.replace("receiver: team,", "receiver: both,"))
    for n in ("1", "2"):
        alerts.raise_event(ready, "trouble", "warning", {"n": n}, {}, 3600)
    sent(ready)
    first, second = (alert["id"] for alert in alerts.firing(ready))
    alerts.resolve(ready, first, "dana")
    clock.move(30)
    sent(ready)
    alerts.resolve(ready, second, "dana")
    alerts.raise_event(ready, "trouble", "warning", {"n": "3"}, {}, 3600)
    clock.move(30)
    sent(ready)
    with ready.read() as session:
        heard = [
            (row.channel, row.payload["reason"], [entry["labels"]["n"] for entry in row.payload["alerts"]])
            for row in reversed(store.recent(session, 50))
        ]
    assert sorted(heard) == [
        ("log[0]", "first notification", ["1", "2"]),
        ("log[0]", "new alerts added", ["3"]),
        ("webhook[0]", "first notification", ["1", "2"]),
        ("webhook[0]", "new alerts added", ["3", "2"]),
        ("webhook[0]", "some alerts resolved", ["2", "1"]),
    ]


def test_the_environments_channels_and_the_operators_routes_both_hear(
    make_ctx: Callable[..., Context], sqlite_ctx: Context, hook: Hook, mailbox: Mailbox, clock: Clock
) -> None:
    folder = sqlite_ctx.settings.config_folder
    folder.mkdir(parents=True)
    (folder / "routes.yml").write_text(
        f"{{route: {{receiver: own, group_wait: 1h}}, "
        f"receivers: [{{name: own, webhook_configs: [{{url: '{hook.url}/own'}}]}}]}}"
    )
    ctx = make_ctx(
        MEMMON_DATABASE_URL=sqlite_ctx.settings.database_address,
        MEMMIMIC_ALERT_EMAIL="ops@example.org",
        MEMMIMIC_ALERT_WEBHOOK=f"{hook.url}/environment",
        MEMMIMIC_SMTP_SERVER="127.0.0.1",
        MEMMIMIC_SMTP_PORT=str(mailbox.port),
    )
    alerts.raise_event(ctx, "trouble\r\nBcc: evil@example.org", "critical", {}, {"summary": "<b>it\nis</b>"}, 3600)
    sent(ctx)
    [received] = mailbox.mails
    assert received["Subject"] == "[FIRING:1] trouble Bcc: evil@example.org"
    assert mailbox.to == [["ops@example.org"]]
    assert received["Bcc"] is None
    # The operator's route waits an hour.
    assert [body["receiver"] for body in hook.bodies] == ["environment"]
    clock.move(3600)
    sent(ctx)
    assert [body["receiver"] for body in hook.bodies] == ["environment", "own"]
    assert hook.bodies[1]["alerts"][0]["severity"] == "critical"
