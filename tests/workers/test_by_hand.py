"""The commands of docker-compose.yml, and so of the README, started by hand: a Valkey with a
password over TCP, and PostgreSQL.
"""

from __future__ import annotations

import base64
import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
import redis as redis_py

import celeryconfig
from memmon.collect import broker
from memmon.collect import service as collect
from memmon.context import Context
from memmon.health import service as health
from memmon.settings import load
from tests import composed
from tests.conftest import admin
from tests.support import eventually
from tests.workers.hand import Hand

pytestmark = pytest.mark.fault

QUICK = {
    "MEMMIMIC_METRICS_COLLECTION_INTERVAL": "1",
    "MEMMIMIC_HEALTH_CHECK_INTERVAL": "2",
    "MEMMIMIC_ALERT_EVALUATION_INTERVAL": "1",
}


@pytest.fixture(scope="module")
def hand(pg_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hand]:
    """Every service, running."""
    admin(pg_server, "CREATE DATABASE by_hand")
    running = Hand(tmp_path_factory.mktemp("hand"), f"{pg_server}/by_hand", QUICK)
    try:
        running.start("redis")
        done = running.run("migrate")
        assert done.returncode == 0, done.stderr
        for name in ("io", "checks", "respond", "beat", "flower", "web", "demo"):
            running.start(name)
        yield running
    finally:
        running.close()


@pytest.fixture(scope="module")
def ctx(hand: Hand) -> Iterator[Context]:
    """What the services see."""
    context = Context(load(hand.environ("web")))
    yield context
    context.close()


def get(url: str, user: str | None = None) -> tuple[int, Any]:
    """Return status and JSON; the status is 0 while nobody answers."""
    request = urllib.request.Request(url)
    if user:
        request.add_header("Authorization", "Basic " + base64.b64encode(user.encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, None
    except urllib.error.URLError:
        return 0, None


def test_three_workers_serve_all_queues(hand: Hand, ctx: Context) -> None:
    workers = eventually(lambda: len(actual := broker.workers(ctx.redis, ctx.now())) == 3 and actual, within=40)
    assert {queue for worker in workers for queue in worker["queues"]} == set(celeryconfig.QUEUES)
    assert {worker["name"] for worker in workers} == {
        f"{n}@{socket.gethostname()}" for n in ("io", "checks", "respond")
    }


def test_beat_makes_them_collect_and_check_into_postgresql(ctx: Context) -> None:
    eventually(lambda: all(target["up"] for target in collect.targets(ctx)), within=40)
    assert {target["name"] for target in collect.targets(ctx)} == {"host", "memmon", "demo"}
    checks = {"database", "cache", "memory_system", "cxd_classifier", "system_resources"}
    eventually(lambda: {check["name"] for check in health.report(ctx)["checks"]} == checks, within=20)


@pytest.mark.parametrize("name", ["io", "checks", "respond", "demo"])
def test_a_service_that_runs_passes_its_health_check(hand: Hand, ctx: Context, name: str) -> None:
    eventually(lambda: len(broker.workers(ctx.redis, ctx.now())) == 3, within=40)
    eventually(lambda: hand.is_healthy(name), within=30, every=0.5)


def test_the_health_check_of_a_worker_that_is_not_there_fails(hand: Hand) -> None:
    hand.services["gone"] = {
        **hand.services["io"],
        "healthcheck": {
            "test": ["CMD-SHELL", "celery -A memmon inspect ping --timeout 1 --destination gone@$(hostname)"]
        },
    }
    assert not hand.is_healthy("gone")


def test_the_dashboard_answers(hand: Hand) -> None:
    eventually(lambda: hand.is_healthy("web"), within=30, every=0.5)
    status, body = get(f"http://127.0.0.1:{hand.ports['web']}/api/health")
    assert status == 200
    assert "score" in body


def test_flower_asks_for_the_password_and_shows_workers_and_tasks(hand: Hand) -> None:
    base, user = f"http://127.0.0.1:{hand.ports['flower']}", f"admin:{composed.NEEDED['FLOWER_PASSWORD']}"
    eventually(lambda: hand.is_healthy("flower"), within=30, every=0.5)
    assert get(f"{base}/api/workers")[0] == 401
    assert get(f"{base}/api/workers", "admin:wrong")[0] == 401
    eventually(lambda: len(get(f"{base}/api/workers?refresh=1", user)[1] or ()) == 3, within=20)
    tasks = eventually(lambda: get(f"{base}/api/tasks?limit=200", user)[1], within=20)
    assert {task["name"] for task in tasks.values()} & {"workers.collect.run", "workers.notify.tick"}


def test_logs_go_to_standard_error_where_they_are_told_to(hand: Hand) -> None:
    eventually(lambda: f"io@{socket.gethostname()} ready" in hand.log("io"), within=30)


def test_every_process_has_a_title_that_the_runbook_finds(hand: Hand) -> None:
    for name in ("io", "checks", "respond", "beat"):
        words = eventually(lambda name=name: _title(hand.processes[name].pid), within=20)
        assert "memmimic" in words, name


def _title(pid: int) -> str:
    actual = " ".join(psutil.Process(pid).cmdline())
    return actual if "memmimic" in actual else ""


def test_a_worker_that_is_told_to_stop_does_so_in_order(hand: Hand, ctx: Context) -> None:
    name = f"io@{socket.gethostname()}"
    eventually(lambda: any(worker["name"] == name for worker in broker.workers(ctx.redis, ctx.now())), within=30)
    assert hand.stop("io") == 0
    assert all(worker["name"] != name for worker in broker.workers(ctx.redis, ctx.now()))
    hand.start("io")


def test_the_broker_refuses_whoever_has_no_password(hand: Hand) -> None:
    with pytest.raises(redis_py.AuthenticationError):
        redis_py.Redis(port=hand.ports["redis"]).ping()
