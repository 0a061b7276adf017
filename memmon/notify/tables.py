"""Tables: messages and delivery attempts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from memmon.db.base import Base, Id


class NotificationRow(Base):
    """One message on one channel of a receiver. `key` deduplicates enqueues; `due_at` is the next
    attempt. A group's message carries the notification log entry that its delivery writes.
    """

    __tablename__ = "notification"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    key: Mapped[str] = mapped_column(String(255), unique=True)
    receiver: Mapped[str] = mapped_column(String(255), index=True)
    channel: Mapped[str] = mapped_column(String(32))
    kind: Mapped[str] = mapped_column(String(16))  # alert, incident, page or test
    payload: Mapped[dict[str, Any]]
    incident_id: Mapped[int | None] = mapped_column(index=True)
    group_key: Mapped[str | None] = mapped_column(String(512), index=True)
    log_entry: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    # waiting, sending, sent, failed or superseded
    state: Mapped[str] = mapped_column(String(16), index=True)
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[float] = mapped_column(index=True)
    due_at: Mapped[float | None] = mapped_column(index=True)
    deadline: Mapped[float]
    sent_at: Mapped[float | None]
    error: Mapped[str | None]


class NotificationAttempt(Base):
    """One try to send a notification, and what the other side said."""

    __tablename__ = "notification_attempt"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    notification_id: Mapped[int] = mapped_column(ForeignKey("notification.id", ondelete="CASCADE"), index=True)
    at: Mapped[float]
    seconds: Mapped[float]
    outcome: Mapped[str] = mapped_column(String(16))  # sent, transient or permanent
    answer: Mapped[str]
