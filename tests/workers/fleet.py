"""A real fleet for the fault tests: a Valkey with its append-only file, and Celery processes that a test may kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import redis as redis_py

from memmon.context import Context
from memmon.settings import load
from tests.conftest import valkey_binary
from tests.support import eventually


class Fleet:
    """Processes of one test; every one of them is ended by `close`."""

    def __init__(self, folder: Path, database_url: str, **environ: str):
        self.folder = folder
        self.socket = folder / "v.sock"
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "MEMMON_HOME": str(folder / "home"),
            "MEMMON_REDIS_URL": f"unix://{self.socket}?db=0",
            "MEMMON_DATABASE_URL": database_url,
            "MEMMON_INSTANCE": "fleet",
            "MEMMIMIC_METRICS_COLLECTION_INTERVAL": "1",
            "MEMMIMIC_HEALTH_CHECK_INTERVAL": "1",
            "MEMMIMIC_ALERT_EVALUATION_INTERVAL": "1",
            **environ,
        }
        (folder / "home" / "run").mkdir(parents=True, exist_ok=True)
        self.processes: list[subprocess.Popen[bytes]] = []
        self.valkey: subprocess.Popen[bytes] | None = None
        self.context = Context(load(self.environ))

    def start_valkey(self) -> None:
        """Start the broker, or start it again with what its append-only file kept."""
        self.valkey = subprocess.Popen(
            [
                valkey_binary(),
                "--port",
                "0",
                "--unixsocket",
                str(self.socket),
                "--appendonly",
                "yes",
                "--dir",
                str(self.folder),
            ],
            stdout=subprocess.DEVNULL,
        )
        self.processes.append(self.valkey)
        eventually(self._answers)

    def _answers(self) -> bool:
        try:
            return bool(redis_py.Redis.from_url(self.environ["MEMMON_REDIS_URL"]).ping())
        except redis_py.RedisError:
            return False

    def worker(self, name: str, queues: str, *options: str) -> subprocess.Popen[bytes]:
        """Start a worker and wait for its first heartbeat."""
        process = self.celery(
            "worker", "-n", f"{name}@fleet", "-Q", queues, "--without-gossip", "--without-mingle", *options
        )
        eventually(lambda: self.context.redis.hexists("memmon:workers", f"{name}@fleet"), within=30)
        return process

    def beat(self, name: str) -> subprocess.Popen[bytes]:
        """Start a beat."""
        return self.celery("beat", "--pidfile", str(self.folder / f"{name}.pid"))

    def celery(self, *words: str) -> subprocess.Popen[bytes]:
        log = (self.folder / "celery.log").open("ab")
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "memmon", *words],
            env=self.environ,
            cwd=self.folder,
            stdout=log,
            stderr=log,
        )
        self.processes.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End a process and its children as a power cut would."""
        for child in psutil.Process(process.pid).children(recursive=True):
            child.send_signal(signal.SIGKILL)
        process.kill()
        process.wait(10)

    def close(self) -> None:
        """End what still runs, the broker last."""
        for process in reversed(self.processes):
            if process.poll() is None:
                self.kill(process)
        self.context.close()
