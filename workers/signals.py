"""What happens around tasks and processes: titles, the log, heartbeats, counts."""

from __future__ import annotations

import logging
import os
import time
from typing import Any

from celery import Celery, bootsteps, signals
from kombu.exceptions import OperationalError
from setproctitle import setproctitle

from memmon import encode, logs
from memmon.stack import parent_death
from memmon.stack.program import TITLE
from memmon.state import client, counters, keys
from workers import process

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 5.0

FIRST_TICK_DELAYS = {"collect": 0.0, "health": 5.0}
"""Seconds after its worker's start: the checks need collected samples."""

TASK_LOGGERS = ("celery.beat", "celery.app.trace", "celery.worker.strategy")
"""Loggers that write a line for each task, of which there are several a second."""

_started: dict[str, float] = {}


class Heartbeat(bootsteps.StartStopStep):  # type: ignore[misc]
    """Sends a heartbeat every few seconds with the worker's queues; works on every pool."""

    requires = ("celery.worker.components:Timer",)

    def start(self, worker: Any) -> None:
        self._entry = worker.timer.call_repeatedly(HEARTBEAT_SECONDS, _beat, (worker,), priority=10)

    def stop(self, worker: Any) -> None:
        try:
            process.context().redis.hdel(keys.workers(), worker.hostname)
        except client.RedisError:
            return  # The entry grows old by itself.


def _beat(worker: Any) -> None:
    queues = sorted(worker.app.amqp.queues.consume_from)
    about = {"at": time.time(), "queues": queues, "pid": os.getpid(), "pool": worker.pool_cls.__module__}
    try:
        process.context().redis.hset(keys.workers(), worker.hostname, encode.dumps(about))
    except client.RedisError:
        return  # The worker itself waits for the broker; the next beat says that it lives.


def _ready(sender: Any, **_: Any) -> None:
    """Say at once that this worker consumes, since the first beat would come seconds later, and
    collect and check for the first time: beat's first tick is a whole interval away. A second tick
    in one period does nothing.
    """
    _beat(sender.controller)
    for queue, wait in FIRST_TICK_DELAYS.items():
        if queue in sender.app.amqp.queues.consume_from:
            try:
                sender.app.send_task(f"workers.{queue}.tick", retry=False, countdown=wait, expires=wait + 10.0)
            except OperationalError as error:
                log.warning("the first tick could not be sent (%s); beat sends the next", error)


def register_signals(app: Celery) -> None:
    """Join the signals and steps to `app`."""
    app.steps["worker"].add(Heartbeat)
    signals.setup_logging.connect(_setup_logging, weak=False)
    signals.celeryd_after_setup.connect(_name_worker, weak=False)
    signals.worker_process_init.connect(_begin_child, weak=False)
    signals.worker_ready.connect(_ready, weak=False)
    signals.beat_init.connect(_name_beat, weak=False)
    signals.before_task_publish.connect(_stamp, weak=False)
    signals.task_prerun.connect(_before, weak=False)
    signals.task_postrun.connect(_after, weak=False)


def _setup_logging(**_: Any) -> None:
    settings = process.context().settings
    logs.setup(settings.log_path, settings.log_level)
    for name in TASK_LOGGERS:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


def _name_worker(sender: str, instance: Any, **_: Any) -> None:
    setproctitle(f"{TITLE}: worker {sender}")
    instance.set_process_status = lambda info: None  # Celery would put its own title over it.


def _begin_child(**_: Any) -> None:
    parent_death.tie()  # A worker's main process that is killed leaves none behind.
    setproctitle(f"{TITLE}: worker child")


def _name_beat(**_: Any) -> None:
    setproctitle(f"{TITLE}: beat")


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
