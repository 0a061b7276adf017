"""`memmon up` as a whole: how it starts, refuses, ends and is killed."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import signal
import stat
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import psutil
import pytest
import redis

from memmon.settings import load
from memmon.stack import lock, running
from tests.e2e.stack import Inbox, Stack
from tests.support import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.fault]

PATTERN = re.compile("memmimic.*monitoring")  # The runbook's, for pkill and pgrep.


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path: sockets are in it."""
    with tempfile.TemporaryDirectory(prefix="mmup") as name:
        yield Path(name)


@pytest.fixture
def stack(folder: Path, inbox: Inbox) -> Iterator[Stack]:
    """A stack that a test starts and ends itself."""
    processes = Stack(folder, inbox)
    yield processes
    processes.stop()


@pytest.fixture(scope="module")
def up(inbox: Inbox) -> Iterator[Stack]:
    """One that runs for several tests; the last of this module ends it."""
    with tempfile.TemporaryDirectory(prefix="mmup") as name:
        processes = Stack(Path(name), inbox)
        try:
            processes.start("--demo")
            eventually(lambda: "memmon is up" in banner(processes), within=30)
            yield processes
        finally:
            processes.stop()


def banner(stack: Stack) -> str:
    return (stack.home / "up.out").read_text()


def tree(stack: Stack) -> list[psutil.Process]:
    """Return `memmon up` and all that came of it."""
    assert stack.process is not None
    root = psutil.Process(stack.process.pid)
    return [root, *root.children(recursive=True)]


def title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline()).strip()
    except psutil.NoSuchProcess:
        return ""


def titled(stack: Stack, beginning: str) -> list[psutil.Process]:
    return [process for process in tree(stack) if title(process).startswith(beginning)]


def gone(processes: list[psutil.Process]) -> bool:
    """Tell whether none of them runs any more; a zombie whose parent has not looked yet has
    ended.
    """
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes)


