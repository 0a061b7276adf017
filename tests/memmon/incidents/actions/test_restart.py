import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memmon import supervisor
from memmon.context import Context
from memmon.errors import Permanent, Transient
from memmon.incidents.actions import restart
from tests.memmon.incidents.actions.conftest import Make
from tests.memmon.incidents.conftest import Endpoint
from tests.supervised import supervised
from tests.support import eventually

TARGETS = """
targets:
  - name: demo
    instance: demo:1
    database: /nonexistent
    components:
      api: {control: supervisor, unit: %s}
      unit: {control: systemd, unit: memmimic.service}
      remote: {control: http, unit: '%s/restart'}
"""


@pytest.fixture
def ready(configure: Callable[..., Context], endpoint: Endpoint) -> Context:
    return configure(targets=TARGETS % ("demo", endpoint.url))


@pytest.fixture
def socket(ready: Context, short_dir: Path) -> Iterator[Path]:
    """The supervisor of the context's stack; its socket is a link, for a socket's own name must be
    short.
    """
    real = short_dir / "s.sock"
    with supervised(short_dir, real):
        ready.settings.run_dir.mkdir(parents=True, exist_ok=True)
        ready.settings.supervisor_socket.symlink_to(real)
        yield ready.settings.supervisor_socket


def pid(socket: Path) -> int:
    return next(process.pid for process in supervisor.processes(socket) if process.name == "demo")


def test_the_process_is_another_one_afterwards(ready: Context, socket: Path, call: Make) -> None:
    before = pid(socket)
    jobs = restart.act(ready, call())
    assert jobs == f"restarted demo: pid {before} -> {pid(socket)}"
    assert pid(socket) != before


def test_what_was_restarted_before_its_worker_died_is_not_restarted_again(
    ready: Context, socket: Path, call: Make
) -> None:
    before = restart.before(ready, call())
    assert restart.probe(ready, call(before=before)) is None
    restart.act(ready, call())
    assert restart.probe(ready, call(before=before)) == f"restarted: {before['identity']} -> {pid(socket)}"


def test_what_is_down_was_not_restarted(ready: Context, socket: Path, call: Make) -> None:
    before = restart.before(ready, call())
    os.kill(int(before["identity"]), signal.SIGKILL)
    eventually(lambda: restart.before(ready, call())["identity"] != before["identity"])
    if restart.before(ready, call())["identity"] == "none":
        assert restart.probe(ready, call(before=before)) is None
    assert "restarted demo: pid" in restart.act(ready, call())


def test_a_component_or_target_that_is_not_configured_is_named(ready: Context, call: Make) -> None:
    with pytest.raises(Permanent, match="target demo has no component cache"):
        restart.act(ready, call(component="cache"))
    with pytest.raises(Permanent, match="no target is other:1"):
        restart.act(ready, call(labels={"instance": "other:1"}))


def test_a_stack_without_supervisor_is_worth_another_try(ready: Context, call: Make) -> None:
    with pytest.raises(Transient, match="no supervisor answers"):
        restart.act(ready, call())


def test_systemd_is_asked_by_its_own_command(
    ready: Context, call: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "systemctl"
    script.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n[ -e {tmp_path}/fail ] && echo no such unit >&2 && exit 5\nexit 0\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    assert restart.act(ready, call(component="unit")) == "restarted memmimic.service"
    assert (tmp_path / "asked").read_text() == "restart -- memmimic.service\n"
    (tmp_path / "fail").touch()
    with pytest.raises(Permanent, match="no such unit"):
        restart.act(ready, call(component="unit"))


def test_a_url_that_restarts_is_posted_to(ready: Context, call: Make, endpoint: Endpoint) -> None:
    assert restart.act(ready, call(component="remote")) == "restart endpoint answered 200"
    assert endpoint.paths() == ["POST /restart"]
    endpoint.status = 500
    with pytest.raises(Transient):
        restart.act(ready, call(component="remote"))
    endpoint.status = 403
    with pytest.raises(Permanent):
        restart.act(ready, call(component="remote"))
