import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from memmon.stack import program
from memmon.stack.program import Program
from tests.support import eventually

SHOW = "import json, os, sys; print(json.dumps({'environ': dict(os.environ), 'argv': sys.argv}), flush=True)"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    (tmp_path / "shown.py").write_text(SHOW)
    return tmp_path


def child(home: Path, entry: Program, **environ: str) -> subprocess.Popen[str]:
    (home / "run" / "programs.json").write_text(program.as_json([entry]))
    arguments = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{home}:{Path(__file__).parents[3]}",
        "MEMMON_HOME": str(home),
        "MEMMON_SUPERVISOR_PID": str(os.getpid()),
        **environ,
    }
    words = [sys.executable, "-P", "-m", "memmon.stack.child", "memmimic-monitoring", entry.name]
    return subprocess.Popen(words, env=arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def child_output(home: Path, program: Program, **environ: str) -> dict[str, Any]:
    out, err = child(home, program, **environ).communicate(timeout=20)
    assert out, err
    actual: dict[str, Any] = json.loads(out)
    return actual


def test_a_module_runs_with_its_own_arguments(home: Path) -> None:
    actual = child_output(home, Program("p", "memmimic-monitoring: p", ("shown", "-a", "b c"), 1))
    assert actual["argv"][1:] == ["-a", "b c"]


def test_a_binary_is_run_in_its_place(home: Path) -> None:
    out, _ = child(home, Program("p", "t", ("/bin/echo", "hello"), 1, is_binary=True)).communicate(timeout=20)
    assert out == "hello\n"


def test_the_demo_sees_no_variable_that_is_not_for_it(home: Path) -> None:
    demo = program.demo()._replace(words=("shown",))
    arguments = {"MEMMON_API_TOKEN": "secret", "MEMMON_REDIS_URL": "redis://:secret@h", "AWS_SECRET": "secret"}
    seen = child_output(home, demo, MEMMON_DEMO_URL="http://127.0.0.1:1", **arguments)["environ"]
    assert seen["MEMMON_DEMO_URL"] == "http://127.0.0.1:1"
    assert "secret" not in str(seen)


def test_what_needs_the_broker_waits_for_it(home: Path) -> None:
    with socket.socket() as broker:
        broker.bind(("127.0.0.1", 0))  # Bound and not listening yet: a call is refused.
        program = Program("p", "t", ("shown",), 1, needs=(f"tcp:127.0.0.1:{broker.getsockname()[1]}",))
        process = child(home, program)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        broker.listen()
        assert process.wait(10) == 0


def test_the_second_of_one_that_must_be_alone_waits_for_the_firsts_end(home: Path) -> None:
    program = Program(
        "p", "t", ("/bin/sh", "-c", "echo began; exec sleep 60"), 1, is_binary=True, alone=str(home / "lock")
    )
    first, second = child(home, program), None
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == "began\n"
        second = child(home, program)
        assert second.stdout is not None
        with pytest.raises(subprocess.TimeoutExpired):
            second.wait(1)
        first.kill()
        assert second.stdout.readline() == "began\n"
    finally:
        first.kill()
        if second:
            second.kill()


def test_one_whose_supervisor_is_gone_ends_at_once(home: Path) -> None:
    process = child(home, Program("p", "t", ("shown",), 1, death=signal.SIGTERM), MEMMON_SUPERVISOR_PID="1")
    out, err = process.communicate(timeout=20)
    assert out == ""
    assert "the parent 1 is gone" in err
    eventually(lambda: process.returncode == 1)
