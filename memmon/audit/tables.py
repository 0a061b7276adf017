"""Tables: audit log entries and marks."""

from __future__ import annotations

from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from memmon.db.base import Base, Id


class IncidentEntry(Base):
    """One line of the record. Lines are only ever added, and each is signed together with the one
    before it: `hash` is the HMAC-SHA256 of `previous` and this line with the key whose mark is
    `signed_by`. They outlive their incident.
    """

    __tablename__ = "incident_entry"
    seq: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    incident_id: Mapped[int | None] = mapped_column(Id, index=True)
    at: Mapped[float] = mapped_column(index=True)
    kind: Mapped[str] = mapped_column(String(32))
    by: Mapped[str]
    text: Mapped[str]
    detail: Mapped[dict[str, Any]]
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
    signed_by: Mapped[str] = mapped_column(String(16))


class EntryMark(Base):
    """Where the record begins (`start`: the last line that was forgotten) and ends (`end`: the last
    one that was written), and up to where it was verified (`verified`); signed like a line.
    """

    __tablename__ = "incident_entry_mark"
    name: Mapped[str] = mapped_column(String(16), primary_key=True)
    seq: Mapped[int] = mapped_column(Id)
    hash: Mapped[str] = mapped_column(String(64))
    signature: Mapped[str] = mapped_column(String(64))
    signed_by: Mapped[str] = mapped_column(String(16))
