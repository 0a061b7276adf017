"""Commands of the operator's list, run for real."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from memmon.context import Context
from memmon.errors import BadConfig, Permanent, Transient
from memmon.incidents import service
from memmon.incidents.actions import run
from tests.memmon.incidents.actions.conftest import Make
from tests.support import eventually

COMMANDS = """
commands:
  - {name: say, argv: [/bin/sh, -c, 'env | sort; pwd; echo problem >&2'], folder: /tmp, environment: {TEAM: night}}
  - {name: fail, argv: [/bin/sh, -c, 'echo no such queue; exit 3']}
  - {name: busy, argv: [/bin/sh, -c, 'exit 75']}
  - {name: hang, argv: [/bin/sh, -c, 'sleep 60 & echo $! > %(folder)s/child; sleep 60'], idempotent: true}
  - {name: hungry, argv: [%(python)s, -c, 'x = bytearray(400 << 20)'], memory_mib: 200}
  - {name: loud, argv: [/bin/sh, -c, 'yes | head -c 300000']}
  - {name: missing, argv: [/nonexistent/program]}
  - {name: words, argv: [/bin/echo, $source_ip, '$(id)', '; id']}
"""


@pytest.fixture
def ready(configure: Callable[..., Context], tmp_path: Path, ctx: Context) -> Context:
    return configure(playbooks=COMMANDS % {"folder": tmp_path, "python": sys.executable})


@pytest.fixture
def ctx(sqlite_ctx: Context) -> Context:
    return sqlite_ctx


def test_it_sees_a_clean_environment_and_what_the_incident_says(
    ready: Context, call: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMMON_API_TOKEN", "a-secret-of-memmon")
    jobs = run.act(
        ready, call(labels={"source_ip": "203.0.113.9", "odd-name": "a\nb"}, command="say", values={"reason": "test"})
    )
    assert "a-secret-of-memmon" not in jobs
    for line in (
        "TEAM=night",
        "MEMMON_INCIDENT=7",
        "MEMMON_ACTION_KEY=7/stage/0",
        "MEMMON_LABEL_SOURCE_IP=203.0.113.9",
    ):
        assert line in jobs
    assert "MEMMON_VALUE_REASON=test" in jobs
    assert "MEMMON_LABEL_ODD_NAME=a" in jobs
    assert jobs.endswith("/tmp\nproblem")


def test_the_words_are_those_of_the_list_and_no_shell_reads_them(ready: Context, call: Make) -> None:
    jobs = run.act(ready, call(labels={"source_ip": "$(reboot)"}, command="words"))
    assert jobs == "words: $source_ip $(id) ; id"


def test_a_status_says_whether_another_try_is_worth_it(ready: Context, call: Make) -> None:
    with pytest.raises(Permanent, match="fail: status 3: no such queue"):
        run.act(ready, call(command="fail"))
    with pytest.raises(Transient, match="busy: status 75"):
        run.act(ready, call(command="busy"))
    with pytest.raises(Permanent, match="cannot be run"):
        run.act(ready, call(command="missing"))
    with pytest.raises(Permanent, match="no command nothing"):
        run.act(ready, call(command="nothing"))


def test_when_its_time_is_over_all_that_it_has_begun_is_killed(ready: Context, call: Make, tmp_path: Path) -> None:
    with pytest.raises(Transient, match="did not end within 0.5 s"):
        run.act(ready, call(command="hang")._replace(timeout=0.5))
    child = int((tmp_path / "child").read_text())
    eventually(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)


def test_what_it_may_use_is_bounded(ready: Context, call: Make) -> None:
    with pytest.raises(Permanent, match="MemoryError"):
        run.act(ready, call(command="hungry"))
    assert len(run.act(ready, call(command="loud"))) <= run.MOST_OUTPUT + 100


def test_after_its_worker_died_only_an_idempotent_one_is_run_again(ready: Context, call: Make) -> None:
    assert run.probe(ready, call(command="hang")) is None
    with pytest.raises(Permanent, match="not run again"):
        run.probe(ready, call(command="say"))


def test_a_relative_program_or_an_unknown_command_is_refused_at_load(ready: Context) -> None:
    folder = ready.settings.config_folder
    (folder / "playbooks.yml").write_text("commands: [{name: a, argv: [ls]}]")
    with pytest.raises(BadConfig, match=r"playbooks.yml:1: commands.0.*must be the whole path"):
        ready.reload_config()
    step = "{action: run, parameters: {command: nothing}}"
    book = "{name: p, title: t, severity: low, mttr_target: 1m, match: {}, stages: [{name: s, due: 1m, steps: [%s]}]}"
    (folder / "playbooks.yml").write_text(f"playbooks: [{book % step}]")
    ready.reload_config()
    with pytest.raises(BadConfig, match="no command nothing in playbooks.yml"):
        service.check(ready.config)
