"""The first schema"""

import sqlalchemy as sa
from alembic import op


revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alert",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("active", sa.String(length=300), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("rule", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=16), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("annotations", sa.JSON(), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("value", sa.Float(precision=53), nullable=True),
        sa.Column("threshold", sa.Float(precision=53), nullable=True),
        sa.Column("pending_at", sa.Float(precision=53), nullable=False),
        sa.Column("firing_at", sa.Float(precision=53), nullable=True),
        sa.Column("resolved_at", sa.Float(precision=53), nullable=True),
        sa.Column("ends_at", sa.Float(precision=53), nullable=True),
        sa.Column("end_is_given", sa.Boolean(), nullable=False),
        sa.Column("evaluated_at", sa.Float(precision=53), nullable=False),
        sa.Column("acknowledged_at", sa.Float(precision=53), nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.Column("acknowledged_until", sa.Float(precision=53), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("flaps", sa.Integer(), nullable=False),
        sa.Column("placed", sa.String(length=16), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
        sa.UniqueConstraint("active", name=op.f("uq_alert_active")),
    )
    op.create_index(op.f("ix_alert_fingerprint"), "alert", ["fingerprint"], unique=False)
    op.create_index(op.f("ix_alert_firing_at"), "alert", ["firing_at"], unique=False)
    op.create_index(op.f("ix_alert_resolved_at"), "alert", ["resolved_at"], unique=False)
    op.create_index(op.f("ix_alert_rule"), "alert", ["rule"], unique=False)
    op.create_index("ix_alert_state_placed", "alert", ["state", "placed"], unique=False)
    op.create_index("ix_alert_state_severity", "alert", ["state", "severity"], unique=False)
    op.create_table(
        "alert_decision",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("group_key", sa.String(length=512), nullable=False),
        sa.Column("at", sa.Float(precision=53), nullable=False),
        sa.Column("until", sa.Float(precision=53), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("channels", sa.JSON(), nullable=False),
        sa.Column("firing", sa.JSON(), nullable=False),
        sa.Column("resolved", sa.JSON(), nullable=False),
        sa.Column("muted", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_decision")),
    )
    op.create_index(op.f("ix_alert_decision_group_key"), "alert_decision", ["group_key"], unique=False)
    op.create_index(op.f("ix_alert_decision_until"), "alert_decision", ["until"], unique=False)
    op.create_table(
        "alert_group",
        sa.Column("key", sa.String(length=512), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("route", sa.String(length=255), nullable=False),
        sa.Column("receiver", sa.String(length=255), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("due_at", sa.Float(precision=53), nullable=True),
        sa.Column("flushed_at", sa.Float(precision=53), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_alert_group")),
    )
    op.create_index(op.f("ix_alert_group_due_at"), "alert_group", ["due_at"], unique=False)
    op.create_table(
        "api_token",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.Column("last_used_at", sa.Float(precision=53), nullable=True),
        sa.Column("revoked_at", sa.Float(precision=53), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_token_digest")),
        sa.UniqueConstraint("name", name=op.f("uq_api_token_name")),
    )
    op.create_table(
        "baseline",
        sa.Column("metric", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=16), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("stats", sa.JSON(), nullable=False),
        sa.Column("updated_at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("metric", "fingerprint", name=op.f("pk_baseline")),
    )
    op.create_table(
        "clock_mark",
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("host", name=op.f("pk_clock_mark")),
    )
    op.create_table(
        "dead_letter",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("task_id", sa.String(length=64), nullable=False),
        sa.Column("task", sa.String(length=128), nullable=False),
        sa.Column("args", sa.JSON(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letter")),
        sa.UniqueConstraint("task_id", name=op.f("uq_dead_letter_task_id")),
    )
    op.create_index(op.f("ix_dead_letter_at"), "dead_letter", ["at"], unique=False)
    op.create_table(
        "health_result",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("round", sa.BigInteger(), nullable=False),
        sa.Column("target", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("response_time_ms", sa.Float(precision=53), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_health_result")),
        sa.UniqueConstraint("target", "name", "round", name=op.f("uq_health_result_target")),
    )
    op.create_index(op.f("ix_health_result_at"), "health_result", ["at"], unique=False)
    op.create_table(
        "health_round",
        sa.Column("target", sa.String(length=255), nullable=False),
        sa.Column("round", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("score", sa.Float(precision=53), nullable=False),
        sa.Column("healthy_checks", sa.Integer(), nullable=False),
        sa.Column("total_checks", sa.Integer(), nullable=False),
        sa.Column("response_time_ms", sa.Float(precision=53), nullable=False),
        sa.Column("at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("target", "round", name=op.f("pk_health_round")),
    )
    op.create_index(op.f("ix_health_round_at"), "health_round", ["at"], unique=False)
    op.create_table(
        "incident",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("open_key", sa.String(length=255), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("playbook", sa.JSON(), nullable=False),
        sa.Column("chain", sa.JSON(), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("progress", sa.JSON(), nullable=False),
        sa.Column("mttr_target_minutes", sa.Float(precision=53), nullable=False),
        sa.Column("began_at", sa.Float(precision=53), nullable=False),
        sa.Column("detected_at", sa.Float(precision=53), nullable=False),
        sa.Column("opened_at", sa.Float(precision=53), nullable=False),
        sa.Column("first_acknowledged_at", sa.Float(precision=53), nullable=True),
        sa.Column("acknowledged_at", sa.Float(precision=53), nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.Column("acknowledged_until", sa.Float(precision=53), nullable=True),
        sa.Column("remind_at", sa.Float(precision=53), nullable=True),
        sa.Column("mitigated_at", sa.Float(precision=53), nullable=True),
        sa.Column("resolved_at", sa.Float(precision=53), nullable=True),
        sa.Column("resolved_by", sa.Text(), nullable=True),
        sa.Column("reopened", sa.Integer(), nullable=False),
        sa.Column("responds_from", sa.Float(precision=53), nullable=False),
        sa.Column("merged_into", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("due_at", sa.Float(precision=53), nullable=True),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("next_level_at", sa.Float(precision=53), nullable=True),
        sa.Column("stuck_at", sa.Float(precision=53), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident")),
        sa.UniqueConstraint("open_key", name=op.f("uq_incident_open_key")),
    )
    op.create_index(op.f("ix_incident_acknowledged_until"), "incident", ["acknowledged_until"], unique=False)
    op.create_index(op.f("ix_incident_due_at"), "incident", ["due_at"], unique=False)
    op.create_index(op.f("ix_incident_key"), "incident", ["key"], unique=False)
    op.create_index(op.f("ix_incident_next_level_at"), "incident", ["next_level_at"], unique=False)
    op.create_index(op.f("ix_incident_opened_at"), "incident", ["opened_at"], unique=False)
    op.create_index(op.f("ix_incident_remind_at"), "incident", ["remind_at"], unique=False)
    op.create_index(op.f("ix_incident_resolved_at"), "incident", ["resolved_at"], unique=False)
    op.create_index(op.f("ix_incident_state"), "incident", ["state"], unique=False)
    op.create_table(
        "incident_entry",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("incident_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("at", sa.Float(precision=53), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("signed_by", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_incident_entry")),
    )
    op.create_index(op.f("ix_incident_entry_at"), "incident_entry", ["at"], unique=False)
    op.create_index(op.f("ix_incident_entry_incident_id"), "incident_entry", ["incident_id"], unique=False)
    op.create_table(
        "incident_entry_mark",
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("signature", sa.String(length=64), nullable=False),
        sa.Column("signed_by", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_incident_entry_mark")),
    )
    op.create_table(
        "maintenance",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("matchers", sa.JSON(), nullable=False),
        sa.Column("schedule", sa.JSON(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("approved_at", sa.Float(precision=53), nullable=True),
        sa.Column("ended", sa.JSON(), nullable=False),
        sa.Column("until", sa.Float(precision=53), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_maintenance")),
    )
    op.create_index(op.f("ix_maintenance_until"), "maintenance", ["until"], unique=False)
    op.create_table(
        "notification",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("receiver", sa.String(length=255), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("incident_id", sa.Integer(), nullable=True),
        sa.Column("group_key", sa.String(length=512), nullable=True),
        sa.Column("told", sa.JSON(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.Column("due_at", sa.Float(precision=53), nullable=True),
        sa.Column("deadline", sa.Float(precision=53), nullable=False),
        sa.Column("sent_at", sa.Float(precision=53), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification")),
        sa.UniqueConstraint("key", name=op.f("uq_notification_key")),
    )
    op.create_index(op.f("ix_notification_created_at"), "notification", ["created_at"], unique=False)
    op.create_index(op.f("ix_notification_due_at"), "notification", ["due_at"], unique=False)
    op.create_index(op.f("ix_notification_group_key"), "notification", ["group_key"], unique=False)
    op.create_index(op.f("ix_notification_incident_id"), "notification", ["incident_id"], unique=False)
    op.create_index(op.f("ix_notification_receiver"), "notification", ["receiver"], unique=False)
    op.create_index(op.f("ix_notification_state"), "notification", ["state"], unique=False)
    op.create_table(
        "notification_log",
        sa.Column("group_key", sa.String(length=512), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("firing", sa.JSON(), nullable=False),
        sa.Column("resolved", sa.JSON(), nullable=False),
        sa.Column("acknowledged", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("notified_at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("group_key", "channel", name=op.f("pk_notification_log")),
    )
    op.create_table(
        "oncall_calendar",
        sa.Column("schedule", sa.String(length=64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("fetched_at", sa.Float(precision=53), nullable=True),
        sa.Column("tried_at", sa.Float(precision=53), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("schedule", name=op.f("pk_oncall_calendar")),
    )
    op.create_table(
        "oncall_override",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("schedule", sa.String(length=64), nullable=False),
        sa.Column("contact", sa.String(length=64), nullable=False),
        sa.Column("start", sa.Float(precision=53), nullable=False),
        sa.Column("end", sa.Float(precision=53), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oncall_override")),
    )
    op.create_index(op.f("ix_oncall_override_end"), "oncall_override", ["end"], unique=False)
    op.create_index(op.f("ix_oncall_override_schedule"), "oncall_override", ["schedule"], unique=False)
    op.create_table(
        "push_group",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("kinds", sa.JSON(), nullable=False),
        sa.Column("families", sa.JSON(), nullable=False),
        sa.Column("series", sa.Integer(), nullable=False),
        sa.Column("pushed_at", sa.Float(precision=53), nullable=False),
        sa.Column("failed_at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_push_group")),
    )
    op.create_table(
        "redelivery",
        sa.Column("task_id", sa.String(length=64), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_redelivery")),
    )
    op.create_index(op.f("ix_redelivery_at"), "redelivery", ["at"], unique=False)
    op.create_table(
        "restriction",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("active", sa.String(length=400), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("target", sa.String(length=255), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("incident_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.Column("until", sa.Float(precision=53), nullable=False),
        sa.Column("ended_at", sa.Float(precision=53), nullable=True),
        sa.Column("enforced", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restriction")),
        sa.UniqueConstraint("active", name=op.f("uq_restriction_active")),
    )
    op.create_index(op.f("ix_restriction_subject"), "restriction", ["subject"], unique=False)
    op.create_index(op.f("ix_restriction_until"), "restriction", ["until"], unique=False)
    op.create_table(
        "rule_health",
        sa.Column("rule", sa.String(length=255), nullable=False),
        sa.Column("evaluated_at", sa.Float(precision=53), nullable=False),
        sa.Column("seconds", sa.Float(precision=53), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("rule", name=op.f("pk_rule_health")),
    )
    op.create_table(
        "security_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("event_type", sa.String(length=32), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("source_ip", sa.String(length=64), nullable=True),
        sa.Column("user", sa.Text(), nullable=True),
        sa.Column("endpoint", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("at", sa.Float(precision=53), nullable=False),
        sa.Column("received_at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_security_event")),
    )
    op.create_index(op.f("ix_security_event_at"), "security_event", ["at"], unique=False)
    op.create_index(op.f("ix_security_event_event_type"), "security_event", ["event_type"], unique=False)
    op.create_index(op.f("ix_security_event_received_at"), "security_event", ["received_at"], unique=False)
    op.create_index(op.f("ix_security_event_source_ip"), "security_event", ["source_ip"], unique=False)
    op.create_table(
        "series",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("hash", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series")),
        sa.UniqueConstraint("hash", name=op.f("uq_series_hash")),
    )
    op.create_index(op.f("ix_series_name"), "series", ["name"], unique=False)
    op.create_table(
        "silence",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("matchers", sa.JSON(), nullable=False),
        sa.Column("starts_at", sa.Float(precision=53), nullable=False),
        sa.Column("ends_at", sa.Float(precision=53), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_silence")),
    )
    op.create_index(op.f("ix_silence_ends_at"), "silence", ["ends_at"], unique=False)
    op.create_table(
        "alert_placement",
        sa.Column("alert_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("group_key", sa.String(length=512), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("receiver", sa.String(length=255), nullable=False),
        sa.Column("at", sa.Float(precision=53), nullable=False),
        sa.Column("left_at", sa.Float(precision=53), nullable=True),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["alert.id"], name=op.f("fk_alert_placement_alert_id_alert"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("alert_id", "group_key", name=op.f("pk_alert_placement")),
    )
    op.create_index(op.f("ix_alert_placement_group_key"), "alert_placement", ["group_key"], unique=False)
    op.create_table(
        "incident_action",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("incident_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(length=64), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("undo", sa.Boolean(), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("target", sa.String(length=255), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("kin", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("timeout", sa.Float(precision=53), nullable=False),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.Column("due_at", sa.Float(precision=53), nullable=True),
        sa.Column("held_since", sa.Float(precision=53), nullable=True),
        sa.Column("started_at", sa.Float(precision=53), nullable=True),
        sa.Column("finished_at", sa.Float(precision=53), nullable=True),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("results", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incident.id"], name=op.f("fk_incident_action_incident_id_incident"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_action")),
        sa.UniqueConstraint("incident_id", "number", name=op.f("uq_incident_action_incident_id")),
        sa.UniqueConstraint("key", name=op.f("uq_incident_action_key")),
    )
    op.create_index("ix_incident_action_action_finished", "incident_action", ["action", "finished_at"], unique=False)
    op.create_index(op.f("ix_incident_action_due_at"), "incident_action", ["due_at"], unique=False)
    op.create_index(op.f("ix_incident_action_incident_id"), "incident_action", ["incident_id"], unique=False)
    op.create_index(op.f("ix_incident_action_state"), "incident_action", ["state"], unique=False)
    op.create_table(
        "incident_source",
        sa.Column("incident_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.Float(precision=53), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incident.id"], name=op.f("fk_incident_source_incident_id_incident"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("incident_id", "kind", "source_id", name=op.f("pk_incident_source")),
    )
    op.create_index("ix_incident_source_source", "incident_source", ["kind", "source_id"], unique=False)
    op.create_table(
        "notification_attempt",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("notification_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.Float(precision=53), nullable=False),
        sa.Column("seconds", sa.Float(precision=53), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["notification_id"],
            ["notification.id"],
            name=op.f("fk_notification_attempt_notification_id_notification"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification_attempt")),
    )
    op.create_index(
        op.f("ix_notification_attempt_notification_id"), "notification_attempt", ["notification_id"], unique=False
    )
    op.create_table(
        "rollup",
        sa.Column("series_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("min", sa.Float(precision=53), nullable=False),
        sa.Column("max", sa.Float(precision=53), nullable=False),
        sa.Column("sum", sa.Float(precision=53), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("last", sa.Float(precision=53), nullable=False),
        sa.Column("increase", sa.Float(precision=53), nullable=False),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.id"], name=op.f("fk_rollup_series_id_series"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("series_id", "level", "start", name=op.f("pk_rollup")),
    )
    op.create_index("ix_rollup_level_start", "rollup", ["level", "start"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_rollup_level_start", table_name="rollup")
    op.drop_table("rollup")
    op.drop_index(op.f("ix_notification_attempt_notification_id"), table_name="notification_attempt")
    op.drop_table("notification_attempt")
    op.drop_index("ix_incident_source_source", table_name="incident_source")
    op.drop_table("incident_source")
    op.drop_index(op.f("ix_incident_action_state"), table_name="incident_action")
    op.drop_index(op.f("ix_incident_action_incident_id"), table_name="incident_action")
    op.drop_index(op.f("ix_incident_action_due_at"), table_name="incident_action")
    op.drop_index("ix_incident_action_action_finished", table_name="incident_action")
    op.drop_table("incident_action")
    op.drop_index(op.f("ix_alert_placement_group_key"), table_name="alert_placement")
    op.drop_table("alert_placement")
    op.drop_index(op.f("ix_silence_ends_at"), table_name="silence")
    op.drop_table("silence")
    op.drop_index(op.f("ix_series_name"), table_name="series")
    op.drop_table("series")
    op.drop_index(op.f("ix_security_event_source_ip"), table_name="security_event")
    op.drop_index(op.f("ix_security_event_received_at"), table_name="security_event")
    op.drop_index(op.f("ix_security_event_event_type"), table_name="security_event")
    op.drop_index(op.f("ix_security_event_at"), table_name="security_event")
    op.drop_table("security_event")
    op.drop_table("rule_health")
    op.drop_index(op.f("ix_restriction_until"), table_name="restriction")
    op.drop_index(op.f("ix_restriction_subject"), table_name="restriction")
    op.drop_table("restriction")
    op.drop_index(op.f("ix_redelivery_at"), table_name="redelivery")
    op.drop_table("redelivery")
    op.drop_table("push_group")
    op.drop_index(op.f("ix_oncall_override_schedule"), table_name="oncall_override")
    op.drop_index(op.f("ix_oncall_override_end"), table_name="oncall_override")
    op.drop_table("oncall_override")
    op.drop_table("oncall_calendar")
    op.drop_table("notification_log")
    op.drop_index(op.f("ix_notification_state"), table_name="notification")
    op.drop_index(op.f("ix_notification_receiver"), table_name="notification")
    op.drop_index(op.f("ix_notification_incident_id"), table_name="notification")
    op.drop_index(op.f("ix_notification_group_key"), table_name="notification")
    op.drop_index(op.f("ix_notification_due_at"), table_name="notification")
    op.drop_index(op.f("ix_notification_created_at"), table_name="notification")
    op.drop_table("notification")
    op.drop_index(op.f("ix_maintenance_until"), table_name="maintenance")
    op.drop_table("maintenance")
    op.drop_table("incident_entry_mark")
    op.drop_index(op.f("ix_incident_entry_incident_id"), table_name="incident_entry")
    op.drop_index(op.f("ix_incident_entry_at"), table_name="incident_entry")
    op.drop_table("incident_entry")
    op.drop_index(op.f("ix_incident_state"), table_name="incident")
    op.drop_index(op.f("ix_incident_resolved_at"), table_name="incident")
    op.drop_index(op.f("ix_incident_remind_at"), table_name="incident")
    op.drop_index(op.f("ix_incident_opened_at"), table_name="incident")
    op.drop_index(op.f("ix_incident_next_level_at"), table_name="incident")
    op.drop_index(op.f("ix_incident_key"), table_name="incident")
    op.drop_index(op.f("ix_incident_due_at"), table_name="incident")
    op.drop_index(op.f("ix_incident_acknowledged_until"), table_name="incident")
    op.drop_table("incident")
    op.drop_index(op.f("ix_health_round_at"), table_name="health_round")
    op.drop_table("health_round")
    op.drop_index(op.f("ix_health_result_at"), table_name="health_result")
    op.drop_table("health_result")
    op.drop_index(op.f("ix_dead_letter_at"), table_name="dead_letter")
    op.drop_table("dead_letter")
    op.drop_table("clock_mark")
    op.drop_table("baseline")
    op.drop_table("api_token")
    op.drop_index(op.f("ix_alert_group_due_at"), table_name="alert_group")
    op.drop_table("alert_group")
    op.drop_index(op.f("ix_alert_decision_until"), table_name="alert_decision")
    op.drop_index(op.f("ix_alert_decision_group_key"), table_name="alert_decision")
    op.drop_table("alert_decision")
    op.drop_index("ix_alert_state_severity", table_name="alert")
    op.drop_index("ix_alert_state_placed", table_name="alert")
    op.drop_index(op.f("ix_alert_rule"), table_name="alert")
    op.drop_index(op.f("ix_alert_resolved_at"), table_name="alert")
    op.drop_index(op.f("ix_alert_firing_at"), table_name="alert")
    op.drop_index(op.f("ix_alert_fingerprint"), table_name="alert")
    op.drop_table("alert")
