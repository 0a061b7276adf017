"""What all tasks share: the context, the one retry policy, the end of what cannot be done, and how
work follows work.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from celery import Task
from celery.exceptions import Ignore, Reject
from kombu.exceptions import OperationalError

from memmon.context import Context
from memmon.errors import Transient
from memmon.jobs import Job
from memmon.upkeep import deadletter
from workers import process
from workers.app import app

log = logging.getLogger(__name__)

MAX_RETRIES = 5
RETRY_BACKOFF = 1.0
RETRY_BACKOFF_MAX = 30.0  # Far below the visibility timeout: a waiting task is redelivered after that.
MAX_DELIVERIES = 3  # The third death of its process ends a task.
KILL_GRACE_SECONDS = 5.0  # Seconds that a task which is cut has left.


class MemmonTask(Task):  # type: ignore[misc]
    """Calls its function with this process' context first. Transient failures are tried again, a
    task whose process died again and again and one that failed for good become dead letters.
    """

    abstract = True
    typing = False  # Beat would look for `ctx` among the arguments, which is added here.
    max_retries = MAX_RETRIES

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        ctx = process.context()
        ctx.refresh_config()
        try:
            if self._is_poison(ctx):
                raise Ignore
            return enqueue(self.run(ctx, *args, **kwargs))
        except Transient as error:
            if self.request.called_directly:
                raise
            self._try_again(error)

    def _try_again(self, error: Transient) -> NoReturn:
        """Put the task back for a while. Where even that cannot be sent, the broker is away and has
        kept this delivery: it must not be taken for done.
        """
        wait = min(RETRY_BACKOFF_MAX, RETRY_BACKOFF * 2**self.request.retries) * random.uniform(0.5, 1)
        log.warning("%s will be tried again in %.1f s: %s", self.name, wait, error)
        try:
            raise self.retry(exc=error, countdown=wait) from error
        except Reject:
            raise Reject(error, requeue=True) from error

    def _is_poison(self, ctx: Context) -> bool:
        """Count a delivery that is not the first; say whether it is one too many, and then write
        the dead letter.
        """
        if not (self.request.delivery_info or {}).get("redelivered"):
            return False
        deaths = deadletter.redelivered(ctx, self.request.id)
        if deaths < MAX_DELIVERIES:
            return False
        deadletter.record(ctx, self.request.id, self.name, self.request.args, "its worker died each time", deaths)
        return True

    def on_failure(self, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        """Store a failed task as a dead letter for operators."""
        log.error("task %s gave up: %s", self.name, exc, exc_info=None if isinstance(exc, Transient) else exc)
        try:
            deadletter.record(
                process.context(), task_id, self.name, args, str(exc) or repr(exc), self.request.retries + 1
            )
        except Transient as error:  # Its row, where it has one, is still due: a tick finds it.
            log.error("the dead letter of %s could not be written: %s", self.name, error)


def task(function: Callable[..., Iterable[Job] | None]) -> Any:
    """Make `function(ctx, *ids)` the task `<module>.<function>`; the jobs that it returns are sent
    after it.
    """
    return app.task(base=MemmonTask, name=f"{function.__module__}.{function.__name__}")(function)


def enqueue(jobs: Iterable[Job] | None) -> None:
    """Send `jobs`. A broker that is away loses nothing: the rows that they are about are due, and a
    tick finds them.
    """
    for job in jobs or ():
        limits = (
            {} if job.limit is None else {"soft_time_limit": job.limit, "time_limit": job.limit + KILL_GRACE_SECONDS}
        )
        try:
            app.send_task(f"workers.{job.name}", args=list(job.args), retry=False, expires=job.expires, **limits)
        except OperationalError as error:
            log.warning("%s could not be queued (%s); its tick will find it", job.name, error)
