"""Of a real process: its objects by the client in it, its stacks by py-spy, its memory's map."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memmon import client as sdk
from memmon.context import Context
from memmon.errors import Permanent
from memmon.incidents.actions import memory_dump
from memmon.incidents.controls import CONTROLS
from memmon.incidents.controls.base import Control
from tests.memmon.incidents.actions.conftest import Make

TOKEN = "client-token"


@pytest.fixture
def ctx(sqlite_ctx: Context) -> Context:
    return sqlite_ctx


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A Python process that waits in a function of its own."""
    code = "import time\ndef waits_for_good():\n    print('up', flush=True)\n    time.sleep(60)\nwaits_for_good()"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def ready(
    configure: Callable[..., Context], sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Context]:
    monkeypatch.setitem(CONTROLS, "supervisor", Control(pid=lambda ctx, part: sleeper.pid))
    server = sdk.expose(0, token=TOKEN)
    url = f"http://127.0.0.1:{server.port}/-/memmon"
    yield configure(
        targets=f"""
targets:
  - name: demo
    instance: demo:1
    database: /nonexistent
    components: {{api: {{control: supervisor, unit: demo}}}}
    client: {{url: '{url}', token: {TOKEN}}}
"""
    )
    server.close()


def may_attach(pid: int) -> bool:
    """Tell whether this machine lets a process look into another one (ptrace(2)); some containers
    do not.
    """
    words = [str(Path(sys.executable).parent / "py-spy"), "dump", "--pid", str(pid)]
    return subprocess.run(words, capture_output=True).returncode == 0


def files(ctx: Context) -> dict[str, Path]:
    return {
        path.name.removeprefix("7-stage-0-"): path for path in (ctx.settings.home / "evidence" / "incident-7").iterdir()
    }


def test_objects_stacks_and_map_are_kept_where_only_memmons_user_reads_them(
    ready: Context, call: Make, sleeper: subprocess.Popen[bytes]
) -> None:
    if not may_attach(sleeper.pid):
        pytest.skip("this machine does not let py-spy attach to another process")
    jobs = memory_dump.act(ready, call())
    actual = files(ready)
    assert set(actual) == {"objects.json", "stacks.txt", "map.txt"}
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in actual.values())
    assert "waits_for_good" in actual["stacks.txt"].read_text()
    assert "VmRSS" in actual["map.txt"].read_text()
    objects = json.loads(actual["objects.json"].read_text())["demo"]
    assert objects["objects"] > 1000
    assert objects["largest"][0]["bytes"] >= objects["largest"][1]["bytes"]
    assert jobs.startswith("kept evidence/incident-7/7-stage-0-objects.json, ")


def test_what_cannot_be_had_is_said_and_the_rest_is_kept(
    ready: Context, call: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_dump.shutil, "which", lambda *_, **__: None)
    jobs = memory_dump.act(ready, call())
    assert "unavailable: stacks (py-spy is not installed)" in jobs
    assert set(files(ready)) == {"objects.json", "map.txt"}
    with pytest.raises(Permanent, match="all sections are unavailable: core"):
        memory_dump.act(ready, call(include=["core"]))


def test_what_is_to_be_kept_is_checked_at_load() -> None:
    assert memory_dump.INCLUDE.fits(["core", "map"])
    assert not memory_dump.INCLUDE.fits(["soul"])
    assert not memory_dump.INCLUDE.fits([])
