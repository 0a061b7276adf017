"""Tables: incidents, their sources and actions, and clock marks."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from memmon.db.base import Base, Id


class IncidentRow(Base):
    """One incident. `open_key` is null once it is closed; `version` rises with every step, so that
    a stale or duplicate task changes nothing; `due_at` is the latest time of its next step. `level`
    counts paged levels, `pages` counts pages. `began_at` is the start of the cause, `detected_at`
    the first firing alert.
    """

    __tablename__ = "incident"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    key: Mapped[str] = mapped_column(String(255), index=True)
    open_key: Mapped[str | None] = mapped_column(String(255), unique=True)
    version: Mapped[int] = mapped_column(default=1)
    title: Mapped[str]
    severity: Mapped[str] = mapped_column(String(16))
    # open, verifying, rolling_back, manual or resolved
    state: Mapped[str] = mapped_column(String(16), index=True)
    playbook: Mapped[dict[str, Any]]
    chain: Mapped[dict[str, Any]]
    labels: Mapped[dict[str, Any]]
    progress: Mapped[dict[str, Any]]
    mttr_target_minutes: Mapped[float]
    began_at: Mapped[float]
    detected_at: Mapped[float]
    opened_at: Mapped[float] = mapped_column(index=True)
    first_acknowledged_at: Mapped[float | None]
    acknowledged_at: Mapped[float | None]
    acknowledged_by: Mapped[str | None]
    acknowledged_until: Mapped[float | None] = mapped_column(index=True)
    remind_at: Mapped[float | None] = mapped_column(index=True)
    mitigated_at: Mapped[float | None]
    resolved_at: Mapped[float | None] = mapped_column(index=True)
    resolved_by: Mapped[str | None]
    reopened: Mapped[int] = mapped_column(default=0)
    # When it was opened, or opened again: what due times and levels count from.
    responds_from: Mapped[float]
    merged_into: Mapped[int | None] = mapped_column(Id)
    due_at: Mapped[float | None] = mapped_column(index=True)
    level: Mapped[int] = mapped_column(default=0)
    pages: Mapped[int] = mapped_column(default=0)
    next_level_at: Mapped[float | None] = mapped_column(index=True)
    stuck_at: Mapped[float | None]  # When the auditor started it again; null once it has gone on.


class IncidentSource(Base):
    """An alert or event that an incident was opened from or has absorbed."""

    __tablename__ = "incident_source"
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(8), primary_key=True)  # alert or event
    source_id: Mapped[int] = mapped_column(Id, primary_key=True)
    at: Mapped[float]
    __table_args__ = (Index("ix_incident_source_source", "kind", "source_id"),)


class IncidentAction(Base):
    """One action run of an incident: the step `step` of `stage` in its `round` (from 0), or with
    `undo` its rollback. `key` deduplicates runs; `state` is claimed by compare-and-set, and while
    it runs `due_at` is the end of the claim. `before` is the state before the first attempt.
    `target`, `subject` and `kin` are the objects that the guardrails count; while it waits for
    approval `due_at` is the end of the wait.
    """

    __tablename__ = "incident_action"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id", ondelete="CASCADE"), index=True)
    number: Mapped[int]
    key: Mapped[str] = mapped_column(String(255), unique=True)
    round: Mapped[int] = mapped_column(Integer, default=0)
    stage: Mapped[str] = mapped_column(String(64))
    step: Mapped[int] = mapped_column(Integer)
    undo: Mapped[bool] = mapped_column(default=False)
    action: Mapped[str] = mapped_column(String(64))
    parameters: Mapped[dict[str, Any]]
    target: Mapped[str] = mapped_column(String(255), default="")
    subject: Mapped[str] = mapped_column(String(255), default="")
    kin: Mapped[str] = mapped_column(String(255), default="")
    # waiting approval running done dry_run failed refused rejected
    state: Mapped[str] = mapped_column(String(16), index=True)
    attempts: Mapped[int] = mapped_column(default=0)
    max_attempts: Mapped[int] = mapped_column(default=3)
    timeout: Mapped[float] = mapped_column(default=15.0)
    created_at: Mapped[float]
    due_at: Mapped[float | None] = mapped_column(index=True)
    held_since: Mapped[float | None]  # Since when a limit makes it wait.
    started_at: Mapped[float | None]
    finished_at: Mapped[float | None]
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    # one object an attempt: {at, seconds, outcome, output}; running: {at, outcome}
    results: Mapped[list[Any]]
    __table_args__ = (
        Index("ix_incident_action_action_finished", "action", "finished_at"),
        UniqueConstraint("incident_id", "number"),
    )


class ClockMark(Base):
    """What a host's clock said when an auditor last looked there (Unix seconds)."""

    __tablename__ = "clock_mark"
    host: Mapped[str] = mapped_column(String(255), primary_key=True)
    at: Mapped[float]
