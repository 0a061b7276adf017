"""Tables: on-call overrides and calendars."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from memmon.db.base import Base, Id


class OncallOverride(Base):
    """One person on call instead of who would be, [start, end), made by hand."""

    __tablename__ = "oncall_override"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    schedule: Mapped[str] = mapped_column(String(64), index=True)
    contact: Mapped[str] = mapped_column(String(64))
    start: Mapped[float]
    end: Mapped[float] = mapped_column(index=True)
    by: Mapped[str]
    created_at: Mapped[float]


class OncallCalendar(Base):
    """The last good copy of a calendar that a schedule has by address, and how the last attempt to
    get it went.
    """

    __tablename__ = "oncall_calendar"
    schedule: Mapped[str] = mapped_column(String(64), primary_key=True)
    url: Mapped[str]
    text: Mapped[str]
    fetched_at: Mapped[float | None]
    tried_at: Mapped[float]
    error: Mapped[str]
