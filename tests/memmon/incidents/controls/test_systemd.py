"""Against a systemctl that answers as the real one does (systemctl(1))."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from memmon.context import Context
from memmon.errors import Permanent, Transient
from memmon.incidents.controls import systemd
from memmon.incidents.controls.base import ControlledComponent

SCRIPT = """#!/bin/sh
echo "$@" >> {folder}/asked
[ -e {folder}/fail ] && echo "Failed to restart x.service: Unit x.service not found." >&2 && exit 5
[ -e {folder}/hang ] && exec sleep 30
case "$*" in
  restart*) echo again >> {folder}/started ;;
  *InvocationID*) cksum < {folder}/started | cut -d' ' -f1 ;;
  *MainPID*) cat {folder}/pid ;;
esac
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "bin"
    place.mkdir()
    (place / "systemctl").write_text(SCRIPT.format(folder=tmp_path))
    (place / "systemctl").chmod(0o755)
    (tmp_path / "started").touch()
    (tmp_path / "pid").write_text("4711\n")
    monkeypatch.setenv("PATH", f"{place}:/usr/bin:/bin")
    return tmp_path


def test_a_unit_is_restarted_and_is_another_invocation(
    sqlite_ctx: Context, folder: Path, part: Callable[..., ControlledComponent]
) -> None:
    unit = part(control="systemd", unit="x.service")
    before = systemd.identity(sqlite_ctx, unit)
    assert systemd.restart(sqlite_ctx, unit) == "restarted x.service"
    assert systemd.identity(sqlite_ctx, unit) != before
    assert (folder / "asked").read_text().splitlines()[:2] == [
        "show --property InvocationID --value -- x.service",
        "restart -- x.service",
    ]
    assert systemd.pid(sqlite_ctx, unit) == 4711
    (folder / "pid").write_text("0\n")
    with pytest.raises(Permanent, match="no main process"):
        systemd.pid(sqlite_ctx, unit)


def test_what_systemd_says_comes_back_and_one_that_hangs_is_left(
    sqlite_ctx: Context, folder: Path, part: Callable[..., ControlledComponent]
) -> None:
    unit = part(control="systemd", unit="x.service")
    (folder / "fail").touch()
    with pytest.raises(Permanent, match="not found"):
        systemd.restart(sqlite_ctx, unit)
    (folder / "fail").unlink()
    (folder / "hang").touch()
    with pytest.raises(Transient, match="did not end within 0.3 s"):
        systemd.restart(sqlite_ctx, unit._replace(seconds=0.3))


def test_what_a_control_cannot_do_is_said(sqlite_ctx: Context, part: Callable[..., ControlledComponent]) -> None:
    with pytest.raises(Permanent, match="api of demo is under systemd, which cannot scale it"):
        systemd.CONTROL.size(sqlite_ctx, part(control="systemd", unit="x.service"))
