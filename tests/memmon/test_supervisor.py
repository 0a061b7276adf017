import os
import signal
import socket as sockets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
    return next(process for process in supervisor.processes(socket) if process.name == "demo")


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


def test_a_supervisor_that_hangs_is_not_waited_for(short_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "ANSWERS_WITHIN", 0.1)
    path = short_dir / "hangs.sock"
    with sockets.socket(sockets.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        with pytest.raises(Transient, match="no supervisor answers"):
            supervisor.processes(path)


def test_what_somebody_else_has_started_meanwhile_runs_anew(socket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one is quicker: between our stop and our start."""
    request = supervisor.SupervisorTransport.request

    def quicker(self: Any, host: str, handler: str, body: Any, verbose: bool = False) -> Any:
        answer = request(self, host, handler, body, verbose)
        if b"supervisor.stopProcess" in bytes(body):
            request(self, host, handler, bytes(body).replace(b"stopProcess", b"startProcess"), verbose)
        return answer

    monkeypatch.setattr(supervisor.SupervisorTransport, "request", quicker)
    before, after = supervisor.restart(socket, "demo")
    assert before != after
    assert demo(socket).pid == after
