"""`memmon simulate`, as it is called, against a running demo."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.memmon.client.serving import Memmon
from tests.memmon.demo.process import ROOT, TOKEN, DemoProcess
from tests.support import eventually


class Home:
    """A MEMMON_HOME whose demo runs."""

    def __init__(self, folder: Path, memmon_server: Memmon):
        self.folder = folder
        self.demo = DemoProcess(folder, memmon_server.url, "key")
        (folder / "run").mkdir()
        self.tell(url=self.demo.url, token_file=str(self.demo.token_file), database=str(self.demo.database))

    def tell(self, **facts: str) -> None:
        (self.folder / "run" / "demo.json").write_text(json.dumps(facts))

    def simulate(self, *words: str) -> subprocess.CompletedProcess[str]:
        return simulate(self.folder, *words)


def simulate(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "memmon.cli", "simulate", *words],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "MEMMON_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=40,
    )


@pytest.fixture(scope="module")
def memmon_server() -> Iterator[Memmon]:
    receiver = Memmon()
    yield receiver
    receiver.close()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, memmon_server: Memmon) -> Iterator[Home]:
    folder = Home(tmp_path_factory.mktemp("home"), memmon_server)
    folder.demo.start()
    yield folder
    folder.demo.stop()


@pytest.mark.parametrize("fault", ["slow-database", "memory-leak", "errors", "cache-misses"])
def test_a_fault_is_on_for_the_given_time(home: Home, fault: str) -> None:
    done = home.simulate(fault, "--for", "1m30s")
    assert (done.returncode, done.stderr) == (0, "")
    assert fault in done.stdout
    assert "for 1m30s" in done.stdout
    on = {entry["fault"]: entry["until"] - time.time() for entry in home.demo.ask("/-/faults", token=TOKEN).json["on"]}
    assert 60 < on[fault] <= 90
    home.demo.fault(fault, 0)


def test_brute_force_sends_wrong_logins_from_one_outside_address(home: Home, memmon_server: Memmon) -> None:
    done = home.simulate("brute-force", "--for", "2s")
    assert done.returncode == 0
    assert "was not blocked" in done.stdout
    failures = eventually(lambda: [e for e in memmon_server.events if e["event_type"] == "auth_failure"][2:])
    assert len({event["source_ip"] for event in failures}) == 1
    assert failures[0]["source_ip"].startswith("203.0.113.")


def test_an_attack_stops_when_it_is_blocked(home: Home, memmon_server: Memmon) -> None:
    def attack() -> dict[str, Any] | None:
        return next((event for event in memmon_server.events if event["event_type"] == "suspicious_activity"), None)

    def block_the_attacker() -> None:
        event = eventually(attack, within=20)
        assert event["params"] == {"q": "' OR '1'='1' --"}
        blocked = [{"address": event["source_ip"], "until": time.time() + 60}]
        home.demo.ask("/-/memmon/restrictions", "PUT", {"blocked": blocked}, token=TOKEN)

    defender = threading.Thread(target=block_the_attacker)
    defender.start()
    done = home.simulate("injection", "--for", "30s")
    defender.join()
    home.demo.ask("/-/memmon/restrictions", "PUT", {}, token=TOKEN)
    assert done.returncode == 0
    assert "is blocked" in done.stdout.splitlines()[-1]


def test_a_crash_is_real_and_then_nobody_answers(tmp_path: Path, memmon_server: Memmon) -> None:
    home = Home(tmp_path, memmon_server)
    home.demo.start()
    assert home.simulate("crash").returncode == 0
    assert home.demo.process is not None
    assert home.demo.process.wait(5) == -9
    done = home.simulate("errors")
    assert (done.returncode, done.stdout) == (1, "")
    assert "the demo does not answer" in done.stderr


def test_without_a_demo_it_says_so(tmp_path: Path) -> None:
    done = simulate(tmp_path, "crash")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no demo runs here" in done.stderr


@pytest.mark.parametrize("facts", ["", "[]", "{}", '{"url": 5, "token_file": "x"}'])
def test_a_demo_json_that_is_none_is_said_to_be(tmp_path: Path, facts: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "demo.json").write_text(facts)
    done = simulate(tmp_path, "crash")
    assert done.returncode == 1
    assert "does not tell where the demo is" in done.stderr


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (["errors", "--for", "5"], 1, "--for: '5' is not a duration"),
        (["errors", "--for", "0"], 1, "--for: must be more than nothing"),
        (["errors", "--for", "2h"], 1, "at most 1h"),
        (["earthquake"], 2, "earthquake"),
    ],
)
def test_wrong_words_are_named(home: Home, words: list[str], status: int, text: str) -> None:
    done = home.simulate(*words)
    assert (done.returncode, done.stdout) == (status, "")
    assert text in done.stderr
