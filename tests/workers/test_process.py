from __future__ import annotations

from pathlib import Path

import pytest

from memmon.context import Context
from web import http
from workers import process

RULE = "groups:\n- name: g\n  rules:\n  - {alert: a, expr: '%s'}\n"


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
    ctx = opened(name)
    in_force = ctx.config
    ctx.refresh()
    rules.write_text(RULE % "sum(")
    ctx.announce_config()
    ctx.now = lambda: 1e12  # It looks at most once a second.
    ctx.refresh()
    assert ctx.config == in_force
    assert "rules.yml:4: groups.0.rules.0.expr: rule a of group g: " in caplog.text
    ctx.close()
