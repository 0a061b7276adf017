"""Helpers of the tests: waiting for a condition, free ports, small real servers."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from memmon.collect import service as collection
from memmon.context import Context
from memmon.jobs import Job

T = TypeVar("T")

PATIENCE = 3.0
"""How much longer than on an idle machine something may take: tests run side by side on two cores.
"""


def collect(ctx: Context, *names: str) -> list[Job]:
    """Collect some targets as one shard, for the period of now."""
    return collection.run(ctx, "critical:0", list(names), int(ctx.now() // ctx.settings.intervals["critical"]))


def eventually(condition: Callable[[], T], within: float = 10.0, every: float = 0.05) -> T:
    """Return the first true answer of `condition`; fail after `within` seconds, scaled to a busy
    machine.
    """
    deadline = time.monotonic() + within * PATIENCE
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within * PATIENCE:g} s: {condition!r} last answered {answer!r}")
        time.sleep(every)


def at_once(*calls: Callable[[], T]) -> list[T]:
    """Make the calls, each in a thread of its own, and return their answers in order; the first
    failure is raised.
    """
    together = threading.Barrier(len(calls))

    def created(call: Callable[[], T]) -> T:
        together.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(created, calls))


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
