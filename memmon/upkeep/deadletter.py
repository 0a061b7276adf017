"""Tasks that were given up, and how often a task came back because its process died."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from memmon.context import Context
from memmon.db import upsert
from memmon.state import counters
from memmon.upkeep.tables import DeadLetter, Redelivery

MERGED = 3600.0
"""Seconds within which letters of one cause are one."""


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
    """Write the task down as given up, once. A tick that fails in the same way again and again is
    one letter an hour, whose attempts add up.
    """
    now, arguments, error = ctx.now(), list(args or ()), error[:4000]
    row = {"task_id": task_id, "task": task, "args": arguments, "error": error, "attempts": attempts, "at": now}
    with ctx.write() as session:
        same = _same(session, task, arguments, error, now - MERGED)
        if same is None:
            new = upsert.insert_new(session, DeadLetter, [row]) == 1
        else:
            new = same.task_id != task_id
            same.attempts += attempts if new else 0
    if new:
        counters.add(ctx.redis, "memmon_dead_letters_total", {"task": task.removeprefix("workers.")})


def _same(session: Session, task: str, args: list[Any], error: str, since: float) -> DeadLetter | None:
    """Return a letter since then of the same task that failed in the same way."""
    query = select(DeadLetter).where(DeadLetter.at > since, DeadLetter.task == task, DeadLetter.error == error)
    return next((letter for letter in session.scalars(query) if letter.args == args), None)


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
