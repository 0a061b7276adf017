"""Tasks that were given up, and how often a task came back because its process died."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from memmon.context import Context
from memmon.db.tables import DeadLetter, Redelivery
from memmon.state import counters


def redelivered(ctx: Context, task_id: str) -> int:
    """Count one more delivery of the task; return how many there were."""
    with ctx.write() as session:
        row = session.get(Redelivery, task_id)
        if row is None:
            row = Redelivery(task_id=task_id, count=0, at=ctx.now())
            session.add(row)
        row.count += 1
        row.at = ctx.now()
        return row.count


def record(ctx: Context, task_id: str, task: str, args: Any, error: str, attempts: int) -> None:
    """Write the task down as given up, once."""
    with ctx.write() as session:
        if session.scalar(select(DeadLetter.id).where(DeadLetter.task_id == task_id)) is not None:
            return
        session.add(
            DeadLetter(
                task_id=task_id, task=task, args=list(args or ()), error=error[:4000], attempts=attempts, at=ctx.now()
            )
        )
    counters.add(ctx.redis, "memmon_dead_letters_total", {"task": task.removeprefix("workers.")})


def recent(ctx: Context, limit: int = 20) -> list[dict[str, Any]]:
    """Return the newest dead letters."""
    with ctx.read() as session:
        rows = session.scalars(select(DeadLetter).order_by(DeadLetter.id.desc()).limit(limit))
        return [
            {"task": row.task, "args": row.args, "error": row.error, "attempts": row.attempts, "at": row.at}
            for row in rows
        ]


def count(ctx: Context) -> int:
    """Return how many dead letters are kept."""
    with ctx.read() as session:
        return session.scalar(select(func.count(DeadLetter.id))) or 0
