"""Every table. Times are Unix seconds (Float); JSON columns hold plain objects; ids are integers
unless said.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Float, ForeignKey, Index, Integer, MetaData, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Id = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only in a column of the type INTEGER."""


class Base(DeclarativeBase):
    """Names constraints, so that a migration can find them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {dict[str, Any]: JSON, list[Any]: JSON, float: Float(53), str: Text}


# metrics


class SeriesRow(Base):
    """A label set with history; `hash` is the fingerprint of all labels, the name included."""

    __tablename__ = "series"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    hash: Mapped[str] = mapped_column(String(16), unique=True)
    name: Mapped[str] = mapped_column(String(255), index=True)
    labels: Mapped[dict[str, Any]]
    kind: Mapped[str] = mapped_column(String(16), default="untyped")


class RollupRow(Base):
    """The values of one series in [start, start + level seconds)."""

    __tablename__ = "rollup"
    series_id: Mapped[int] = mapped_column(ForeignKey("series.id", ondelete="CASCADE"), primary_key=True)
    level: Mapped[int] = mapped_column(Integer, primary_key=True)
    start: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    min: Mapped[float]
    max: Mapped[float]
    sum: Mapped[float]
    count: Mapped[int]
    last: Mapped[float]
    increase: Mapped[float]
    __table_args__ = (Index("ix_rollup_level_start", "level", "start"),)


class BaselineRow(Base):
    """Baseline of a metric for one job and instance; `fingerprint` identifies these labels."""

    __tablename__ = "baseline"
    metric: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(16), primary_key=True)
    labels: Mapped[dict[str, Any]]
    stats: Mapped[dict[str, Any]]
    updated_at: Mapped[float]


# push


class PushGroupRow(Base):
    """The metrics that a job pushed for one set of grouping labels; `key` is the SHA-256 of these.
    Kept until it is deleted.
    """

    __tablename__ = "push_group"
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    job: Mapped[str]
    labels: Mapped[dict[str, Any]]
    kinds: Mapped[dict[str, Any]]
    families: Mapped[dict[str, Any]]
    series: Mapped[int]
    pushed_at: Mapped[float]
    failed_at: Mapped[float]


# health


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


# alerts


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


# routing


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


# notify


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


# security


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


# incidents


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


# access and upkeep


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


class DeadLetter(Base):
    """A task that was given up: nothing that memmon could not do is silently gone."""

    __tablename__ = "dead_letter"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    task_id: Mapped[str] = mapped_column(String(64), unique=True)
    task: Mapped[str] = mapped_column(String(128))
    args: Mapped[list[Any]]
    error: Mapped[str]
    attempts: Mapped[int]
    at: Mapped[float] = mapped_column(index=True)


class Redelivery(Base):
    """How often a task came back because its process died: a poison task must not kill workers for
    ever.
    """

    __tablename__ = "redelivery"
    task_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    count: Mapped[int]
    at: Mapped[float] = mapped_column(index=True)
