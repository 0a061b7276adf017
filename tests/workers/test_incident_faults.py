"""Nothing lost and nothing doubled in effect: processes killed with -9 in the middle of each
action, a broker that is wiped, a database that goes away, five hundred incidents at once.
"""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from memmon import client as sdk
from memmon.alerts import service as alerts
from memmon.client.components import PARTS
from memmon.client.control_endpoint import RESTRICTIONS
from memmon.db import migrate
from memmon.errors import Transient
from memmon.incidents import service
from memmon.memmimic import look
from tests import postgres
from tests.conftest import admin
from tests.support import eventually, free_port
from tests.workers.fleet import Fleet
from tests.workers.receiver import Receiver
from workers import control

pytestmark = [pytest.mark.fault, pytest.mark.long, pytest.mark.timeout(300)]

Maker = Callable[..., Fleet]
TOKEN = "client-token-of-tests"
ROUTES = "route: {receiver: default}\nreceivers: [{name: default, log_configs: [{}]}]"
ESCALATION = "chains: [{name: operations, repeat: 1h, levels: [{name: Team, after: 0s, receivers: [default]}]}]"
FORKS = ("--pool", "prefork", "--concurrency", "4")


class World:
    """A real process that memmon controls: this one, by its client."""

    def __init__(self) -> None:
        self.restarts, self.size = 0, 4
        PARTS.forget()
        self.cache: dict[int, int] = dict.fromkeys(range(10), 1)
        sdk.control("switch", restart=self._restart)
        sdk.control("pool", size=lambda: self.size, scale=self._scale)
        sdk.watch_cache(self.cache)
        self._enforced, RESTRICTIONS.enforced = RESTRICTIONS.enforced, True
        self.server = sdk.expose(0, token=TOKEN)

    def _restart(self) -> None:
        self.restarts += 1

    def _scale(self, size: int) -> None:
        self.size = size

    def close(self) -> None:
        self.server.close()
        RESTRICTIONS.replace({})
        RESTRICTIONS.enforced = self._enforced


@pytest.fixture
def world() -> Iterator[World]:
    response = World()
    yield response
    response.close()


def playbook(*steps: str, extra: str = "") -> str:
    lines = "".join(f"              - {step}\n" for step in steps)
    return f"""
playbooks:
  - name: test
    title: 'Trouble of $instance'
    severity: high
    mttr_target: 10m
    match: {{labels: {{category: test}}}}
    correlation: {{group_by: [instance]}}
    stages:
      - name: act
        due: 5m
        steps:
          - parallel:
{lines}    verification: {{settle: 0s, hold: 1s, timeout: 300s}}
limits: [{{name: restart}}, {{name: scale}}, {{name: backup}}, {{name: memory_dump}}, {{name: run}}, {{name: http}}, {{name:
isolate}}]
{extra}"""


def every_action(receiver: Receiver, folder: Path) -> str:
    """Return a playbook that takes each action that memmon has, at once."""
    limit = "timeout: 2s, attempts: 5"  # Beside other tests two seconds may be short.
    return playbook(
        f"{{action: restart, {limit}, parameters: {{component: switch}}}}",
        f"{{action: scale, {limit}, parameters: {{component: pool, by: 2}}}}",
        f"{{action: block_ip, {limit}, parameters: {{address: 203.0.113.9}}}}",
        f"{{action: throttle, {limit}}}",
        f"{{action: disable_feature, {limit}, parameters: {{feature: search}}}}",
        f"{{action: isolate, {limit}}}",
        f"{{action: clear_cache, {limit}}}",
        f"{{action: collect_evidence, {limit}, parameters: {{include: [alerts, client]}}}}",
        f"{{action: memory_dump, {limit}, parameters: {{include: [objects], component: pool}}}}",
        f"{{action: backup, {limit}}}",
        f"{{action: note, {limit}, parameters: {{text: seen}}}}",
        f"{{action: page, {limit}, parameters: {{receiver: default}}}}",
        f"{{action: wait, {limit}, parameters: {{seconds: 1}}}}",
        f"{{action: http, {limit}, parameters: {{url: '{receiver.url}/once'}}}}",
        f"{{action: run, {limit}, parameters: {{command: append}}}}",
        extra=f"commands: [{{name: append, argv: [/bin/sh, -c, 'echo x >> {folder}/appended']}}]",
    )


def target(world: World, database: Path) -> str:
    url = f"http://127.0.0.1:{world.server.port}/-/memmon"
    return f"""
targets:
  - name: demo
    instance: demo:1
    database: {database}
    client: {{url: '{url}', token: {TOKEN}}}
    components: {{switch: {{control: client, unit: switch}}, pool: {{control: client, unit: pool}}}}
"""


def fire(fleet: Fleet, instance: str = "demo:1", seconds: float = 600) -> None:
    labels = {"category": "test", "instance": instance, "job": "memmimic"}
    alerts.raise_event(fleet.context, "trouble", "error", labels, {"summary": "trouble"}, seconds)


