import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from memmon import supervisor
from memmon.errors import NotFound, Permanent, Transient
from tests.supervised import supervised
from tests.support import eventually


@pytest.fixture
def socket(short_dir: Path) -> Iterator[Path]:
    with supervised(short_dir, short_dir / "s.sock") as path:
        yield path


def demo(socket: Path) -> supervisor.Process:
    return next(one for one in supervisor.processes(socket) if one.name == "demo")


def test_a_restart_makes_a_new_process(socket: Path) -> None:
    before, after = supervisor.restart(socket, "demo")
    assert before != after
    assert demo(socket).pid == after
    assert Path(f"/proc/{after}").exists()
    assert not Path(f"/proc/{before}").exists()


def test_what_died_is_started_again(socket: Path) -> None:
    os.kill(demo(socket).pid, signal.SIGKILL)
    eventually(lambda: demo(socket).state == "EXITED")
    assert demo(socket).pid == 0
    before, after = supervisor.restart(socket, "demo")
    assert before == 0
    assert demo(socket).pid == after


def test_an_unknown_program_and_one_that_does_not_come_up_are_told_apart(socket: Path) -> None:
    with pytest.raises(NotFound, match="nothing"):
        supervisor.restart(socket, "nothing")
    with pytest.raises(Permanent, match="refused"):
        supervisor.restart(socket, "broken")


def test_no_supervisor_is_worth_another_try(tmp_path: Path) -> None:
    with pytest.raises(Transient, match="no supervisor answers"):
        supervisor.processes(tmp_path / "s.sock")


def test_a_shutdown_ends_all(socket: Path) -> None:
    pid = demo(socket).pid
    supervisor.shutdown(socket)
    eventually(lambda: not Path(f"/proc/{pid}").exists())
