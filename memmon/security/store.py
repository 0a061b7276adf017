"""The rows of security: events and restrictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from memmon.db import upsert
from memmon.security.tables import RestrictionRow, SecurityEventRow

MOST = 5000
"""Most events that are inspected together."""


def add_event(session: Session, **values: Any) -> int:
    """Write an event; return its id."""
    row = SecurityEventRow(**values)
    session.add(row)
    session.flush()
    return row.id


def failures(session: Session, source_ip: str, since: float) -> list[float]:
    """Return when logins of an address failed since `since`."""
    query = select(SecurityEventRow.at).where(
        SecurityEventRow.source_ip == source_ip,
        SecurityEventRow.event_type == "auth_failure",
        SecurityEventRow.at >= since,
    )
    return list(session.scalars(query))


def has_event(session: Session, source_ip: str, event_type: str, since: float) -> bool:
    """Tell whether an event of this type and address came in since `since`."""
    query = select(SecurityEventRow.id).where(
        SecurityEventRow.source_ip == source_ip,
        SecurityEventRow.event_type == event_type,
        SecurityEventRow.received_at >= since,
    )
    return session.scalar(query.limit(1)) is not None


def recent(session: Session, limit: int) -> Sequence[SecurityEventRow]:
    """Return the newest events."""
    return session.scalars(select(SecurityEventRow).order_by(SecurityEventRow.id.desc()).limit(limit)).all()


def since(session: Session, types: Sequence[str], moment: float) -> Sequence[SecurityEventRow]:
    """Return the events of some types that came in since then, the oldest first."""
    query = select(SecurityEventRow).where(
        SecurityEventRow.event_type.in_(types), SecurityEventRow.received_at >= moment
    )
    return session.scalars(query.order_by(SecurityEventRow.id).limit(MOST)).all()


def by_ids(session: Session, ids: Sequence[int]) -> Sequence[SecurityEventRow]:
    """Return those of the events that exist."""
    return session.scalars(select(SecurityEventRow).where(SecurityEventRow.id.in_(ids))).all()


def counts(session: Session, since: float) -> list[tuple[str, str, int]]:
    """Return type, severity and number of the events since `since`."""
    query = select(SecurityEventRow.event_type, SecurityEventRow.severity, func.count(SecurityEventRow.id))
    grouped = query.where(SecurityEventRow.at >= since).group_by(SecurityEventRow.event_type, SecurityEventRow.severity)
    return [(row[0], row[1], row[2]) for row in session.execute(grouped)]


def restrict(session: Session, values: dict[str, Any]) -> tuple[RestrictionRow, bool]:
    """Put a restriction in force; one that is in force already lasts at least as long. Returns it,
    and whether it is new.
    """
    same = RestrictionRow.active == values["active"]
    over = same & (RestrictionRow.until <= values["created_at"])
    session.execute(update(RestrictionRow).where(over).values(active=None, ended_at=RestrictionRow.until))
    while True:
        new = upsert.insert_new(session, RestrictionRow, [values]) == 1
        row = session.scalars(select(RestrictionRow).where(same).with_for_update()).first()
        if row is not None:
            row.until = max(row.until, values["until"])
            return row, new
        # It was lifted between the two statements.


def in_force(session: Session) -> Sequence[RestrictionRow]:
    """Return the restrictions that have not ended."""
    return session.scalars(
        select(RestrictionRow).where(RestrictionRow.active.is_not(None)).order_by(RestrictionRow.id)
    ).all()


def get(session: Session, restriction_id: int) -> RestrictionRow | None:
    """Return one restriction."""
    return session.get(RestrictionRow, restriction_id)


def end(session: Session, restriction_id: int, at: float) -> bool:
    """End a restriction; False when it had ended already."""
    statement = update(RestrictionRow).where(RestrictionRow.id == restriction_id, RestrictionRow.active.is_not(None))
    return bool(session.execute(statement.values(active=None, ended_at=at)).rowcount == 1)  # type: ignore[attr-defined]


def enforced(session: Session, restriction_id: int, state: dict[str, Any]) -> None:
    """Keep where a restriction is enforced."""
    session.execute(update(RestrictionRow).where(RestrictionRow.id == restriction_id).values(enforced=state))
