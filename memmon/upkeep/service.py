"""Public interface of upkeep: deletes rows past their retention."""

from __future__ import annotations

from sqlalchemy import delete

from memmon.alerts.tables import AlertRow
from memmon.context import Context
from memmon.db.base import Base
from memmon.health.tables import HealthResult, HealthRound
from memmon.incidents.tables import IncidentRow
from memmon.notify.tables import NotificationRow
from memmon.oncall.tables import OncallOverride
from memmon.routing.tables import DecisionRow, MaintenanceRow, SilenceRow
from memmon.security.tables import RestrictionRow, SecurityEventRow
from memmon.upkeep.tables import DeadLetter, Redelivery

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
        (HealthResult, "at", min(retention, 7 * DAY)),
        (HealthRound, "at", retention),
        (AlertRow, "resolved_at", retention),
        (SilenceRow, "ends_at", retention),
        (NotificationRow, "created_at", retention),
        (DecisionRow, "until", retention),
        (MaintenanceRow, "until", retention),
        (SecurityEventRow, "at", security),
        (RestrictionRow, "ended_at", security),
        (IncidentRow, "resolved_at", security),
        (OncallOverride, "end", retention),
        (DeadLetter, "at", retention),
        (Redelivery, "at", DAY),
    ]
