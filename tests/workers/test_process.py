from __future__ import annotations

import threading
from pathlib import Path

import pytest

from memmon.context import Context
from memmon.db import migrate
from memmon.settings import load
from tests.support import eventually
from web import http
from workers import process

RULE = "groups:\n- name: g\n  rules:\n  - {alert: a, expr: '%s'}\n"


def migrate_empty_database() -> None:
    ctx = Context(load())
    migrate.upgrade(ctx.engine)
    ctx.close()


def opened(name: str) -> Context:
    return process.context() if name == "worker" else http._opened.__wrapped__(0)


@pytest.mark.parametrize("name", ["worker", "dashboard"])
def test_a_rule_that_cannot_be_evaluated_leaves_the_old_ones_in_force(
    name: str, valkey: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MEMMON_HOME", str(tmp_path))
    monkeypatch.setenv("MEMMON_REDIS_URL", valkey)
    monkeypatch.setattr(process, "_contexts", {})
    rules = tmp_path / "config" / "rules.yml"
    rules.parent.mkdir()
    rules.write_text(RULE % "up == 0")
    migrate_empty_database()
    ctx = opened(name)
    in_force = ctx.config
    ctx.refresh_config()
    rules.write_text(RULE % "sum(")
    ctx.publish_config_change()
    ctx.now = lambda: 1e12  # It looks at most once a second.
    ctx.refresh_config()
    assert ctx.config == in_force
    assert "rules.yml:4: groups.0.rules.0.expr: rule a of group g: " in caplog.text
    ctx.close()


def test_a_worker_waits_while_the_database_has_another_schema(
    valkey: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MEMMON_HOME", str(tmp_path))
    monkeypatch.setenv("MEMMON_REDIS_URL", valkey)
    monkeypatch.setattr(process, "_contexts", {})
    monkeypatch.setattr(process, "RECHECK_SECONDS", 0.01)
    waiting = threading.Thread(target=process.context, daemon=True)
    waiting.start()
    eventually(lambda: "run `memmon migrate`" in caplog.text)
    assert waiting.is_alive()
    migrate_empty_database()
    waiting.join(10)
    assert not waiting.is_alive()
    process.context().close()
