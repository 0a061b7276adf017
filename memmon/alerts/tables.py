"""Tables: alerts and rule health."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from memmon.db.base import Base, Id


class AlertRow(Base):
    """One alert from its first pending evaluation to its end.

    `active` is the rule's name and fingerprint while the alert is pending or firing and null
    afterwards, so that a label set has one active alert at most. `version` rises with every change:
    the compare-and-set.
    """

    __tablename__ = "alert"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    active: Mapped[str | None] = mapped_column(String(300), unique=True)
    version: Mapped[int] = mapped_column(default=1)
    source: Mapped[str] = mapped_column(String(16), default="rule")  # rule, detector or api
    rule: Mapped[str] = mapped_column(String(255), index=True)
    fingerprint: Mapped[str] = mapped_column(String(16), index=True)
    labels: Mapped[dict[str, Any]]
    annotations: Mapped[dict[str, Any]]
    severity: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))  # pending, firing or resolved
    value: Mapped[float | None]
    threshold: Mapped[float | None]
    pending_at: Mapped[float]
    firing_at: Mapped[float | None] = mapped_column(index=True)
    resolved_at: Mapped[float | None] = mapped_column(index=True)
    # When a detector's or a caller's alert ends unless it is raised again.
    ends_at: Mapped[float | None]
    # Whether a caller said so, or it was made up.
    end_is_given: Mapped[bool] = mapped_column(default=False)
    evaluated_at: Mapped[float]
    acknowledged_at: Mapped[float | None]
    acknowledged_by: Mapped[str | None]
    acknowledged_until: Mapped[float | None]
    comment: Mapped[str | None]
    flaps: Mapped[int] = mapped_column(
        Integer, default=0
    )  # How often it had fired within the hour before it did this time.
    # The routes by which it was put into groups.
    placed: Mapped[str | None] = mapped_column(String(16))
    __table_args__ = (
        Index("ix_alert_state_placed", "state", "placed"),
        Index("ix_alert_state_severity", "state", "severity"),
    )


class RuleHealth(Base):
    """How the last evaluation of a rule went."""

    __tablename__ = "rule_health"
    rule: Mapped[str] = mapped_column(String(255), primary_key=True)
    evaluated_at: Mapped[float]
    seconds: Mapped[float]
    error: Mapped[str | None]
