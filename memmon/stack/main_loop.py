"""The long life of `memmon up`, after everything answers: waits for signals, ends the stack, clears
up.

`up` becomes this module by exec, with the same pid, children and locks. This frees the memory of
the preparation, and a few megabytes stay. It therefore imports next to nothing.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from setproctitle import setproctitle

from memmon import logs
from memmon.stack import lock
from memmon.stack.program import TITLE

log = logging.getLogger("memmon.stack")

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
PATIENCE = 27.0
"""Seconds for the supervisor to end everything in order; after that it is killed, and with it the
rest.
"""
_EVERY = 0.05


class SupervisedStack(NamedTuple):
    """Supervision state: the supervisor's pid, and descriptors and paths of the two locks;
    `terminal` is 1 if `memmon up` has a terminal.
    """

    supervisor: int
    lock_file: str
    lock_fd: int
    home_lock: str
    home_fd: int
    log_path: str
    terminal: int


def become(watched: SupervisedStack) -> None:
    """Replace this process by its long life; the signals stay blocked until it can take them."""
    words = [str(value) for value in watched]
    os.execv(sys.executable, [sys.executable, "-P", "-m", "memmon.stack.main_loop", TITLE, *words])


def watch(watched: SupervisedStack) -> int:
    """Wait for a signal to end, or for the supervisor's own end; return the exit status."""
    while True:
        signal_number = signal.sigwait(SIGNALS)
        if signal_number == signal.SIGCHLD:
            if _reap(watched.supervisor):
                log.error("the supervisor ended by itself; its processes end with it")
                sys.stderr.write("memmon: the supervisor ended by itself; see the log\n")
                clear(watched)
                return 1
        elif signal_number == signal.SIGHUP and not (watched.terminal and _terminal_is_gone()):
            _reload()
        else:
            log.info("ending on %s", signal.Signals(signal_number).name)
            end(watched)
            clear(watched)
            return 0


def end(watched: SupervisedStack) -> None:
    """End the supervisor and all of its processes; a second Ctrl-C ends them without order."""
    lock.ending(watched.lock_fd)
    lock.ending(watched.home_fd)
    deadline = time.monotonic() + PATIENCE
    _send(watched.supervisor, signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    while not _reap(watched.supervisor):
        again = signal.sigtimedwait((signal.SIGINT, signal.SIGCHLD), _EVERY)
        if time.monotonic() > deadline or (again and again.si_signo == signal.SIGINT):
            _send(watched.supervisor, signal.SIGKILL)


def clear(watched: SupervisedStack) -> None:
    """Remove what says that a stack runs. The locks are free when this process ends."""
    home_lock = Path(watched.home_lock)
    for name in ("stack.json", "demo.json"):
        home_lock.with_name(name).unlink(missing_ok=True)
    lock.remove(Path(watched.lock_file), watched.lock_fd)
    log.info("memmon has ended")


def _reload() -> None:
    """Check and apply the configuration, in a process of its own that brings what this one does not
    hold.
    """
    done = subprocess.run(
        [sys.executable, "-P", "-m", "memmon.cli", "config", "reload"], capture_output=True, text=True
    )
    level = logging.ERROR if done.returncode else logging.INFO
    log.log(level, "configuration: %s", (done.stdout + done.stderr).strip())


def _terminal_is_gone() -> bool:
    """Tell a SIGHUP that says so from one that asks for a reload."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return True
    return False


def _reap(pid: int) -> bool:
    """Tell whether the child `pid` has ended."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def _send(pid: int, signal_number: int) -> None:
    try:
        os.kill(pid, signal_number)
    except ProcessLookupError:
        return


def main() -> int:
    """Go on as the process that `become` was called in."""
    setproctitle(f"{TITLE}: up")
    supervisor, lock_file, lock_fd, home_lock, home_fd, log_path, terminal = sys.argv[2:]
    watched = SupervisedStack(
        int(supervisor), lock_file, int(lock_fd), home_lock, int(home_fd), log_path, int(terminal)
    )
    logs.setup(Path(log_path))
    return watch(watched)


if __name__ == "__main__":
    sys.exit(main())
