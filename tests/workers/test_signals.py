from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from memmon.context import Context
from workers import process, signals


@pytest.mark.parametrize(
    ("queues", "ticks"),
    [
        (["collect", "notify"], [("workers.collect.tick", 0.0)]),
        (["health", "upkeep"], [("workers.health.tick", 5.0)]),
        (["alerts"], []),
    ],
)
def test_a_new_worker_does_not_wait_an_interval_for_its_first_tick(
    queues: list[str], ticks: list[tuple[str, float]], sqlite_ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "context", lambda: sqlite_ctx)
    sent: list[tuple[str, float]] = []

    def send_task(name: str, countdown: float, expires: float, **_: Any) -> None:
        assert expires > countdown
        sent.append((name, countdown))

    app = SimpleNamespace(amqp=SimpleNamespace(queues=SimpleNamespace(consume_from=queues)), send_task=send_task)
    controller = SimpleNamespace(app=app, hostname="w@here", pool_cls=dict)
    signals._ready(SimpleNamespace(app=app, controller=controller))
    assert sent == ticks