def incident_json(fleet: Fleet, index: int = 1) -> dict[str, Any]:
    return service.show(fleet.context, index)


def ended(fleet: Fleet, index: int = 1) -> dict[str, Any] | None:
    """Return the incident once every action of it has ended."""
    if service.listing(fleet.context)["total"] < index:
        return None
    actual = incident_json(fleet, index)
    over = ("done", "failed", "refused", "rejected")
    return actual if actual["actions"] and all(entry["state"] in over for entry in actual["actions"]) else None


@pytest.mark.parametrize("step", ["claim", "act", "record"])
def test_a_worker_killed_in_the_middle_of_each_action_loses_and_doubles_nothing(
    make_fleet: Maker, receiver: Receiver, world: World, tmp_path: Path, step: str
) -> None:
    database = tmp_path / "memmimic.db"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE memories (id INTEGER PRIMARY KEY, content TEXT)")
        connection.execute("INSERT INTO memories (content) VALUES ('a')")
    fleet = make_fleet(
        playbooks=every_action(receiver, tmp_path),
        routes=ROUTES,
        escalation=ESCALATION,
        targets=target(world, database),
        rules="groups: [{name: resources, rules: []}, {name: health, rules: []}]",
    )
    flags = tmp_path / "died"
    flags.mkdir()
    fleet.environ |= {"CRASH_AT": step, "CRASH_FLAG": str(flags)}
    fleet.worker("one", "incidents,alerts", *FORKS, "--include", "tests.workers.crash_actions")
    fleet.beat("beat")
    fire(fleet)
    incident = eventually(lambda: ended(fleet), within=120, every=0.5)
    names = {entry["action"] for entry in incident["actions"]}
    assert {path.name for path in flags.iterdir()} == names
    states = {entry["action"]: entry["state"] for entry in incident["actions"]}
    # What nobody can know is not done again where that might double it; everything else is done.
    unknown = {"act": {"http", "run"}, "record": {"http", "run"}}.get(step, set())
    assert {name for name, state in states.items() if state != "done"} == unknown, states
    assert world.restarts == 1
    assert world.size == 6
    assert world.cache == {}
    assert len(receiver.came) == (0 if step == "act" else 1)
    appended = tmp_path / "appended"
    assert (appended.read_text() if appended.exists() else "") == ("" if step == "act" else "x\n")
    document = RESTRICTIONS.to_json()
    assert [entry["address"] for entry in document["blocked"]] == ["203.0.113.9"]
    assert sorted(entry["feature"] for entry in document["disabled"]) == ["*", "search"]
    assert len(document["throttled"]) == 1
    evidence = fleet.folder / "home" / "evidence" / "incident-1"
    assert len([path for path in evidence.iterdir() if path.suffix == ".json"]) == 2
    [copy] = (fleet.folder / "home" / "backups" / "demo").iterdir()
    assert look(copy).memories == 1
    assert service.verify(fleet.context)["problems"] == []
    assert fleet.dead_letters() == []


def test_a_broker_that_is_wiped_in_mid_incident_is_gone_on_without_within_two_minutes(
    make_fleet: Maker, receiver: Receiver
) -> None:
    step = f"{{action: http, parameters: {{url: '{receiver.url}/%s', idempotent: true}}}}"
    book = playbook(step % "one", "{action: wait, parameters: {seconds: 15}}", step % "two")
    fleet = make_fleet(playbooks=book, routes=ROUTES, escalation=ESCALATION)
    fleet.worker("one", "incidents,alerts,notify,upkeep", *FORKS)
    beat = fleet.beat("beat")
    fire(fleet, seconds=40)
    eventually(lambda: receiver.came, within=30)
    fleet.context.redis.flushall()
    wiped = time.monotonic()

    def resolved() -> bool:
        nonlocal beat
        # It ends when its lock is gone, and is started again, as by the supervisor.
        if beat.poll() is not None:
            beat = fleet.beat("beat")
        return bool(incident_json(fleet)["state"] == "resolved")

    def acted() -> bool:
        resolved()
        return all(entry["state"] == "done" for entry in incident_json(fleet)["actions"])

    eventually(acted, within=120, every=0.5)
    took = time.monotonic() - wiped
    eventually(resolved, within=120, every=0.5)
    sys.stdout.write(f"after FLUSHALL the response went on within {took:.1f} s\n")
    assert sorted({key.split()[0] for key in receiver.came}) == ["/one", "/two"]
    assert len(receiver.came) == len(set(receiver.came)) == 2
    assert service.verify(fleet.context)["problems"] == []


