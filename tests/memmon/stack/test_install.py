import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from memmon.errors import Refused
from memmon.stack import install


def test_the_files_are_put_in_place_once(tmp_path: Path) -> None:
    assert [state for _, state in install.install(tmp_path)] == ["new", "new"]
    assert [state for _, state in install.install(tmp_path)] == ["unchanged", "unchanged"]
    unit = (tmp_path / "etc/systemd/system/memmimic-monitoring.service").read_text()
    assert f"ExecStart={install.command()} up" in unit
    (tmp_path / "etc/logrotate.d/memmimic-monitoring").write_text("older")
    assert [state for _, state in install.install(tmp_path)] == ["changed", "unchanged"]


def test_without_the_rights_it_says_so_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "etc").write_text("in the way")
    with pytest.raises(Refused, match=r"etc/.*run this as root, or give --prefix"):
        install.install(tmp_path)


@pytest.mark.skipif(not shutil.which("logrotate"), reason="logrotate is not installed")
def test_logrotate_moves_the_log_and_memmon_goes_on_in_a_new_one(tmp_path: Path) -> None:
    log = tmp_path / "log" / "monitoring.log"
    config, state = tmp_path / "logrotate.conf", tmp_path / "state"
    text = (install.DEPLOY / "logrotate/memmimic-monitoring").read_text()
    config.write_text(text.replace("/var/log/memmimic", str(log.parent)).replace("/var/lib/memmimic", str(tmp_path)))
    config.chmod(0o644)
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(log)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdin is not None
    assert writer.stdout is not None
    assert say(writer, "before") == "written"
    log.parent.chmod(0o755)  # logrotate keeps off a folder that others may write to.
    done = subprocess.run(
        [shutil.which("logrotate") or "", "-f", "-s", str(state), str(config)], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    moved = list(log.parent.glob("monitoring.log-*"))
    assert len(moved) == 1
    assert not log.exists()
    assert say(writer, "after") == "written"
    writer.stdin.close()
    writer.wait(10)
    assert "before" in moved[0].read_text()
    assert log.read_text().endswith("after\n")
    assert time.time() - log.stat().st_mtime < 60


WRITER = """
import logging, sys
from pathlib import Path
from memmon import logs
logs.setup(Path(sys.argv[1]))
for line in sys.stdin:
    logging.getLogger("t").warning(line.strip())
    print("written", flush=True)
"""


def say(writer: subprocess.Popen[str], text: str) -> str:
    assert writer.stdin is not None
    assert writer.stdout is not None
    writer.stdin.write(f"{text}\n")
    writer.stdin.flush()
    return writer.stdout.readline().strip()
