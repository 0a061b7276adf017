"""The rows of notification: messages and the attempts to send them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from memmon import encode
from memmon.db import upsert
from memmon.notify.tables import NotificationAttempt, NotificationRow

MOST_UNDELIVERED = 100
FARTHEST = 900.0
"""Seconds ahead to which nothing is put off: what lies beyond was, before the clock was set back.
"""


def add(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Put messages into the outbox; one whose key is there already is the same message."""
    upsert.insert_new(session, NotificationRow, rows)


def ids(session: Session, keys: Sequence[str]) -> list[int]:
    """Return the ids of the messages with these keys."""
    return list(session.scalars(select(NotificationRow.id).where(NotificationRow.key.in_(keys))))


def get(session: Session, notification_id: int) -> NotificationRow | None:
    """Return one message."""
    return session.get(NotificationRow, notification_id)


def claim(session: Session, notification_id: int, now: float, lease_until: float) -> NotificationRow | None:
    """Take a message that is due for sending until `lease_until`; None when another worker has it
    or it is done.
    """
    statement = update(NotificationRow).where(NotificationRow.id == notification_id, _is_due(now))
    values = {"state": "sending", "due_at": lease_until, "attempts": NotificationRow.attempts + 1}
    if session.execute(statement.values(**values)).rowcount != 1:  # type: ignore[attr-defined]
        return None
    return session.get(NotificationRow, notification_id, populate_existing=True)


def postpone(session: Session, notification_id: int, until: float, reason: str) -> None:
    """Let a message wait that must not be sent now; that is no attempt."""
    waits = NotificationRow.state == "waiting"
    statement = update(NotificationRow).where(NotificationRow.id == notification_id, waits)
    session.execute(statement.values(due_at=until, error=reason))


def _is_due(now: float) -> ColumnElement[bool]:
    due = (NotificationRow.due_at <= now) | (NotificationRow.due_at > now + FARTHEST)
    return NotificationRow.state.in_(("waiting", "sending")) & due


def finish(session: Session, notification_id: int, attempts: int, attempt: dict[str, Any], **values: Any) -> None:
    """Record an attempt and what became of the message. One that was not sent changes nothing when
    the claim ran out and another worker took the message.
    """
    session.add(NotificationAttempt(notification_id=notification_id, **attempt))
    statement = update(NotificationRow).where(NotificationRow.id == notification_id)
    if values["state"] != "sent":
        statement = statement.where(NotificationRow.state == "sending", NotificationRow.attempts == attempts)
    session.execute(statement.values(**values))


def due(session: Session, now: float, limit: int = 100) -> list[tuple[int, int]]:
    """Return id and attempts of the messages that are to be sent, or whose sender died."""
    query = select(NotificationRow.id, NotificationRow.attempts).where(_is_due(now))
    return [(row[0], row[1]) for row in session.execute(query.order_by(NotificationRow.due_at).limit(limit))]


def undelivered(session: Session, group_key: str) -> Sequence[NotificationRow]:
    """Return the messages of a group that wait, are being sent, or failed and nothing was sent
    since; the newest of a channel comes last.
    """
    query = select(NotificationRow).where(NotificationRow.group_key == group_key)
    newest: dict[str, NotificationRow] = {}
    for row in session.scalars(query.order_by(NotificationRow.id.desc()).limit(MOST_UNDELIVERED)):
        newest.setdefault(row.channel, row)
    return [row for row in newest.values() if row.state in ("waiting", "sending", "failed")]


def of_group(session: Session, group_key: str, since: float) -> Sequence[NotificationRow]:
    """Return the messages of a group that were made, or sent, since then."""
    late = (NotificationRow.created_at >= since) | (NotificationRow.sent_at >= since)
    query = select(NotificationRow).where(NotificationRow.group_key == group_key, late)
    return session.scalars(query.order_by(NotificationRow.id)).all()


def renew(session: Session, notification_id: int, attempts: int, **values: Any) -> bool:
    """Change a waiting or failed message; return False when a sender claimed it meanwhile."""
    idle = NotificationRow.state.in_(("waiting", "failed"))
    statement = update(NotificationRow).where(
        NotificationRow.id == notification_id, NotificationRow.attempts == attempts, idle
    )
    return bool(session.execute(statement.values(**values)).rowcount == 1)  # type: ignore[attr-defined]


def recent(session: Session, limit: int, incident_id: int | None = None) -> Sequence[NotificationRow]:
    """Return the newest messages, of one incident or of all."""
    query = select(NotificationRow).order_by(NotificationRow.id.desc()).limit(limit)
    if incident_id is not None:
        query = query.where(NotificationRow.incident_id == incident_id)
    return session.scalars(query).all()


def attempts(session: Session, numbers: Sequence[int]) -> dict[int, list[NotificationAttempt]]:
    """Return the attempts of each message, in order."""
    query = select(NotificationAttempt).where(NotificationAttempt.notification_id.in_(numbers))
    attempts_by_id: dict[int, list[NotificationAttempt]] = {}
    for row in session.scalars(query.order_by(NotificationAttempt.id)):
        attempts_by_id.setdefault(row.notification_id, []).append(row)
    return attempts_by_id


def attempts_json(tried: Sequence[NotificationAttempt]) -> list[dict[str, Any]]:
    """Return attempts as they are shown."""
    return [{"at": encode.iso(a.at), "seconds": a.seconds, "outcome": a.outcome, "answer": a.answer} for a in tried]


def counts(session: Session) -> dict[str, int]:
    """Return how many messages there are, by state."""
    query = select(NotificationRow.state, func.count(NotificationRow.id)).group_by(NotificationRow.state)
    return {row[0]: row[1] for row in session.execute(query)}


def last_by_receiver(session: Session) -> dict[tuple[str, str], NotificationRow]:
    """Return the newest message of each receiver and channel."""
    newest = select(func.max(NotificationRow.id)).group_by(NotificationRow.receiver, NotificationRow.channel)
    rows = session.scalars(select(NotificationRow).where(NotificationRow.id.in_(newest)))
    return {(row.receiver, row.channel): row for row in rows}
