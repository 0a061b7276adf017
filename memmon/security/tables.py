"""Tables: security events, restrictions and tokens."""

from __future__ import annotations

from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from memmon.db.base import Base, Id


class SecurityEventRow(Base):
    """One event as reported, and what the detectors made of it."""

    __tablename__ = "security_event"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    event_type: Mapped[str] = mapped_column(String(32), index=True)
    severity: Mapped[str] = mapped_column(String(16))
    source_ip: Mapped[str | None] = mapped_column(String(64), index=True)
    user: Mapped[str | None]
    endpoint: Mapped[str | None]
    message: Mapped[str]
    detail: Mapped[dict[str, Any]]
    findings: Mapped[list[Any]]
    at: Mapped[float] = mapped_column(index=True)
    received_at: Mapped[float] = mapped_column(index=True)


class RestrictionRow(Base):
    """Something memmon forbids for a while. `active` is null once it ended, so that one restriction
    of a kind is in force for a subject at most.
    """

    __tablename__ = "restriction"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    active: Mapped[str | None] = mapped_column(String(400), unique=True)
    kind: Mapped[str] = mapped_column(String(16))  # block, throttle or disable
    subject: Mapped[str] = mapped_column(String(255), index=True)  # address, address or *, feature
    target: Mapped[str] = mapped_column(String(255), default="*")
    parameters: Mapped[dict[str, Any]]
    reason: Mapped[str]
    created_by: Mapped[str]
    incident_id: Mapped[int | None]
    created_at: Mapped[float]
    until: Mapped[float] = mapped_column(index=True)
    ended_at: Mapped[float | None]
    enforced: Mapped[dict[str, Any]]  # target -> {at, error}


class TokenRow(Base):
    """A caller's token; only its SHA-256 is kept."""

    __tablename__ = "api_token"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[str] = mapped_column(String(16))  # viewer, operator, admin or ingest
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[float]
    last_used_at: Mapped[float | None]
    revoked_at: Mapped[float | None]
