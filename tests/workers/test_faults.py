"""What memmon must survive: processes killed, the broker and the database away, hung targets,
doubled beats, poison.
"""

from __future__ import annotations

import shutil
import signal
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from memmon.alerts import service as alerts
from memmon.db import migrate
from memmon.incidents import service as incidents
from memmon.notify import service as notify
from memmon.state import keys
from tests import postgres
from tests.conftest import admin
from tests.memmon.pages import Pages
from tests.support import eventually, free_port
from tests.workers.fleet import Fleet
from tests.workers.receiver import Receiver

pytestmark = [pytest.mark.fault, pytest.mark.long]

Maker = Callable[..., Fleet]

ROUTES = """
route: {{receiver: default}}
receivers: [{{name: default, webhook_configs: [{{url: '{url}/hook', timeout: 2s}}]}}]
"""

PLAYBOOKS = """
playbooks:
  - {{name: again, title: Again, severity: low, mttr_target: 5m, match: {{alerts: [again]}},
    stages: [{{name: call, due: 5m, steps: [
      {{action: http, timeout: 2s, parameters: {{url: '{url}/again', idempotent: true}}}}]}}]}}
  - {{name: once, title: Once, severity: low, mttr_target: 5m, match: {{alerts: [once]}},
    stages: [{{name: call, due: 5m, steps: [
      {{action: http, timeout: 2s, parameters: {{url: '{url}/once'}}}}]}}]}}
"""


def messages(fleet: Fleet, count: int) -> list[int]:
    """Put messages into the outbox; return their ids."""
    payload = {"kind": "test", "title": "test"}
    jobs = [job for n in range(count) for job in notify.enqueue(fleet.context, "default", payload, f"test-{n}")]
    return [job.args[0] for job in jobs]


def states(fleet: Fleet) -> dict[str, int]:
    """Return how many messages there are, by state."""
    return notify.counts(fleet.context)


def opened(fleet: Fleet) -> None:
    """Raise two alerts and open their incidents."""
    for name in ("again", "once"):
        alerts.raise_event(fleet.context, name, "error", {}, {}, ttl=600)
    for job in incidents.correlate(fleet.context):
        fleet.send(job.name, *job.args)


def ended(fleet: Fleet, title: str) -> dict[str, Any] | None:
    """Return the one action of an incident once it is at its end."""
    for row in incidents.listing(fleet.context)["incidents"]:
        if row["title"] == title:
            actual: dict[str, Any] = incidents.show(fleet.context, row["id"])["actions"][0]
            return actual if actual["state"] in ("done", "failed") else None
    return None


def test_a_message_whose_worker_was_killed_is_sent_by_another_and_once(make_fleet: Maker, receiver: Receiver) -> None:
    fleet = make_fleet(routes=ROUTES.format(url=receiver.url))
    worker = fleet.worker("first", "notify", "--pool", "threads", "--concurrency", "4")
    fleet.beat("beat")
    receiver.hold()
    fleet.send("notify.deliver", *messages(fleet, 1))
    eventually(lambda: receiver.came)
    fleet.kill(worker)
    receiver.free()
    fleet.worker("second", "notify", "--pool", "threads", "--concurrency", "4")
    # Its claim ends after seven seconds.
    eventually(lambda: states(fleet).get("sent") == 1, within=40)
    assert len(receiver.came) == 2
    assert len(receiver.answered) == 1
    assert len(set(receiver.came)) == 1  # Both tries say that they are the same.


def test_an_action_whose_worker_was_killed_is_made_again_only_where_that_does_no_harm(
    make_fleet: Maker, receiver: Receiver
) -> None:
    fleet = make_fleet(routes=ROUTES.format(url=receiver.url), playbooks=PLAYBOOKS.format(url=receiver.url))
    worker = fleet.worker("first", "incidents", "--concurrency", "2")
    receiver.hold()
    opened(fleet)
    eventually(lambda: len(receiver.came) == 2)
    fleet.kill(worker)
    receiver.free()
    fleet.beat("beat")
    fleet.worker("second", "incidents", "--concurrency", "2")
    again = eventually(lambda: ended(fleet, "Again"), within=40)
    once = eventually(lambda: ended(fleet, "Once"), within=40)
    assert again["state"] == "done"
    assert once["state"] == "failed"
    assert "not known" in str(once["results"])
    assert sorted(receiver.came) == ["/again 1/call/0", "/again 1/call/0", "/once 2/call/0"]
    assert receiver.answered == ["/again 1/call/0"]


def test_what_was_queued_outlives_the_broker_and_ticks_resume(make_fleet: Maker, receiver: Receiver) -> None:
    fleet = make_fleet(routes=ROUTES.format(url=receiver.url))
    worker = fleet.worker("io", "collect", "--pool", "threads", "--concurrency", "4")
    beat = fleet.beat("beat")
    eventually(lambda: fleet.target("host")["up"])
    for message in messages(fleet, 30):
        fleet.send("notify.deliver", message)
    fleet.kill_valkey()
    assert beat.wait(40) != 0  # RedBeat exits; its supervisor restarts it.
    fleet.start_valkey()
    back = time.time()
    assert len([m for m in fleet.waiting("notify") if m["task"] == "workers.notify.deliver"]) == 30
    fleet.beat("beat")
    eventually(lambda: fleet.target("host")["last_scrape"] > back, within=20)
    assert worker.poll() is None
    fleet.worker("late", "notify", "--pool", "threads", "--concurrency", "4")
    eventually(lambda: states(fleet).get("sent") == 30)
    assert len(receiver.came) == 30


