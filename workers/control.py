"""Celery's remote control of the fleet's workers, for actions that change the size of a pool."""

from __future__ import annotations

import time
from typing import Any

from celery import current_app
from kombu.exceptions import OperationalError

from memmon.errors import Permanent, Transient

POOL_BUSY_MESSAGE = "All processes busy"
"""What billiard says (`Pool.shrink`) where it finds fewer idle processes than it is to end."""

POOL_MAINTENANCE_SECONDS = 5.0
"""Seconds between two maintenance runs of a pool (celery.concurrency.asynpool), which start missing
processes.
"""

POLL_SECONDS = 0.2


class CeleryWorkerPools:
    """The pools of the workers of this broker."""

    def sizes(self, timeout: float) -> dict[str, int]:
        """Return the size that the pool of each worker that answers within `seconds` is to have, by
        node name.
        """
        return {name: size for name, size in self._ask("pool_size", timeout).items() if isinstance(size, int)}

    def resize(self, worker: str, delta: int, timeout: float) -> None:
        """Add processes to the pool of a worker, or remove them for a negative count; return once
        that is done.
        """
        reply = self._ask("pool_grow" if delta > 0 else "pool_shrink", timeout, worker, n=abs(delta)).get(worker)
        if reply is None:
            raise Transient(f"{worker} does not answer")
        if "ok" not in reply:
            reason = f"{worker}: {reply.get('error', reply)}"
            raise Transient(reason) if POOL_BUSY_MESSAGE in reason else Permanent(reason)
        self._settle(worker, timeout)

    def _settle(self, worker: str, seconds: float) -> None:
        """Wait until a pool has as many processes as it is to have: one that is not there yet could
        not be taken away again.
        """
        end = time.monotonic() + seconds + POOL_MAINTENANCE_SECONDS
        while True:
            sizes = self._ask("pool_size", seconds, worker).get(worker)
            pool = self._ask("stats", seconds, worker).get(worker, {}).get("pool", {})
            there = len(pool["processes"]) if isinstance(pool.get("processes"), list) else sizes
            if sizes is not None and there == sizes:
                return
            if time.monotonic() > end:
                raise Transient(f"{worker} has {there} processes and is to have {sizes}")
            time.sleep(POLL_SECONDS)

    def _ask(self, command: str, seconds: float, worker: str | None = None, **arguments: int) -> dict[str, Any]:
        """Return what each worker answers to a command, or `worker` alone, which is not waited for
        longer than it takes.
        """
        to = {"destination": [worker], "limit": 1} if worker else {}
        try:
            answers = current_app.control.broadcast(command, arguments, reply=True, timeout=seconds, **to)
        except OperationalError as error:
            raise Transient(f"the broker is away: {error}") from error
        return {name: answer for reply in answers or () for name, answer in reply.items()}
