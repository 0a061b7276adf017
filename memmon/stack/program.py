"""The programs of a stack, and the supervisor's configuration that runs them. Pure."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

TITLE = "memmimic-monitoring"


class Program(NamedTuple):
    """One program.

    `words` is a Python module and its arguments, or with `is_binary` an executable's path and its
    arguments. The lower the `priority`, the earlier it starts and the later it stops. `death` is
    the signal that it gets when the supervisor dies. `needs` are addresses (tcp:host:port,
    unix:path) that must answer first; `alone` is a lock file that one process at a time holds.
    `environ` names all variables that it may see; None means all.
    """

    name: str
    title: str
    words: tuple[str, ...]
    priority: int
    is_binary: bool = False
    death: int = signal.SIGKILL
    stop_seconds: int = 10
    restarts: bool = True
    needs: tuple[str, ...] = ()
    alone: str | None = None
    environ: tuple[str, ...] | None = None


def valkey(binary: Path, run_dir: Path) -> Program:
    """The broker: first up, last down; it ends in order even when the supervisor was killed."""
    return Program(
        "valkey",
        f"{TITLE}: valkey",
        (str(binary), str(run_dir / "valkey.conf")),
        priority=10,
        is_binary=True,
        death=signal.SIGTERM,
        alone=str(run_dir / "valkey.lock"),
    )


def workers(broker: str) -> list[Program]:
    """Three workers for the seven queues, and beat, which ends itself whenever the broker
    restarts.
    """
    threads, forks = ("-P", "threads", "-c", "8"), ("-P", "prefork", "-c", "2")
    return [
        _worker("io", "collect,notify", threads, broker),
        _worker("checks", "health,upkeep", forks, broker),
        _worker("respond", "alerts,security,incidents", forks, broker),
        Program("beat", f"{TITLE}: beat", ("celery", "-A", "memmon", "beat", "--pidfile="), 20, needs=(broker,)),
    ]


def _worker(name: str, queues: str, pool: tuple[str, ...], broker: str) -> Program:
    words = ("celery", "-A", "memmon", "worker", "-n", f"{name}@%h", "-Q", queues, *pool)
    quiet = ("--without-gossip", "--without-mingle")
    return Program(name, f"{TITLE}: worker {name}", (*words, *quiet), 20, needs=(broker,))


def dashboard(bind: str, broker: str) -> Program:
    """The web server: one process that holds all WebSockets."""
    words = (
        "gunicorn",
        "-c",
        "python:memmon.stack.webserver",
        "-k",
        "gevent",
        "-w",
        "1",
        "-b",
        bind,
        "web:create_app()",
    )
    return Program("dashboard", f"{TITLE}: dashboard", words, 20, needs=(broker,))


DEMO_SEES = (
    *("MEMMON_HOME", "MEMMON_DEMO_URL", "MEMMON_DEMO_DATABASE", "MEMMON_REPORT_URL"),
    *("MEMMON_CLIENT_TOKEN_FILE", "MEMMON_INGEST_KEY_FILE"),
)


def demo() -> Program:
    """The memory service to look at. It is not memmon, so the supervisor does not restart it:
    incident response does.
    """
    return Program(
        "demo",
        "demo-memory-service",
        ("memmon.demo",),
        priority=30,
        death=signal.SIGTERM,
        restarts=False,
        environ=DEMO_SEES,
    )


def as_json(programs: Iterable[Program]) -> str:
    """Return what `memmon.stack.child` reads: programs by name."""
    return json.dumps({program.name: program._asdict() for program in programs}, indent=1) + "\n"


def configuration(programs: Iterable[Program]) -> str:
    """Return the supervisor's configuration. Paths are relative to its folder (`%(here)s`), since
    it takes ` #` for a comment.
    """
    return _HEAD + "".join(_section(program) for program in programs)


_HEAD = """\
[supervisord]
nodaemon = true
silent = true
identifier = memmimic-monitoring
logfile = %(here)s/supervisord.log
logfile_maxbytes = 1MB
logfile_backups = 1
pidfile = %(here)s/supervisord.pid
childlogdir = %(here)s
nocleanup = true
minfds = 1024
minprocs = 1

[unix_http_server]
file = %(here)s/supervisor.sock
chmod = 0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""


def _section(program: Program) -> str:
    # The first word of the title is in the command line from the start.
    mark = program.title.split(":")[0]
    return f"""
[program:{program.name}]
command = "%(ENV_MEMMON_PYTHON)s" -P -m memmon.stack.child {mark} {program.name}
directory = %(here)s
priority = {program.priority}
autostart = true
autorestart = {"true" if program.restarts else "false"}
startsecs = 1
startretries = 86400
stopsignal = TERM
stopwaitsecs = {program.stop_seconds}
killasgroup = true
redirect_stderr = true
stdout_logfile = %(here)s/{program.name}.out
stdout_logfile_maxbytes = 1MB
stdout_logfile_backups = 1
"""
