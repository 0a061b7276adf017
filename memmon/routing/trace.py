"""What routing remembers of an alert: where it was placed, and what was decided there."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from memmon.db.tables import DecisionRow, PlacementRow
from memmon.routing import store


def placements(session: Session, alert_id: int) -> Sequence[PlacementRow]:
    """Return the groups that an alert is or was in."""
    return store.placements(session, alert_id)


def decisions(session: Session, key: str, since: float, until: float, limit: int) -> Sequence[DecisionRow]:
    """Return what was decided about a group in a time, the oldest first; of many the newest."""
    return store.decisions(session, [key], since, until, limit)


def due_at(session: Session, key: str) -> float | None:
    """Return when a group is looked at next; None where it is none any more."""
    row = store.group(session, key)
    return row.due_at if row else None
