"""What happens around tasks and processes: titles, the log, heartbeats, counts."""

from __future__ import annotations

import os
import time
from typing import Any

from celery import Celery, bootsteps, signals
from redis import RedisError
from setproctitle import setproctitle

from memmon import encode, logs
from memmon.state import counters, keys
from workers import process

HEARTBEAT_SECONDS = 5.0

_started: dict[str, float] = {}


class Heartbeat(bootsteps.StartStopStep):  # type: ignore[misc]
    """Says every few seconds that this worker lives and what it consumes; works on every pool."""

    requires = ("celery.worker.components:Timer",)

    def start(self, worker: Any) -> None:
        self._entry = worker.timer.call_repeatedly(HEARTBEAT_SECONDS, _beat, (worker,), priority=10)

    def stop(self, worker: Any) -> None:
        try:
            process.context().redis.hdel(keys.workers(), worker.hostname)
        except RedisError:
            return  # The entry grows old by itself.


def _beat(worker: Any) -> None:
    queues = sorted(worker.app.amqp.queues.consume_from)
    about = {"at": time.time(), "queues": queues, "pid": os.getpid(), "pool": worker.pool_cls.__module__}
    try:
        process.context().redis.hset(keys.workers(), worker.hostname, encode.dumps(about))
    except RedisError:
        return  # The worker itself waits for the broker; the next beat says that it lives.


def connect(app: Celery) -> None:
    """Join the signals and steps to `app`."""
    app.steps["worker"].add(Heartbeat)
    signals.setup_logging.connect(_setup_logging, weak=False)
    signals.celeryd_after_setup.connect(_name_worker, weak=False)
    signals.worker_process_init.connect(_name_child, weak=False)
    signals.beat_init.connect(_name_beat, weak=False)
    signals.before_task_publish.connect(_stamp, weak=False)
    signals.task_prerun.connect(_before, weak=False)
    signals.task_postrun.connect(_after, weak=False)


def _setup_logging(**_: Any) -> None:
    settings = process.context().settings
    logs.setup(settings.log_path, settings.log_level)


def _name_worker(sender: str, **_: Any) -> None:
    setproctitle(f"memmimic-monitoring: worker {sender}")


def _name_child(**_: Any) -> None:
    setproctitle("memmimic-monitoring: worker child")


def _name_beat(**_: Any) -> None:
    setproctitle("memmimic-monitoring: beat")


def _stamp(headers: dict[str, Any] | None = None, **_: Any) -> None:
    """Let a waiting message tell its age."""
    if headers is not None:
        headers["sent_at"] = time.time()


def _before(task_id: str, **_: Any) -> None:
    _started[task_id] = time.monotonic()


def _after(task_id: str, task: Any, state: str | None = None, **_: Any) -> None:
    seconds = time.monotonic() - _started.pop(task_id, time.monotonic())
    redis = process.context().redis
    labels = {"task": task.name.removeprefix("workers."), "state": (state or "unknown").lower()}
    counters.add(redis, "memmon_tasks_total", labels)
    counters.observe(redis, "memmon_task_duration_seconds", {"queue": labels["task"].split(".")[0]}, seconds)
