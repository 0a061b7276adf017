"""`python -m memmon.stack.child MARK NAME`: becomes the program NAME of run/programs.json, tied to
the supervisor's life.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import runpy
import socket
import sys
import time
import traceback
from pathlib import Path
from typing import Any, NoReturn

from setproctitle import setproctitle

from memmon.stack import parent_death

KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONPATH", "SUPERVISOR_PROCESS_NAME", "MALLOC_ARENA_MAX")
"""What a program with a list of variables sees beside it."""
_EVERY = 0.1


def run(name: str) -> NoReturn:
    """Be the program called `name` from a fork on, and end with it: the stack of calls below is the
    parent's.
    """
    status: Any = 1
    try:
        become(name)
        status = 0
    except SystemExit as ended:
        status = ended.code
    except BaseException:  # noqa: BLE001 - no exception may return into the parent's code.
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status if isinstance(status, int) else int(status is not None))


def become(name: str) -> None:
    """Become the program called `name`."""
    run_dir = Path(os.environ["MEMMON_HOME"]) / "run"
    program = json.loads((run_dir / "programs.json").read_text(encoding="utf-8"))[name]
    parent_death.tie(program["death"], parent=int(os.environ["MEMMON_SUPERVISOR_PID"]))
    setproctitle(program["title"])
    if program["alone"]:
        _hold(program["alone"])
    for address in program["needs"]:
        _await(address)
    if program["environ"] is not None:
        _restrict({*KEPT, *program["environ"]})
    _start(program)


def _hold(path: str) -> None:
    """Lock `path` until this process and its successor by exec end; wait for a previous holder."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    fcntl.flock(fd, fcntl.LOCK_EX)
    os.set_inheritable(fd, True)


def _await(address: str) -> None:
    """Wait until something listens at `address`; for ever, since the supervisor ends this process
    when it is to end.
    """
    while not _answers(address):
        time.sleep(_EVERY)


def _answers(address: str) -> bool:
    kind, _, where = address.partition(":")
    try:
        if kind == "unix":
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(2)
                probe.connect(where)
            return True
        host, _, port = where.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=2):
            return True
    except OSError:
        return False


def _restrict(names: set[str]) -> None:
    for name in [name for name in os.environ if name not in names]:
        del os.environ[name]


def _start(program: dict[str, Any]) -> None:
    words = program["words"]
    if program["is_binary"]:
        os.execv(words[0], words)
    # In the same interpreter: the title stands from now on, and no second one need be started.
    sys.argv = list(words)
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    become(sys.argv[2])
