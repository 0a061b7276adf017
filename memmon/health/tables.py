"""Tables: health results and rounds."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from memmon.db.base import Base, Id


class HealthResult(Base):
    """One check of one target in one round; a doubled task replaces its own row."""

    __tablename__ = "health_result"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    round: Mapped[int] = mapped_column(BigInteger)
    target: Mapped[str] = mapped_column(String(255))
    name: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(16))
    message: Mapped[str]
    response_time_ms: Mapped[float]
    detail: Mapped[dict[str, Any]]
    at: Mapped[float] = mapped_column(index=True)
    __table_args__ = (UniqueConstraint("target", "name", "round"),)


class HealthRound(Base):
    """The verdict of one round over all checks of one target."""

    __tablename__ = "health_round"
    target: Mapped[str] = mapped_column(String(255), primary_key=True)
    round: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    status: Mapped[str] = mapped_column(String(16))
    score: Mapped[float]
    healthy_checks: Mapped[int]
    total_checks: Mapped[int]
    response_time_ms: Mapped[float]
    at: Mapped[float] = mapped_column(index=True)
