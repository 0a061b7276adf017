"""A real supervisord with small real programs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memmon import supervisor
from memmon.errors import Transient
from tests.support import eventually

CONFIG = """
[supervisord]
nodaemon=true
logfile=/dev/null
logfile_maxbytes=0
pidfile={folder}/supervisord.pid

[unix_http_server]
file={socket}
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[program:demo]
command=sleep 300
startsecs=0
autorestart=false

[program:broken]
command=false
autostart=false
startretries=0
"""


@contextmanager
def supervised(folder: Path, socket: Path) -> Iterator[Path]:
    """Start a supervisor at `socket` with the program `demo`, which runs, and `broken`, which
    cannot.
    """
    config = folder / "supervisord.conf"
    config.write_text(CONFIG.format(folder=folder, socket=socket))
    process = subprocess.Popen(
        [sys.executable, "-m", "supervisor.supervisord", "-c", str(config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: _runs(socket))
        yield socket
    finally:
        process.terminate()
        process.wait(20)


def _runs(socket: Path) -> bool:
    try:
        return any(process.name == "demo" and process.state == "RUNNING" for process in supervisor.processes(socket))
    except Transient:
        return False
