"""Tables: silences, maintenance windows, groups, placements, decisions and the notification log."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from memmon.alerts import tables as alert_tables
from memmon.db.base import Base, Id

__all__ = ["alert_tables"]


class SilenceRow(Base):
    """Mutes what its matchers match between its two times; ending one early moves `ends_at`. `id`
    is a UUID.
    """

    __tablename__ = "silence"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    matchers: Mapped[list[Any]]  # [{name, value, isRegex, isEqual}]
    starts_at: Mapped[float]
    ends_at: Mapped[float] = mapped_column(index=True)
    created_by: Mapped[str]
    comment: Mapped[str]
    updated_at: Mapped[float]


class MaintenanceRow(Base):
    """A maintenance window: matching alerts are not notified during its occurrences, which
    `schedule` defines. `ended` maps the start of each occurrence that was ended early to that time.
    `approved_at` is null until a second person approves.
    """

    __tablename__ = "maintenance"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    matchers: Mapped[list[Any]]  # [{name, value, isRegex, isEqual}]
    schedule: Mapped[dict[str, Any]]
    created_by: Mapped[str]
    created_at: Mapped[float]
    comment: Mapped[str]
    approved_by: Mapped[str | None]
    approved_at: Mapped[float | None]
    ended: Mapped[dict[str, Any]]
    until: Mapped[float | None] = mapped_column(index=True)  # No occurrence comes after it.


class GroupRow(Base):
    """An aggregation group of one route: alerts with equal `group_by` labels, and its next flush.
    `flushed_at` is null before the first flush with a firing alert.
    """

    __tablename__ = "alert_group"
    key: Mapped[str] = mapped_column(String(512), primary_key=True)
    version: Mapped[int] = mapped_column(default=1)
    route: Mapped[str] = mapped_column(String(255))
    receiver: Mapped[str] = mapped_column(String(255))
    labels: Mapped[dict[str, Any]]
    due_at: Mapped[float | None] = mapped_column(index=True)
    flushed_at: Mapped[float | None]


class PlacementRow(Base):
    """Placement of an alert in a group. It ends (`left_at`) when the resolution was delivered or
    the routes changed; the row is kept.
    """

    __tablename__ = "alert_placement"
    alert_id: Mapped[int] = mapped_column(ForeignKey("alert.id", ondelete="CASCADE"), primary_key=True)
    group_key: Mapped[str] = mapped_column(String(512), primary_key=True, index=True)
    route: Mapped[str]
    receiver: Mapped[str] = mapped_column(String(255))
    at: Mapped[float]
    left_at: Mapped[float | None]


class NotificationLog(Base):
    """Notification log entry: the last delivery of a group on one channel. Deduplication decides
    from it.
    """

    __tablename__ = "notification_log"
    group_key: Mapped[str] = mapped_column(String(512), primary_key=True)
    channel: Mapped[str] = mapped_column(String(32), primary_key=True)
    firing: Mapped[list[Any]]  # alert ids
    resolved: Mapped[list[Any]]
    acknowledged: Mapped[bool]
    reason: Mapped[str] = mapped_column(String(64))
    notified_at: Mapped[float]


class DecisionRow(Base):
    """Decision about a group: the reason by channel, and the suppressions by alert. Equal decisions
    in a row share one row.
    """

    __tablename__ = "alert_decision"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    group_key: Mapped[str] = mapped_column(String(512), index=True)
    at: Mapped[float]
    until: Mapped[float] = mapped_column(index=True)
    count: Mapped[int] = mapped_column(Integer, default=1)
    channels: Mapped[dict[str, Any]]  # channel -> reason
    firing: Mapped[list[Any]]  # alert ids
    resolved: Mapped[list[Any]]
    muted: Mapped[dict[str, Any]]  # alert id -> [{kind, by, until}]
