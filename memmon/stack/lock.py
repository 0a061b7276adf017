"""Locks of a running stack: a flock, released when its holders end, with the holder written in the
file.

Two are taken: the runbook's, which anybody may remove from /tmp, and one in the data directory,
which is what really keeps two stacks off one database and one broker. The supervisor holds the
second one too, so that it lasts as long as any process.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from pathlib import Path
from typing import NamedTuple

from memmon.errors import BadConfig, Conflict

GRACE = 0.5
"""Seconds after which a lock that was only inspected is free again."""
PATIENCE = 40.0
"""Seconds that a stack may take to end."""
_EVERY = 0.1


class Holder(NamedTuple):
    """The holder of a lock; `pid` may be unknown (None)."""

    pid: int | None
    ending: bool


def take(path: Path, name: str, patience: float = PATIENCE) -> int:
    """Return the descriptor that holds the lock at `path`; it is passed on by exec. A holder that
    is about to end is waited for.

    Raises Conflict when another stack holds it, BadConfig naming the setting `name` when the file
    cannot be used.
    """
    began = time.monotonic()
    while True:
        fd = _open(path, name)
        if _flock(fd) and _is_at(path, fd):
            os.set_inheritable(fd, True)
            _write(fd, f"{os.getpid()}\nrunning\n")
            return fd
        held_by, waited = _read(fd), time.monotonic() - began
        os.close(fd)
        if (waited > GRACE and not _is_about_to_end(held_by)) or waited > patience:
            raise Conflict(
                f"memmon runs already{_as_pid(held_by)} and holds {path}; stop it with `memmon down`, "
                f"or start another one with its own MEMMON_HOME, MEMMON_LOCK_FILE and MEMMIMIC_DASHBOARD_PORT"
            )
        time.sleep(_EVERY)


def ending(fd: int) -> None:
    """Tell who waits that this stack is about to end."""
    _write(fd, f"{os.getpid()}\nending\n")


def remove(path: Path, fd: int) -> None:
    """Remove the file, if it is still the one of `fd`; the lock itself ends with the descriptor."""
    if _is_at(path, fd):
        try:
            path.unlink()
        except OSError:
            return  # The file or folder of another user: an unlocked one does no harm.


def holder(path: Path) -> Holder | None:
    """Return who holds the lock at `path`, None when nobody does."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        return None if _flock(fd, fcntl.LOCK_SH) else _read(fd)
    finally:
        os.close(fd)


def _open(path: Path, name: str) -> int:
    """Open the file, which may lie in a folder that everybody writes to: no link is followed, no
    other kind of file used.
    """
    flags = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o644)
        except PermissionError:
            # Another user's stale file: it can be locked all the same.
            fd = os.open(path, os.O_RDONLY | flags)
    except OSError as error:
        reason = "is a symbolic link" if error.errno == errno.ELOOP else f"cannot be opened: {error.strerror}"
        raise BadConfig(f"{name}: {path} {reason}") from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise BadConfig(f"{name}: {path} is no regular file")
    return fd


def _flock(fd: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(path: Path, fd: int) -> bool:
    """Tell whether the file of `fd` still has its name: it may have been removed between opening
    and locking.
    """
    try:
        there = path.lstat()
    except OSError:
        return False
    mine = os.fstat(fd)
    return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)


def _write(fd: int, text: str) -> None:
    about = os.fstat(fd)
    if about.st_uid != os.geteuid() or about.st_nlink > 1:
        return  # Not ours, or another name of something else: never written to.
    os.ftruncate(fd, 0)
    os.pwrite(fd, text.encode(), 0)


def _read(fd: int) -> Holder:
    words = os.pread(fd, 64, 0).decode(errors="replace").split()
    pid = int(words[0]) if words and words[0].isdigit() else None
    return Holder(pid, "ending" in words)


def _is_about_to_end(held_by: Holder) -> bool:
    return held_by.ending or (held_by.pid is not None and not is_alive(held_by.pid))


def _as_pid(held_by: Holder) -> str:
    return f" (process {held_by.pid})" if held_by.pid else ""


def is_alive(pid: int) -> bool:
    """Tell whether the process `pid` runs; one that has ended and whose parent has not looked does
    not.
    """
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    except PermissionError:
        return True
    return state not in ("Z", "X")