@pytest.mark.skipif(not postgres.available(), reason=postgres.REASON)
def test_postgresql_restarted_in_mid_incident_loses_and_doubles_nothing(make_fleet: Maker, receiver: Receiver) -> None:
    folder, port = Path(tempfile.mkdtemp(prefix="mmpg")), free_port()
    server = postgres.start(folder, port)
    try:
        url = f"postgresql://memmon@127.0.0.1:{port}"
        steps = [f"{{action: http, parameters: {{url: '{receiver.url}/{n}', idempotent: true}}}}" for n in range(6)]
        admin(url, "CREATE DATABASE fleet")
        fleet = make_fleet(f"{url}/fleet", playbooks=playbook(*steps), routes=ROUTES, escalation=ESCALATION)
        migrate.upgrade(fleet.context.engine)
        fleet.worker("one", "incidents,alerts", *FORKS)
        fleet.beat("beat")
        receiver.hold()
        fire(fleet, seconds=30)
        eventually(lambda: len(receiver.came) >= 3, within=30)
        server.kill()
        server.wait(20)
        receiver.free()
        server = postgres.start(folder, port)
        incident = eventually(lambda: quietly(lambda: ended(fleet)), within=120, every=0.5)
        assert [entry["state"] for entry in incident["actions"]] == ["done"] * 6
        assert len(set(receiver.came)) == 6
        eventually(lambda: quietly(lambda: incident_json(fleet)["state"] == "resolved"), within=120, every=0.5)
        assert service.verify(fleet.context)["problems"] == []
    finally:
        server.send_signal(signal.SIGINT)  # Fast: it does not wait until the fleet hangs up.
        server.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def quietly(look: Callable[[], Any]) -> Any:
    """Return what `look` returns, nothing while the database is away."""
    try:
        return look()
    except Transient:
        return None


def test_five_hundred_incidents_at_once_are_all_responded_to_once(make_fleet: Maker, receiver: Receiver) -> None:
    book = playbook(
        "{action: note, parameters: {text: seen}}",
        f"{{action: http, parameters: {{url: '{receiver.url}/a', idempotent: true}}}}",
    )
    fleet = make_fleet(playbooks=book, routes=ROUTES, escalation=ESCALATION)
    fleet.worker("one", "incidents,alerts,notify", *FORKS)
    fleet.beat("beat")
    began = time.monotonic()
    for index in range(500):
        fire(fleet, f"host{index}:1", seconds=60)
    eventually(lambda: len(set(receiver.came)) == 500, within=240, every=0.5)
    took = time.monotonic() - began
    sys.stdout.write(f"500 incidents: every one had its action {took:.1f} s after the first alert\n")
    eventually(lambda: service.listing(fleet.context, "open")["total"] == 0, within=240, every=1)
    assert service.listing(fleet.context)["total"] == 500
    assert len(receiver.came) == 500
    assert service.verify(fleet.context)["problems"] == []
    assert fleet.dead_letters() == []


def test_a_pool_that_was_changed_has_its_size_at_once(make_fleet: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = make_fleet()
    fleet.worker("one", "upkeep", "--pool", "prefork", "--concurrency", "1")
    monkeypatch.setattr(control, "current_app", fleet.sender)
    pools = control.CeleryWorkerPools()

    def sizes() -> tuple[dict[str, int], int]:
        stats = fleet.sender.control.inspect(["one@fleet"], timeout=3).stats()
        return pools.sizes(3), len(stats["one@fleet"]["pool"]["processes"])

    for by, size in ((2, 3), (-2, 1), (1, 2), (-1, 1)):
        pools.resize("one@fleet", by, 3)
        assert sizes() == ({"one@fleet": size}, size)
    with pytest.raises(Transient, match="nobody@fleet does not answer"):
        pools.resize("nobody@fleet", 1, 0.5)


def test_a_pool_of_the_fleet_is_made_larger_and_smaller_for_real(make_fleet: Maker) -> None:
    book = playbook("{action: scale, parameters: {target: memmon, component: other, by: 2}, rollback: {after: end}}")
    components = "components: {other: {control: celery, unit: other}}"
    targets = f"targets: [{{name: memmon, kind: memmon, job: memmon, instance: fleet, {components}}}]"
    fleet = make_fleet(playbooks=book, routes=ROUTES, escalation=ESCALATION, targets=targets)
    fleet.worker("one", "incidents,alerts", *FORKS)
    fleet.worker("other", "upkeep", "--pool", "prefork", "--concurrency", "1")
    fleet.beat("beat")

    def processes() -> int:
        actual = fleet.sender.control.inspect(["other@fleet"], timeout=3).stats() or {}
        return len(actual.get("other@fleet", {}).get("pool", {}).get("processes", ()))

    assert eventually(processes) == 1
    fire(fleet, seconds=8)
    eventually(lambda: processes() == 3, within=60, every=0.5)
    eventually(lambda: incident_json(fleet)["state"] == "resolved", within=60, every=0.5)
    eventually(lambda: processes() == 1, within=30, every=0.5)
    output = [entry["results"][-1]["output"] for entry in incident_json(fleet)["actions"]]
    assert output == ["pool of other@fleet: 1 -> 3", "pool of other@fleet: 3 -> 1"], json.dumps(output)
