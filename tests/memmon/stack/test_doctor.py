from collections.abc import Callable
from pathlib import Path

import pytest

from memmon.context import Context
from memmon.settings import load
from memmon.stack import doctor
from memmon.stack.doctor import Diagnosis


def findings(ctx: Context) -> dict[str, Diagnosis]:
    return {actual.name: actual for actual in doctor.examine(ctx.settings)}


def test_what_runs_outside_of_memmon_is_asked_and_what_is_missing_said(ctx: Context) -> None:
    actual = findings(ctx)
    assert len(actual) == len(doctor.LOOKS)
    for name in ("python", "configuration", "home", "database", "clock"):
        assert actual[name].state == "ok", actual[name]
    assert actual["redis"].state == "warn"  # The tests' Valkey has no append-only file.
    assert "appendonly" in actual["redis"].hint
    assert actual["workers"].state == "fail"
    assert "celery -A memmon worker -Q collect" in actual["workers"].hint
    assert actual["beat"].state == "fail"
    assert actual["notifications"].state == "warn"


def test_a_redis_that_is_away_is_a_failure_and_stops_no_other_look(
    make_ctx: Callable[..., Context], short_dir: Path
) -> None:
    actual = findings(make_ctx(MEMMON_REDIS_URL=f"unix://{short_dir}/nobody.sock"))
    assert actual["redis"].state == "fail"
    assert actual["disk"].name == "disk"


def test_an_older_schema_is_told_with_the_command(make_ctx: Callable[..., Context], tmp_path: Path) -> None:
    actual = findings(make_ctx(MEMMON_DATABASE_URL=f"sqlite:///{tmp_path}/empty.db"))
    assert actual["database"].state == "fail"
    assert "memmon migrate" in actual["database"].hint


def test_a_wrong_file_and_a_database_that_is_not_there_are_named(
    make_ctx: Callable[..., Context], tmp_path: Path
) -> None:
    ctx = make_ctx(MEMMIMIC_DB_PATH=str(tmp_path / "gone.db"))
    ctx.settings.config_folder.mkdir()
    (ctx.settings.config_folder / "checks.yml").write_text("checks: [{name: nonsense}]")
    actual = findings(ctx)
    assert actual["configuration"].state == "fail"
    assert "checks.yml:1" in actual["configuration"].text
    assert actual["memmimic"].state == "fail"


def test_before_the_first_start_nothing_is_broken_and_nothing_is_made(tmp_path: Path) -> None:
    home = tmp_path / "home"
    arguments = {"MEMMON_HOME": str(home), "MEMMON_LOCK_FILE": str(tmp_path / "lock"), "MEMMIMIC_DASHBOARD_PORT": "0"}
    examine = list(doctor.examine(load(arguments)))
    assert [entry for entry in examine if entry.state == "fail"] == []
    assert "memmon up" in next(entry for entry in examine if entry.name == "stack").hint
    assert not home.exists()


@pytest.mark.parametrize(("free", "state"), [(10**12, "ok"), (10**9, "warn"), (10**6, "fail")])
def test_little_room_is_warned_of(ctx: Context, monkeypatch: pytest.MonkeyPatch, free: int, state: str) -> None:
    usage = type("Usage", (), {"free": free})
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: usage)
    assert findings(ctx)["disk"].state == state
