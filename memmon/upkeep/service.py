"""The verbs of upkeep: forgetting what has been kept long enough."""

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
    """Table, the column of its age, and hours to keep. Open alerts and incidents have no such time and stay."""
    kept, security = ctx.settings.retention_hours, ctx.settings.security_retention_hours
    return [
        (tables.HealthResult, "at", min(kept, 7 * DAY)),
        (tables.HealthRound, "at", kept),
        (tables.AlertRow, "resolved_at", kept),
        (tables.SilenceRow, "ends_at", kept),
        (tables.NotificationRow, "created_at", kept),
        (tables.DecisionRow, "until", kept),
        (tables.MaintenanceRow, "until", kept),
        (tables.SecurityEventRow, "at", security),
        (tables.RestrictionRow, "ended_at", security),
        (tables.IncidentRow, "resolved_at", security),
        (tables.OncallOverride, "end", kept),
        (tables.DeadLetter, "at", kept),
        (tables.Redelivery, "at", DAY),
    ]
