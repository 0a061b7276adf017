"""The rows of on-call: who is on call instead, and the last good copies of calendars."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from memmon.db import upsert
from memmon.oncall.tables import OncallCalendar, OncallOverride


def overrides(session: Session, schedule: str, start: float, end: float) -> Sequence[OncallOverride]:
    """Return who is on call instead in a stretch of time, in the order in which it was said."""
    query = select(OncallOverride).where(
        OncallOverride.schedule == schedule, OncallOverride.start < end, OncallOverride.end > start
    )
    return session.scalars(query.order_by(OncallOverride.id)).all()


def add_override(session: Session, values: dict[str, Any]) -> OncallOverride:
    """Put an override down."""
    row = OncallOverride(**values)
    session.add(row)
    session.flush()
    return row


def remove_override(session: Session, override_id: int) -> OncallOverride | None:
    """Delete an override and return it."""
    row = session.get(OncallOverride, override_id)
    if row is not None:
        session.delete(row)
    return row


def calendar(session: Session, schedule: str, url: str) -> OncallCalendar | None:
    """Return the stored calendar of a schedule for this URL."""
    row = session.get(OncallCalendar, schedule)
    return row if row is not None and row.url == url else None


def save_calendar(session: Session, values: dict[str, Any]) -> None:
    """Put down how the last attempt to get a calendar went."""
    upsert.replace(session, OncallCalendar, [values], ["schedule"])


def forget_calendars(session: Session, but: Collection[str]) -> None:
    """Forget the calendars of schedules that have none any more."""
    session.execute(delete(OncallCalendar).where(OncallCalendar.schedule.not_in(but)))
