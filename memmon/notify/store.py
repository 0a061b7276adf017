"""The rows of notification: messages and the attempts to send them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from memmon.db import upsert
from memmon.db.tables import NotificationAttempt, NotificationRow


def add(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Put messages into the outbox; one whose key is there already is the same message."""
    upsert.insert_new(session, NotificationRow, rows)


def ids(session: Session, keys: Sequence[str]) -> list[int]:
    """Return the ids of the messages with these keys."""
    return list(session.scalars(select(NotificationRow.id).where(NotificationRow.key.in_(keys))))


def claim(session: Session, number: int, now: float, lease_until: float) -> NotificationRow | None:
    """Take a message that is due for sending until `lease_until`; None when another worker has it or it is done."""
    free = or_(NotificationRow.state == "waiting", NotificationRow.state == "sending") & (NotificationRow.due_at <= now)
    statement = update(NotificationRow).where(NotificationRow.id == number, free)
    values = {"state": "sending", "due_at": lease_until, "attempts": NotificationRow.attempts + 1}
    if session.execute(statement.values(**values)).rowcount != 1:  # type: ignore[attr-defined]
        return None
    return session.get(NotificationRow, number)


def finish(session: Session, number: int, attempt: dict[str, Any], **values: Any) -> None:
    """Record an attempt and what became of the message."""
    session.add(NotificationAttempt(notification_id=number, **attempt))
    session.execute(update(NotificationRow).where(NotificationRow.id == number).values(**values))


def due(session: Session, now: float, limit: int = 100) -> list[int]:
    """Return the messages that are to be sent, or whose sender died."""
    query = select(NotificationRow.id).where(
        NotificationRow.state.in_(("waiting", "sending")), NotificationRow.due_at <= now
    )
    return list(session.scalars(query.order_by(NotificationRow.due_at).limit(limit)))


def recent(session: Session, limit: int, incident_id: int | None = None) -> Sequence[NotificationRow]:
    """Return the newest messages, of one incident or of all."""
    query = select(NotificationRow).order_by(NotificationRow.id.desc()).limit(limit)
    if incident_id is not None:
        query = query.where(NotificationRow.incident_id == incident_id)
    return session.scalars(query).all()


def attempts(session: Session, numbers: Sequence[int]) -> dict[int, list[NotificationAttempt]]:
    """Return the attempts of each message, in order."""
    query = select(NotificationAttempt).where(NotificationAttempt.notification_id.in_(numbers))
    found: dict[int, list[NotificationAttempt]] = {}
    for row in session.scalars(query.order_by(NotificationAttempt.id)):
        found.setdefault(row.notification_id, []).append(row)
    return found


def counts(session: Session) -> dict[str, int]:
    """Return how many messages there are, by state."""
    query = select(NotificationRow.state, func.count(NotificationRow.id)).group_by(NotificationRow.state)
    return {row[0]: row[1] for row in session.execute(query)}


def last_by_receiver(session: Session) -> dict[tuple[str, str], NotificationRow]:
    """Return the newest message of each receiver and channel."""
    newest = select(func.max(NotificationRow.id)).group_by(NotificationRow.receiver, NotificationRow.channel)
    rows = session.scalars(select(NotificationRow).where(NotificationRow.id.in_(newest)))
    return {(row.receiver, row.channel): row for row in rows}
