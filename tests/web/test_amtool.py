"""Alertmanager's own tool against memmon, over real HTTP."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memmon.alerts import service as alerts
from memmon.context import Context
from memmon.routing import silences
from tests.web.conftest import Headers

ROUTES = """
route:
  receiver: team
  group_by: [alertname]
  routes:
  - {matchers: ['severity="critical"'], receiver: pager, mute_time_intervals: [night], continue: true}
  - {matchers: ['zone=~"a|b"'], receiver: zones}
receivers: [{name: team}, {name: pager}, {name: zones}]
time_intervals: [{name: night, time_intervals: [{times: [{start_time: '00:00', end_time: '06:00'}], weekdays: ['monday:friday']}]}]
inhibit_rules: [{source_matchers: ['severity="critical"'], target_matchers: ['severity="info"'], equal: [zone]}]
"""


@pytest.fixture
def amtool(
    url: str, live: Context, bearer: Callable[[str], Headers], sent: Callable[[], list[str]], tmp_path: Path
) -> Callable[..., str]:
    """Call amtool as an operator; return its output."""
    binary = shutil.which("amtool")
    if binary is None:
        if os.environ.get("MEMMON_TEST_STRICT") == "1":
            pytest.fail("amtool is not installed")
        pytest.skip("amtool is not installed")
    folder = live.settings.config_folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "routes.yml").write_text(ROUTES)
    token = bearer("operator")["Authorization"].removeprefix("Bearer ")
    (tmp_path / "http.yml").write_text(f"authorization: {{credentials: {token}}}\n")

    def call(*words: str, status: int = 0) -> str:
        where = (f"--alertmanager.url={url}", f"--http.config.file={tmp_path / 'http.yml'}")
        done = subprocess.run([str(binary), *where, *words], capture_output=True, text=True, timeout=20)
        assert done.returncode == status, done.stderr
        return done.stdout

    return call


@pytest.fixture
def ctx(sqlite_ctx: Context) -> Context:
    """On SQLite; what PostgreSQL may see otherwise is in the tests of the rooms."""
    return sqlite_ctx


def test_alerts_are_added_and_asked_for(amtool: Callable[..., str], live: Context) -> None:
    amtool("alert", "add", "disk_full", "severity=critical", "zone=a", "--annotation=summary=full")
    actual: list[dict[str, Any]] = json.loads(amtool("alert", "query", "-o", "json", "zone=a"))
    assert [entry["labels"] for entry in actual] == [{"alertname": "disk_full", "severity": "critical", "zone": "a"}]
    assert sorted(entry["name"] for entry in actual[0]["receivers"]) == ["pager", "zones"]
    assert json.loads(amtool("alert", "query", "-o", "json", "zone=c")) == []
    assert "disk_full" in amtool("alert", "query")
    assert alerts.firing(live)[0]["annotations"] == {"summary": "full"}


def test_silences_are_added_asked_for_changed_and_ended(amtool: Callable[..., str], live: Context) -> None:
    amtool("alert", "add", "disk_full", "zone=a")
    index = amtool("silence", "add", "zone=a", "-c", "works", "-a", "dana", "-d", "2h").strip()
    assert json.loads(amtool("alert", "query", "-o", "json")) == []
    [stored] = json.loads(amtool("silence", "query", "-o", "json"))
    assert (stored["id"], stored["createdBy"], stored["comment"]) == (index, "dana", "works")
    amtool("silence", "update", index, "-d", "3h")
    amtool(
        "silence", "expire", *[entry["id"] for entry in silences.silences(live) if entry["status"]["state"] == "active"]
    )
    assert json.loads(amtool("silence", "query", "-o", "json")) == []
    assert len(json.loads(amtool("alert", "query", "-o", "json"))) == 1


def test_routes_are_shown_and_tried(amtool: Callable[..., str]) -> None:
    assert "receiver: zones" in amtool("config", "routes", "show")
    assert amtool("config", "routes", "test", "severity=critical", "zone=b").strip() == "pager,zones"
    assert amtool("config", "routes", "test", "zone=c").strip() == "team"
    assert "night" in amtool("config", "show")
