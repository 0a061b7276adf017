"""A real fleet for the fault tests: a Valkey with its append-only file, and Celery processes that a
test may kill.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import redis as redis_py
from celery import Celery

from memmon.collect import service as collect
from memmon.context import Context
from memmon.settings import load
from memmon.state import counters, keys
from memmon.upkeep import deadletter
from tests.conftest import valkey_binary
from tests.support import eventually

ROOT = Path(__file__).parents[2]


class Fleet:
    """Processes of one test; every one of them is ended by `close`."""

    def __init__(self, folder: Path, database_url: str, config: dict[str, str] | None = None, **environ: str):
        self.folder = folder
        self.socket = folder / "v.sock"
        self.environ = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "PYTHONPATH": str(ROOT),
            "MEMMON_HOME": str(folder / "home"),
            "MEMMON_REDIS_URL": f"unix://{self.socket}?db=0",
            "MEMMON_DATABASE_URL": database_url,
            "MEMMON_INSTANCE": "fleet",
            "MEMMIMIC_METRICS_COLLECTION_INTERVAL": "1",
            "MEMMIMIC_HEALTH_CHECK_INTERVAL": "1",
            "MEMMIMIC_ALERT_EVALUATION_INTERVAL": "1",
            **environ,
        }
        (folder / "home" / "run").mkdir(parents=True)
        (folder / "home" / "config").mkdir()
        for name, text in (config or {}).items():
            (folder / "home" / "config" / f"{name}.yml").write_text(text)
        self.processes: list[subprocess.Popen[bytes]] = []
        self.valkey: subprocess.Popen[bytes] | None = None
        self.context = Context(load(self.environ))
        self.sender = Celery(
            broker=self.context.settings.broker_address,
            set_as_current=False,
            broker_transport_options={"global_keyprefix": "memmon:celery:"},
        )

    def start_valkey(self) -> None:
        """Start the broker, or start it again with what its append-only file kept."""
        words = ["--port", "0", "--unixsocket", str(self.socket), "--appendonly", "yes", "--dir", str(self.folder)]
        self.valkey = subprocess.Popen([valkey_binary(), *words], stdout=subprocess.DEVNULL)
        self.processes.append(self.valkey)
        eventually(self._answers)

    def kill_valkey(self) -> None:
        """End the broker as a power cut would."""
        assert self.valkey is not None
        self.kill(self.valkey)

    def _answers(self) -> bool:
        try:
            return bool(redis_py.Redis.from_url(self.environ["MEMMON_REDIS_URL"]).ping())
        except redis_py.RedisError:
            return False

    def worker(self, name: str, queues: str, *options: str) -> subprocess.Popen[bytes]:
        """Start a worker and wait for its first heartbeat."""
        self.context.redis.hdel(keys.workers(), f"{name}@fleet")
        process = self.celery(
            "worker", "-n", f"{name}@fleet", "-Q", queues, "--without-gossip", "--without-mingle", *options
        )
        eventually(lambda: self.heard(name), within=30)
        return process

    def heard(self, name: str) -> float | None:
        """Return the time of the worker's last heartbeat."""
        text = self.context.redis.hget(keys.workers(), f"{name}@fleet")
        return float(self.json(text)["at"]) if text else None

    def beat(self, name: str) -> subprocess.Popen[bytes]:
        """Start a beat."""
        return self.celery("beat", "--pidfile", str(self.folder / f"{name}.pid"))

    def celery(self, *words: str) -> subprocess.Popen[bytes]:
        """Start `celery -A memmon` with `words`, in a folder that is not the repository's."""
        log = (self.folder / "celery.log").open("ab")
        command = [sys.executable, "-m", "celery", "-A", "memmon", *words]
        process = subprocess.Popen(command, env=self.environ, cwd=self.folder, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def send(self, task: str, *args: Any) -> str:
        """Queue the task `workers.<task>`; return its id."""
        queue = task.split(".")[0]
        return str(self.sender.send_task(f"workers.{task}", args=list(args), queue=queue).id)

    def waiting(self, queue: str) -> list[dict[str, Any]]:
        """Return the headers of the messages in a queue, the oldest first."""
        lrange = self.context.redis.lrange(keys.queue(queue), 0, -1)
        return [self.json(text)["headers"] for text in reversed(lrange)]  # type: ignore[arg-type]

    def done(self, task: str) -> int:
        """Return how often a task ended well."""
        name = "memmon_tasks_total"
        expected = {"__name__": name, "task": task, "state": "success"}
        return sum(int(s.value) for s in counters.read(self.context.redis) if dict(s.labels) == expected)

    def target(self, name: str) -> dict[str, Any]:
        """Return how a target's last collection was."""
        return next(target for target in collect.targets(self.context) if target["name"] == name)

    def dead_letters(self) -> list[dict[str, Any]]:
        """Return the dead letters."""
        return deadletter.recent(self.context)

    def log(self) -> str:
        """Return what the processes said."""
        files = (self.folder / "celery.log", self.folder / "home" / "monitoring.log")
        return "\n".join(path.read_text() for path in files if path.exists())

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End a process and its children as a power cut would."""
        children = psutil.Process(process.pid).children(recursive=True)
        for child in children:
            child.send_signal(signal.SIGKILL)
        process.kill()
        process.wait(10)
        eventually(lambda: all(not child.is_running() or child.status() == psutil.STATUS_ZOMBIE for child in children))

    def close(self) -> None:
        """End what still runs, the broker last."""
        for process in reversed(self.processes):
            if process.poll() is None:
                self.kill(process)
        self.sender.close()
        self.context.close()

    @staticmethod
    def json(text: Any) -> Any:
        return json.loads(text)