def test_a_worker_goes_on_with_its_work_while_the_broker_is_away(make_fleet: Maker, receiver: Receiver) -> None:
    fleet = make_fleet(routes=ROUTES.format(url=receiver.url))
    worker = fleet.worker("io", "notify", "--pool", "threads", "--concurrency", "4")
    first, second = messages(fleet, 2)
    receiver.hold()
    fleet.send("notify.deliver", first)
    eventually(lambda: receiver.came)
    fleet.kill_valkey()
    receiver.free()
    eventually(lambda: states(fleet).get("sent") == 1)
    time.sleep(2)  # Long enough for the worker to try, and to fail, to reach the broker.
    back = time.time()
    fleet.start_valkey()
    eventually(lambda: (fleet.heard("io") or 0) > back, within=20)
    fleet.send("notify.deliver", second)
    eventually(lambda: states(fleet).get("sent") == 2, within=20)
    assert worker.poll() is None
    eventually(lambda: fleet.context.redis.hlen("memmon:celery:unacked") == 0)
    assert len(receiver.came) == 2
    assert fleet.dead_letters() == []


@contextmanager
def locked(path: Path, seconds: float) -> Iterator[None]:
    """Another process' write, so to say, that takes `seconds`."""
    holder = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(seconds, holder.rollback)
    timer.start()
    yield
    timer.join()
    holder.close()


def test_a_database_locked_for_a_while_gives_up_nothing(make_fleet: Maker, receiver: Receiver) -> None:
    fleet = make_fleet(routes=ROUTES.format(url=receiver.url))
    fleet.worker("io", "notify", "--pool", "threads", "--concurrency", "4")
    early, late = messages(fleet, 2)
    receiver.hold()
    fleet.send("notify.deliver", early)
    eventually(lambda: receiver.came)
    with locked(fleet.folder / "memmon.db", 8):
        receiver.free()  # It is sent, and that cannot be written down for now.
        fleet.send("notify.deliver", late)
    eventually(lambda: states(fleet).get("sent") == 2, within=15)
    assert len(receiver.came) == 2
    assert fleet.dead_letters() == []


@pytest.mark.skipif(not postgres.available(), reason=postgres.REASON)
def test_postgresql_away_for_a_while_gives_up_nothing(make_fleet: Maker, receiver: Receiver) -> None:
    folder, port = Path(tempfile.mkdtemp(prefix="mmpg")), free_port()
    server = postgres.start(folder, port)
    try:
        url = f"postgresql://memmon@127.0.0.1:{port}"
        admin(url, "CREATE DATABASE memmon")
        fleet = make_fleet(f"{url}/memmon", routes=ROUTES.format(url=receiver.url))
        migrate.upgrade(fleet.context.engine)
        worker = fleet.worker("io", "notify", "--pool", "threads", "--concurrency", "4")
        early, late = messages(fleet, 2)
        receiver.hold()
        fleet.send("notify.deliver", early)
        eventually(lambda: receiver.came)
        server.kill()
        server.wait(10)
        receiver.free()
        fleet.send("notify.deliver", late)
        time.sleep(3)  # Long enough for each to fail, and to be tried again in vain.
        server = postgres.start(folder, port)
        eventually(lambda: states(fleet).get("sent") == 2, within=20)
        assert worker.poll() is None
        assert len(receiver.came) == 2
        assert fleet.dead_letters() == []
    finally:
        server.send_signal(signal.SIGINT)  # Fast: it does not wait until the fleet hangs up.
        server.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def test_a_hung_target_is_down_with_the_reason_and_holds_nobody_up(make_fleet: Maker, pages: Pages) -> None:
    pages.pages["/live"] = "memmimic_errors_total 1\n"
    names = ", ".join(f"{{name: {name}, metrics: '{pages.url}/{name}'}}" for name in ("hang", "live"))
    fleet = make_fleet(targets=f"targets: [{names}]")
    fleet.worker("io", "collect", "--pool", "threads", "--concurrency", "4")
    fleet.beat("beat")
    eventually(lambda: fleet.target("hang")["up"] is False)
    assert "no answer within" in fleet.target("hang")["error"]
    times = set()

    def collected_again_and_again() -> bool:
        times.add(fleet.target("live")["last_scrape"])
        assert fleet.target("live")["up"]
        return len(times) > 5

    eventually(collected_again_and_again, within=20)
    assert len(fleet.waiting("collect")) < 3


def test_of_two_beats_one_is_effective_and_the_other_takes_over(make_fleet: Maker) -> None:
    fleet = make_fleet()
    first = fleet.beat("first")
    eventually(lambda: len(fleet.waiting("notify")) >= 2)
    second = fleet.beat("second")
    began = len(fleet.waiting("notify"))
    eventually(lambda: len(fleet.waiting("notify")) >= began + 5)
    sent = [message["sent_at"] for message in fleet.waiting("notify")]
    gaps = [later - earlier for earlier, later in zip(sent, sent[1:], strict=False)]
    assert min(gaps) > 0.5, "two beats send at once"
    fleet.kill(first)
    existing = len(fleet.waiting("notify"))
    eventually(lambda: len(fleet.waiting("notify")) > existing, within=12)
    assert second.poll() is None


def test_a_task_that_kills_its_worker_becomes_a_dead_letter_and_others_go_on(make_fleet: Maker) -> None:
    fleet = make_fleet()
    worker = fleet.worker("checks", "upkeep", "--concurrency", "1", "--include", "tests.workers.poison")
    poison = fleet.send("upkeep.poison")
    fleet.send("upkeep.rollup")
    (letter,) = eventually(fleet.dead_letters, within=20)
    assert letter["task"] == "workers.upkeep.poison"
    assert letter["attempts"] == 3
    assert "died" in letter["error"]
    eventually(lambda: fleet.done("upkeep.rollup") == 1)
    assert worker.poll() is None
    assert fleet.context.redis.llen(keys.queue("upkeep")) == 0
    assert poison
