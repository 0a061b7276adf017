import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from memmon.errors import BadConfig, Conflict
from memmon.stack import lock

HOLD = """
import pathlib, sys, time
from memmon.stack import lock
fd = lock.take(pathlib.Path(sys.argv[1]), "MEMMON_LOCK_FILE")
if sys.argv[2] == "ending":
    lock.ending(fd)
print("held", flush=True)
time.sleep(float(sys.argv[3]))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "memmimic-monitoring.lock"


@pytest.fixture
def lock_holder(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = holding(path, "running", 60)
    yield process
    process.kill()
    process.wait()


def holding(path: Path, state: str, seconds: float) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path), state, str(seconds)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def test_a_second_start_is_refused_and_told_who_holds_it(path: Path, lock_holder: subprocess.Popen[bytes]) -> None:
    with pytest.raises(Conflict, match=f"runs already .process {lock_holder.pid}.*memmon down.*MEMMON_LOCK_FILE"):
        lock.take(path, "MEMMON_LOCK_FILE")


def test_a_lock_whose_holder_was_killed_does_no_harm(path: Path, lock_holder: subprocess.Popen[bytes]) -> None:
    lock_holder.send_signal(signal.SIGKILL)
    lock_holder.wait()
    assert path.exists()
    assert lock.holder(path) is None
    os.close(lock.take(path, "MEMMON_LOCK_FILE"))


def test_a_removed_lock_can_be_taken_anew_and_is_not_removed_by_the_first(
    path: Path, lock_holder: subprocess.Popen[bytes]
) -> None:
    first = os.open(path, os.O_RDWR)
    path.unlink()
    second = lock.take(path, "MEMMON_LOCK_FILE")
    lock.remove(path, first)
    assert path.exists()
    lock.remove(path, second)
    assert not path.exists()


def test_one_that_is_about_to_end_is_waited_for(path: Path) -> None:
    process = holding(path, "ending", 1.0)
    fd = lock.take(path, "MEMMON_LOCK_FILE")
    assert process.wait(1) == 0
    assert lock.holder(path) == lock.Holder(os.getpid(), False)
    os.close(fd)


def test_one_that_does_not_end_in_time_is_refused(path: Path) -> None:
    process = holding(path, "ending", 60)
    with pytest.raises(Conflict):
        lock.take(path, "MEMMON_LOCK_FILE", patience=0.2)
    process.kill()
    process.wait()


def test_a_look_at_it_does_not_take_it(path: Path) -> None:
    assert lock.holder(path) is None
    fd = lock.take(path, "MEMMON_LOCK_FILE")
    assert lock.holder(path) == lock.Holder(os.getpid(), False)
    lock.ending(fd)
    assert lock.holder(path) == lock.Holder(os.getpid(), True)
    os.close(fd)


def test_a_link_is_not_followed_and_its_target_not_changed(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("precious")
    path.symlink_to(target)
    with pytest.raises(BadConfig, match=r"MEMMON_LOCK_FILE: .* is a symbolic link"):
        lock.take(path, "MEMMON_LOCK_FILE")
    assert target.read_text() == "precious"


def test_a_file_with_a_second_name_is_locked_but_never_written(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("precious")
    os.link(target, path)
    os.close(lock.take(path, "MEMMON_LOCK_FILE"))
    assert target.read_text() == "precious"


def test_what_is_no_file_is_refused(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(BadConfig, match="is no regular file"):
        lock.take(path, "MEMMON_LOCK_FILE")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"MEMMON_LOCK_FILE: .*gone/lock cannot be opened: No such file"):
        lock.take(tmp_path / "gone" / "lock", "MEMMON_LOCK_FILE")
