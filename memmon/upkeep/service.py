"""Public interface of upkeep: deletes rows past their retention."""

from __future__ import annotations

from sqlalchemy import delete

from memmon.context import Context
from memmon.db import tables
from memmon.db.tables import Base

DAY = 24.0


def prune(ctx: Context) -> dict[str, int]:
    """Delete the rows that are older than their table keeps them; return how many, by table."""
    gone = {}
    with ctx.write() as session:
        for model, column, hours in _limits(ctx):
            statement = delete(model).where(model.__table__.c[column] < ctx.now() - hours * 3600)
            gone[model.__tablename__] = int(session.execute(statement).rowcount)  # type: ignore[attr-defined]
    return gone


def _limits(ctx: Context) -> list[tuple[type[Base], str, float]]:
    """Table, the column of its age, and hours to keep. Open alerts and incidents have no such time
    and stay.
    """
    retention, security = ctx.settings.retention_hours, ctx.settings.security_retention_hours
    return [
        (tables.HealthResult, "at", min(retention, 7 * DAY)),
        (tables.HealthRound, "at", retention),
        (tables.AlertRow, "resolved_at", retention),
        (tables.SilenceRow, "ends_at", retention),
        (tables.NotificationRow, "created_at", retention),
        (tables.DecisionRow, "until", retention),
        (tables.MaintenanceRow, "until", retention),
        (tables.SecurityEventRow, "at", security),
        (tables.RestrictionRow, "ended_at", security),
        (tables.IncidentRow, "resolved_at", security),
        (tables.OncallOverride, "end", retention),
        (tables.DeadLetter, "at", retention),
        (tables.Redelivery, "at", DAY),
    ]
