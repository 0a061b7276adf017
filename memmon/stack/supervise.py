"""`python -m memmon.stack.supervise MARK CONFIGURATION`: supervisord, tied to the life of `memmon
up` and named like it.

Celery's programs are forked from it with all that they import loaded already, and share that
memory: one copy of the libraries instead of one for each process, and a worker that died is back at
once.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from setproctitle import setproctitle
from supervisor.medusa.asyncore_25 import ExitNow
from supervisor.options import ServerOptions
from supervisor.states import SupervisorStates
from supervisor.supervisord import Supervisor

from memmon.stack import child, parent_death
from memmon.stack.program import TITLE

PRELOADED = ("celery.bin.celery", "celery.apps.worker", "celery.apps.beat", "redbeat.schedulers", "workers.app")
FORKED = ("io", "checks", "respond", "beat")


QUICK, CALM = 0.1, 0.3
"""Seconds between two looks at the programs: while they start or end, and else."""
STARTING = 30.0


class Options(ServerOptions):  # type: ignore[misc]
    """Keeps the descriptor of the stack's lock open, and leaves SIGHUP to `memmon up`."""

    def cleanup_fds(self) -> None:
        return

    def setsignals(self) -> None:
        super().setsignals()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def execve(self, filename: str, argv: Sequence[str], env: Mapping[str, str]) -> None:
        """Called in the forked child: go on in it where the program is one of Celery's."""
        if argv[-1] not in FORKED:
            super().execve(filename, argv, env)
        for signal_number in (
            signal.SIGTERM,
            signal.SIGINT,
            signal.SIGQUIT,
            signal.SIGHUP,
            signal.SIGCHLD,
            signal.SIGUSR2,
        ):
            signal.signal(signal_number, signal.SIG_DFL)
        os.environ.clear()
        os.environ.update(env)
        child.run(argv[-1])


class Watcher(Supervisor):  # type: ignore[misc]
    """Handles all signals of a round at once: when it is stopped together with its children, it
    restarts none of them first.
    """

    def __init__(self, options: Options):
        super().__init__(options)
        self._began = time.monotonic()
        self._poll = options.poller.poll
        options.poller.poll = self._wait

    def _wait(self, timeout: float) -> Any:
        """Wait for a program's output or a caller; a round is where Supervisor sees what became of
        its programs.
        """
        busy = self.options.mood < SupervisorStates.RUNNING or time.monotonic() < self._began + STARTING
        return self._poll(QUICK if busy else CALM)

    def ordered_stop_groups_phase_1(self) -> None:
        """Let all programs of the highest priority that is left end together; Supervisor would end
        one after the other.
        """
        for group in self.stop_groups or ():
            if group.config.priority == self.stop_groups[-1].config.priority:
                group.stop_all()

    def handle_signal(self) -> None:
        for _ in signal.Signals:
            super().handle_signal()


def _preload() -> None:
    """Import the forked programs' modules and freeze the garbage collector, so that unmodified
    memory stays shared.
    """
    for name in PRELOADED:
        importlib.import_module(name)
    importlib.import_module("workers.app").app.loader.import_default_modules()
    gc.collect()
    gc.freeze()


def main() -> None:
    """Run until stopped."""
    parent_death.tie(signal.SIGTERM, parent=int(os.environ["MEMMON_UP_PID"]))
    setproctitle(f"{TITLE}: supervisor")
    os.environ["MEMMON_SUPERVISOR_PID"] = str(os.getpid())
    _preload()
    options = Options()
    options.realize(["-c", sys.argv[2], "-n"])
    options.first, options.test = True, False
    try:
        Watcher(options).main()
    except ExitNow:
        pass
    finally:
        options.close_httpservers()
        options.close_logger()


if __name__ == "__main__":
    main()
