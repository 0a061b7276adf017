"""Bring databases of earlier states of release 0.1.0 to its final schema, with their data

Until release 0.1.0 the first migration was edited in place, so a database may have any of its
earlier schemas and still be at revision 0001. Such a database is copied table by table into the
schema of 0001 as it was released. Columns that an earlier schema lacked get the values that its
rows meant.
"""

import importlib

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BACKUP = "before_0002_"
DEFAULTS = {
    "alert": {"end_is_given": "{false}", "flaps": "0"},
    "incident": {
        "key": "COALESCE(open_key, 'incident-' || id)",
        "began_at": "detected_at",
        "first_acknowledged_at": "acknowledged_at",
        "reopened": "0",
        "responds_from": "opened_at",
        "pages": "level",
    },
    "incident_action": {
        "undo": "{false}",
        "target": "''",
        "subject": "''",
        "kin": "''",
        "timeout": "15.0",
    },
    "incident_entry": {"seq": "id", "previous": "''", "hash": "''", "signed_by": "''"},
}
"""SQL for the columns that earlier schemas lacked; all others are null."""


def upgrade() -> None:
    connection = op.get_bind()
    if sa.inspect(connection).has_table("incident_entry_mark"):
        return
    tables = _set_aside(connection)
    importlib.import_module("memmon.db.migrations.versions.0001_first_schema").upgrade()
    for table in tables:
        _restore(connection, table)
    for table in tables:
        op.execute(f"DROP TABLE {BACKUP}{table}")


def _set_aside(connection):
    """Copy all tables without their constraints, drop them, and return their names, parents first."""
    inspector = sa.inspect(connection)
    names = [name for name in inspector.get_table_names() if name != "alembic_version"]
    for name in names:
        op.execute(f"CREATE TABLE {BACKUP}{name} AS SELECT * FROM {name}")
    children = {name for name in names if inspector.get_foreign_keys(name)}
    parents_first = sorted(names, key=lambda name: name in children)
    for name in reversed(parents_first):
        op.execute(f"DROP TABLE {name}")
    return parents_first


def _restore(connection, table):
    """Copy the rows of one table back, with values for the columns that it lacked."""
    inspector = sa.inspect(connection)
    old = {column["name"] for column in inspector.get_columns(BACKUP + table)}
    new = [column["name"] for column in inspector.get_columns(table)]
    false = "false" if connection.dialect.name == "postgresql" else "0"
    values = {name: f'"{name}"' for name in new if name in old}
    for name, text in DEFAULTS.get(table, {}).items():
        values.setdefault(name, text.format(false=false))
    if table == "baseline" and "labels" not in old:
        _restore_baselines(connection)
    elif table == "notification_log" and "channel" not in old:
        _restore_notification_log(connection)
    else:
        if table == "incident_action":
            # Numbers were not unique within an incident.
            values["number"] = "ROW_NUMBER() OVER (PARTITION BY incident_id ORDER BY number, id)"
        columns = ", ".join(f'"{name}"' for name in values)
        op.execute(f"INSERT INTO {table} ({columns}) SELECT {', '.join(values.values())} FROM {BACKUP}{table}")
    _restart_sequence(connection, table)


def _restore_baselines(connection):
    """Key baselines by their labels instead of their instance alone."""
    old = sa.table(f"{BACKUP}baseline", sa.column("instance"), *_baseline_columns())
    new = sa.table("baseline", sa.column("fingerprint"), sa.column("labels", sa.JSON), *_baseline_columns())
    for row in connection.execute(sa.select(old)).mappings().all():
        labels = {"instance": row["instance"]} if row["instance"] else {}
        values = {name: row[name] for name in ("metric", "stats", "updated_at")}
        connection.execute(new.insert().values(fingerprint=_fingerprint(labels), labels=labels, **values))


def _baseline_columns():
    return [sa.column("metric"), sa.column("stats", sa.JSON), sa.column("updated_at")]


def _fingerprint(labels):
    """Return the FNV-1a 64 fingerprint of a label set, as in prometheus/common `signature.go`."""
    value = 14695981039346656037
    for pair in sorted(labels.items()):
        for text in pair:
            for byte in (*text.encode(), 255):
                value = ((value ^ byte) * 1099511628211) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def _restore_notification_log(connection):
    """Give each channel that delivered to a receiver that receiver's log entry."""
    false = "false" if connection.dialect.name == "postgresql" else "0"
    op.execute(
        "INSERT INTO notification_log"
        " (group_key, channel, firing, resolved, acknowledged, reason, notified_at)"
        f" SELECT old.group_key, sent.channel, old.firing, old.resolved, {false}, old.reason, old.notified_at"
        f" FROM {BACKUP}notification_log AS old"
        f" JOIN (SELECT DISTINCT receiver, channel FROM {BACKUP}notification) AS sent"
        " ON sent.receiver = old.receiver WHERE old.notified_at IS NOT NULL"
    )


def _restart_sequence(connection, table):
    """Let PostgreSQL number new rows after the copied ones."""
    if connection.dialect.name != "postgresql":
        return
    columns = {column["name"] for column in sa.inspect(connection).get_columns(table)}
    if "id" not in columns:
        return
    sequence = connection.execute(sa.text(f"SELECT pg_get_serial_sequence('{table}', 'id')")).scalar()
    if sequence:
        highest = connection.execute(sa.text(f"SELECT MAX(id) FROM {table}")).scalar()
        if highest:
            connection.execute(sa.text(f"SELECT setval('{sequence}', {highest})"))
