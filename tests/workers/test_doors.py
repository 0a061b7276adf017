from __future__ import annotations

from typing import Any

import pytest

from memmon.alerts import service as alert_room
from memmon.context import Context
from memmon.metrics import service as metric_room
from memmon.notify import service as notify_room
from memmon.push import service as push_room
from memmon.security import service as security_room
from tests.conftest import Clock
from workers import alerts, collect, notify, process, security
from workers.app import app
from workers.base import enqueue


class Queue:
    """What tasks sent, and the way to run it."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, list[Any]]] = []

    def send_task(self, name: str, args: list[Any], **_: Any) -> None:
        self.sent.append((name.removeprefix("workers."), args))

    def take(self) -> list[str]:
        """Return the names of the jobs enqueued since the last call."""
        names = [name for name, _ in self.sent]
        self.sent.clear()
        return names


@pytest.fixture
def queue(sqlite_ctx: Context, monkeypatch: pytest.MonkeyPatch) -> Queue:
    """The tasks of this process use a fresh database, and enqueued jobs are stored here."""
    queue = Queue()
    monkeypatch.setattr(process, "context", lambda: sqlite_ctx)
    monkeypatch.setattr(app, "send_task", queue.send_task)
    return queue


def test_an_alert_goes_from_task_to_task_until_it_is_told(queue: Queue, sqlite_ctx: Context) -> None:
    alerts.evaluate()
    assert queue.take() == []
    alert_room.raise_event(sqlite_ctx, "trouble", "critical", {}, {}, ttl=60)
    notify.tick()
    [(name, args)] = queue.sent
    assert name == "notify.deliver"
    notify.deliver(*args)
    assert notify_room.counts(sqlite_ctx) == {"sent": 1}
    queue.take()
    notify.tick()
    assert queue.take() == []


def test_the_security_tick_lets_what_is_in_force_be_told(queue: Queue, sqlite_ctx: Context) -> None:
    _, jobs = security_room.record(sqlite_ctx, [{"event_type": "auth_failure", "source_ip": "203.0.113.5"}] * 5, "test")
    enqueue(jobs)
    assert queue.take() == ["security.enforce", "notify.tick", "incidents.correlate"]
    security.tick()
    assert queue.take() == ["security.enforce"]
    security.enforce()
    assert queue.take() == []


def test_pushed_groups_are_shown_again(queue: Queue, sqlite_ctx: Context, clock: Clock) -> None:
    push_room.put(sqlite_ctx, {"job": "backup"}, b"rows 3\n", replaces=True)
    clock.move(600)
    collect.replay()
    assert [point.value for point in metric_room.instant(sqlite_ctx, "rows")] == [3.0]
    assert queue.take() == []
