from __future__ import annotations

from typing import Any

import pytest
from celery.exceptions import Ignore, Reject, Retry
from kombu.exceptions import OperationalError

from memmon.context import Context
from memmon.errors import Transient
from memmon.jobs import Job
from memmon.upkeep import deadletter
from workers import base, process
from workers.app import app
from workers.base import MAX_DELIVERIES, MemmonTask


class Task(MemmonTask):
    """A task that does what a test says, with a broker that a test gives it."""

    name = "workers.upkeep.of_the_tests"

    def __init__(self, failure: Exception | None = None, broker_is_away: bool = False):
        self.failure, self.broker_is_away, self.ran, self.waits = failure, broker_is_away, 0, []
        self.bind(app)

    def run(self, ctx: Context) -> None:
        self.ran += 1
        if self.failure:
            raise self.failure

    def retry(self, exc: Exception, countdown: float) -> Exception:
        self.waits.append(countdown)
        if self.broker_is_away:
            raise Reject(exc, requeue=False)  # As Celery does when it cannot send the retry.
        return Retry(exc=exc, when=countdown)

    def delivered(self, redelivered: bool = False, retries: int = 0) -> None:
        """Run as a worker runs it."""
        info = {"redelivered": redelivered}
        self.push_request(id="one", args=(), delivery_info=info, retries=retries, called_directly=False)
        try:
            self()
        finally:
            self.pop_request()


@pytest.fixture
def ctx(sqlite_ctx: Context, monkeypatch: pytest.MonkeyPatch) -> Context:
    """The context of the tasks of this process."""
    monkeypatch.setattr(process, "context", lambda: sqlite_ctx)
    return sqlite_ctx


def test_a_transient_failure_is_tried_again_after_waits_that_grow(ctx: Context) -> None:
    task = Task(Transient("away"))
    for retries in range(8):
        with pytest.raises(Retry):
            task.delivered(retries=retries)
    assert task.waits[0] <= 1
    assert 2 <= task.waits[2] <= 4
    assert max(task.waits) <= base.RETRY_BACKOFF_MAX


def test_what_cannot_even_be_put_back_is_left_to_the_broker_and_not_lost(ctx: Context) -> None:
    with pytest.raises(Reject) as caught:
        Task(Transient("away"), broker_is_away=True).delivered()
    assert caught.value.requeue is True


def test_any_other_failure_is_not_tried_again(ctx: Context) -> None:
    with pytest.raises(ZeroDivisionError):
        Task(ZeroDivisionError()).delivered()


def test_after_the_last_death_of_its_process_a_task_is_not_run_but_given_up(ctx: Context) -> None:
    task = Task()
    task.delivered()
    for _ in range(MAX_DELIVERIES - 1):
        task.delivered(redelivered=True)
    with pytest.raises(Ignore):
        task.delivered(redelivered=True)
    assert task.ran == MAX_DELIVERIES
    (letter,) = deadletter.recent(ctx)
    assert letter["attempts"] == MAX_DELIVERIES


def test_a_delivery_that_cannot_be_counted_for_the_database_is_away_is_tried_again(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> int:
        raise Transient("database: away")

    monkeypatch.setattr(deadletter, "redelivered", away)
    with pytest.raises(Retry):
        Task().delivered(redelivered=True)


def test_what_was_given_up_is_written_down(ctx: Context) -> None:
    Task().on_failure(ValueError("odd"), "two", [7], {}, None)
    (letter,) = deadletter.recent(ctx)
    assert (letter["task"], letter["args"], letter["error"]) == ("workers.upkeep.of_the_tests", [7], "odd")


def test_jobs_are_sent_with_the_time_after_which_nobody_needs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, Any, Any]] = []
    monkeypatch.setattr(app, "send_task", lambda name, args, **extra: sent.append((name, args, extra)))
    base.enqueue([Job("collect.run", (["a"],), expires=10), Job("health.check", expires=12, limit=6)])
    assert sent == [
        ("workers.collect.run", [["a"]], {"retry": False, "expires": 10}),
        ("workers.health.check", [], {"retry": False, "expires": 12, "soft_time_limit": 6, "time_limit": 11}),
    ]


def test_a_broker_that_is_away_does_not_fail_the_work_that_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(app, "send_task", away)
    base.enqueue([Job("notify.tick")])