def begun(stack: Stack, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Return how a start ends that must not come up."""
    return subprocess.run(
        [sys.executable, "-m", "memmon.cli", "up", *options],
        env={**stack.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_it_says_where_everything_is_and_keeps_its_secrets(up: Stack) -> None:
    output = banner(up)
    assert f"dashboard  {up.base}/dashboard" in output
    assert f"{up.home}/run/api.token" in output
    assert f"the log is {up.home}/monitoring.log" in output
    assert "Ctrl-C" in output
    assert up.token not in output
    for name in ("api.token", "ingest.key", "client.token", "valkey.password", "stack.json"):
        assert stat.S_IMODE((up.home / "run" / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((up.home / "run").stat().st_mode) == 0o700


def test_the_runbooks_pattern_finds_every_process_but_the_demos(up: Stack) -> None:
    for process in tree(up):
        assert bool(PATTERN.search(title(process))) == (not title(process).startswith("demo-memory-service"))
    assert len(titled(up, "memmimic-monitoring: worker ")) == 7


def test_a_second_start_is_refused_and_harms_nothing(up: Stack) -> None:
    for environ in ({}, {"MEMMON_LOCK_FILE": f"{up.home}/another"}):
        again = begun(up, **environ)
        assert again.returncode == 1
        assert "runs already (process" in again.stderr
    assert up.get("/api/health")


def test_a_killed_worker_is_back_and_its_children_died_with_it(up: Stack) -> None:
    worker = titled(up, "memmimic-monitoring: worker respond")
    children = worker[0].children()
    assert len(children) == 2
    worker[0].kill()
    eventually(lambda: gone([*worker, *children]), within=10)
    eventually(lambda: titled(up, "memmimic-monitoring: worker respond"), within=10)


def test_a_hangup_applies_the_configuration_and_keeps_the_old_one_when_it_is_wrong(up: Stack) -> None:
    assert up.process is not None
    targets = up.home / "config" / "targets.yml"
    targets.write_text("targets: [{name: second, kind: host, job: host, instance: second}]")
    up.process.send_signal(signal.SIGHUP)
    eventually(lambda: collected(up, "second"), within=15)
    targets.write_text("targets: [{name: second, kind: nothing}]")
    up.process.send_signal(signal.SIGHUP)
    eventually(lambda: "targets.yml:1" in up.log(), within=15)
    assert up.run("config", "check").returncode == 2
    assert up.process.poll() is None
    targets.unlink()


def collected(stack: Stack, instance: str) -> bool:
    """Tell whether there are metrics of `instance`."""
    with urllib.request.urlopen(f"{stack.base}/api/metrics/prometheus", timeout=10) as answer:
        return f'instance="{instance}"' in answer.read().decode()


def test_commands_beside_it_see_what_it_was_started_with(up: Stack) -> None:
    environ = {name: up.environ[name] for name in ("PATH", "HOME", "PYTHONPATH", "MEMMON_HOME")}
    for words, expected in (
        (("doctor",), r"ok +memmimic +watches demo"),
        (("status",), re.escape(up.base)),
        (("status", "--json"), r'"name": "beat",\s+"state": "RUNNING"'),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "memmon.cli", *words], env=environ, capture_output=True, text=True, timeout=60
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        assert re.search(expected, done.stdout)


@pytest.mark.long
def test_another_stack_runs_beside_it_open_to_the_network_with_a_token(up: Stack, folder: Path, inbox: Inbox) -> None:
    other = Stack(folder, inbox, MEMMIMIC_DASHBOARD_HOST="0.0.0.0", MEMMIMIC_DASHBOARD_PORT="0")
    process = subprocess.Popen(
        [sys.executable, "-m", "memmon.cli", "up", "--no-demo"], env=other.environ, stdout=subprocess.PIPE, text=True
    )
    try:
        actual = eventually(lambda: ready(other), within=40)
        with urllib.request.urlopen(f"{actual.url}/api/health", timeout=5) as answer:
            assert answer.status == 200
        done = other.run("down")
        assert (done.returncode, done.stderr) == (0, "")
        output = process.communicate(timeout=5)[0]
        assert process.returncode == 0
        assert f"{other.token} (shown this once)" in output
        assert other.run("status").returncode == 1
        assert up.get("/api/metrics")
    finally:
        process.kill()


def ready(stack: Stack) -> running.Running | None:
    actual = running.read(load(stack.environ))
    return actual if actual and actual.ready_at else None


def test_it_ends_without_a_trace(up: Stack) -> None:
    processes = tree(up)
    up.stop()
    assert up.process is not None
    assert up.process.returncode == 0
    assert gone(processes)
    assert not Path(up.environ["MEMMON_LOCK_FILE"]).exists()
    assert sorted(path.name for path in (up.home / "run").glob("*.json")) == ["programs.json"]


@pytest.mark.long
def test_the_runbooks_emergency_restart_works_and_whatever_is_killed_leaves_no_orphan(stack: Stack) -> None:
    stack.start("--demo")
    first = tree(stack)
    for process in first:  # What `pkill -f` does, for the processes of this stack only.
        if PATTERN.search(title(process)):
            process.terminate()
    # The runbook's next line, and the one after it:
    Path(stack.environ["MEMMON_LOCK_FILE"]).unlink(missing_ok=True)
    restart(stack, "memmimic.monitoring.monitoring_server")
    assert gone(first)
    eventually(lambda: PATTERN.search(title(psutil.Process(stack.process.pid))))  # type: ignore[union-attr]
    # A task that was cut is delivered again after the restart; none is given up.
    assert "gave up" not in stack.log().partition("ending on")[2].partition("memmon starts")[0]

    second = tree(stack)
    second[0].kill()
    restart(stack, "memmon.cli", "up")  # The lock is stale now.
    assert gone(second)

    third = tree(stack)
    titled(stack, "memmimic-monitoring: supervisor")[0].kill()
    eventually(lambda: gone(third), within=30)
    assert stack.process is not None
    assert stack.process.wait(5) == 1
    assert "supervisor ended by itself" in banner(stack)


def restart(stack: Stack, module: str, *words: str) -> None:
    """Start the stack by `module`, at once, and wait until it answers."""
    (stack.home / "up.out").unlink()
    with (stack.home / "up.out").open("wb") as output:
        stack.process = subprocess.Popen(
            [sys.executable, "-m", module, *words], env=stack.environ, stdout=output, stderr=output
        )
    eventually(lambda: "memmon is up" in banner(stack), within=60)
    assert stack.get("/api/health")["status"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MEMMIMIC_DASHBOARD_PORT", "http"),
        ("MEMMON_VALKEY_BIN", "/no/such/valkey"),
        ("MEMMON_HOME", f"/tmp/{'x' * 100}"),
        ("MEMMON_LOCK_FILE", "/no/such/folder/lock"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_its_name_and_nothing_half_started(
    stack: Stack, name: str, value: str
) -> None:
    done = begun(stack, **{name: value})
    assert done.returncode == 2
    assert name in done.stderr
    assert "Traceback" not in done.stderr
    assert not (stack.home / "run").exists()
    assert not Path(value).exists()


def test_a_wrong_configuration_file_is_named_with_its_line(stack: Stack) -> None:
    rules = "groups:\n- name: a\n  rules:\n  - {alert: b, expr: 'up ==', fro: 5m}\n"
    (stack.home / "config" / "rules.yml").write_text(rules)
    done = begun(stack)
    assert done.returncode == 2
    assert re.search(r"rules\.yml:4: .*fro", done.stderr)
    assert not (stack.home / "run").exists()


def test_a_port_in_use_is_said_and_nothing_is_left(stack: Stack) -> None:
    with HTTPServer(("127.0.0.1", stack.port), BaseHTTPRequestHandler):
        done = begun(stack)
    assert done.returncode == 1
    assert f"MEMMIMIC_DASHBOARD_PORT: {stack.port} on 127.0.0.1 is in use" in done.stderr
    assert lock.holder(Path(stack.environ["MEMMON_LOCK_FILE"])) is None
    assert not (stack.home / "run" / "stack.json").exists()


def test_a_part_that_does_not_come_up_is_named_with_the_end_of_its_log(stack: Stack, folder: Path) -> None:
    broken = folder / "valkey"
    broken.write_text("#!/bin/sh\necho no memory for such things\nexit 3\n")
    broken.chmod(0o755)
    done = begun(stack, MEMMON_VALKEY_BIN=str(broken))
    assert done.returncode == 1
    assert "valkey does not come up" in done.stderr
    assert "no memory for such things" in done.stderr
    assert lock.holder(running.lock_path(load(stack.environ))) is None


def test_a_signal_while_it_starts_ends_what_was_started(stack: Stack) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "memmon.cli", "up", "--no-demo"], env=stack.environ, stdout=subprocess.PIPE, text=True
    )
    eventually(lambda: len(psutil.Process(process.pid).children(recursive=True)) > 3, within=20)
    started = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert gone(started)
    assert process.stdout is not None
    assert "memmon is up" not in process.stdout.read()


@pytest.mark.long
def test_external_redis_and_database_are_used_and_nothing_embedded_is_started(
    folder: Path, inbox: Inbox, valkey: str, pg_server: str
) -> None:
    redis.Redis.from_url(valkey).flushall()
    stack = Stack(folder, inbox, MEMMON_REDIS_URL=valkey, MEMMON_DATABASE_URL=f"{pg_server}/postgres")
    try:
        stack.start("--no-demo")
        assert not any("valkey" in title(process) for process in tree(stack))
        assert not (stack.home / "memmon.db").exists()
        assert redis.Redis.from_url(valkey).keys("memmon:workers")
        done = stack.run("doctor")
        assert re.search(r"ok +database +postgresql", done.stdout), done.stdout + done.stderr
    finally:
        stack.stop()


class Api:
    """What MemMimic's api looks like to the client."""

    def __init__(self) -> None:
        self.stored: list[str] = []

    def remember(self, text: str) -> None:
        self.stored.append(text)


@pytest.mark.long
def test_the_monitoring_server_watches_an_api_and_ends(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    # The runbook's line; it is there once memmon is installed.
    from memmimic.monitoring import MonitoringServer

    for name in [name for name in os.environ if name.startswith(("MEMMON_", "MEMMIMIC_"))]:
        monkeypatch.delenv(name)
    for name, value in stack.environ.items():
        monkeypatch.setenv(name, value)
    api = Api()
    server = MonitoringServer(api, dashboard_port=stack.port)
    # Another test's stack may run beside it.
    children = set(psutil.Process().children(recursive=True))

    async def watch() -> list[psutil.Process]:
        await server.start()
        await asyncio.to_thread(answers)
        api.remember("tea is hot")
        await asyncio.to_thread(eventually, counted, 20)
        beside = set(psutil.Process().children(recursive=True)) - children
        await server.stop()
        return list(beside)

    def answers() -> None:
        with urllib.request.urlopen(f"{stack.base}/dashboard", timeout=10) as answer:
            assert answer.status == 200

    def counted() -> bool:
        return float(stack.get("/api/metrics")["metrics"]["counters"].get("memmimic_memories_stored_total", 0)) == 1

    beside = asyncio.run(watch())
    assert len(beside) > 5
    assert gone(beside)
    assert lock.holder(running.lock_path(load(stack.environ))) is None


@pytest.mark.long
def test_it_ends_when_its_terminal_is_closed(stack: Stack) -> None:
    ours, theirs = pty.openpty()
    controlling = (
        "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.executable, sys.argv[1:])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", controlling, sys.executable, "-m", "memmon.cli", "up", "--no-demo"],
        env=stack.environ,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        eventually(lambda: ready(stack), within=40)
        processes = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        os.close(ours)
        assert process.wait(30) == 0
        assert gone(processes)
    finally:
        process.kill()
