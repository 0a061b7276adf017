"""Routing history of an alert: its placements and the decisions about its groups."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from memmon.routing import store
from memmon.routing.tables import DecisionRow, PlacementRow


def placements(session: Session, alert_id: int) -> Sequence[PlacementRow]:
    """Return the groups that an alert is or was in."""
    return store.placements(session, alert_id)


def decisions(session: Session, key: str, since: float, until: float, limit: int) -> Sequence[DecisionRow]:
    """Return the decisions about a group in a time range, oldest first; of many the newest."""
    return store.decisions(session, [key], since, until, limit)


def due_at(session: Session, key: str) -> float | None:
    """Return the next flush of a group, None if the group was deleted."""
    row = store.group(session, key)
    return row.due_at if row else None
