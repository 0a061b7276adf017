"""Celery's remote control of the fleet's workers, for actions that change the size of a pool."""

from __future__ import annotations

from celery import current_app
from kombu.exceptions import OperationalError

from memmon.errors import Permanent, Transient


class Pools:
    """The pools of the workers of this broker."""

    def pools(self, seconds: float) -> dict[str, int]:
        """Return the size of the pool of each worker that answers within `seconds`, by node name."""
        try:
            found = current_app.control.inspect(timeout=seconds).stats() or {}
        except OperationalError as error:
            raise Transient(f"the broker is away: {error}") from error
        return {name: _size(one["pool"]) for name, one in found.items() if one.get("pool")}

    def grow(self, worker: str, by: int, seconds: float) -> None:
        """Add `by` processes to the pool of a worker, or take away as many as it is below 0."""
        send = current_app.control.pool_grow if by > 0 else current_app.control.pool_shrink
        try:
            answers = send(abs(by), destination=[worker], reply=True, timeout=seconds)
        except OperationalError as error:
            raise Transient(f"the broker is away: {error}") from error
        said = next((answer[worker] for answer in answers or () if worker in answer), None)
        if said is None:
            raise Transient(f"{worker} does not answer")
        if "ok" not in said:
            raise Permanent(f"{worker}: {said.get('error', said)}")


def _size(pool: dict[str, object]) -> int:
    """Return the size of a pool; `max-concurrency` stays as it was at the start when processes are added."""
    processes = pool.get("processes")
    return len(processes) if isinstance(processes, list) else int(str(pool["max-concurrency"]))
