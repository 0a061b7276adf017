"""A place to measure in: a folder, a Valkey and a context of its own, and child processes that end
with the block.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memmon.context import Context
from memmon.db import migrate
from memmon.settings import load
from tests.conftest import valkey_binary
from tests.support import eventually

ROOT = Path(__file__).parents[1]


class Clock:
    """The time of a measurement, which it moves itself: a period takes as long as its work."""

    def __init__(self, now: float):
        self.now = now

    def __call__(self) -> float:
        return self.now


@contextmanager
def child(*command: str, cwd: Path = ROOT) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process during the block, with access to its standard input and its first line."""
    process = subprocess.Popen(
        command, cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def pages(series: int) -> Iterator[str]:
    """Serve pages of `series` from a separate process under any path; yield the address."""
    with child(sys.executable, "-m", "bench.pages", str(series)) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield f"http://127.0.0.1:{port}"


@contextmanager
def place(clock: Clock, targets: str = "targets: []") -> Iterator[Context]:
    """Yield a context with an empty Valkey and an empty SQLite."""
    with tempfile.TemporaryDirectory(prefix="mmb") as name:
        folder = Path(name)
        (folder / "config").mkdir()
        (folder / "run").mkdir()
        (folder / "config" / "targets.yml").write_text(targets)
        sock = folder / "v.sock"
        with child(valkey_binary(), "--port", "0", "--unixsocket", str(sock), "--save", "", "--dir", name) as server:
            eventually(sock.exists)
            environ = {
                "MEMMON_HOME": name,
                "MEMMON_REDIS_URL": f"unix://{sock}?db=0",
                "MEMMON_DATABASE_URL": f"sqlite:///{folder}/m.db",
                "MEMMON_INSTANCE": str(server.pid),
            }
            ctx = Context(load(environ), now=clock)
            try:
                migrate.upgrade(ctx.engine)
                yield ctx
            finally:
                ctx.close()
