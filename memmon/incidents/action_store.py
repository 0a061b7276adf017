"""The rows of actions: written down, due, claimed, changed by compare-and-set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from memmon.db import upsert
from memmon.incidents.tables import IncidentAction, IncidentRow


def add(session: Session, values: dict[str, Any]) -> IncidentAction | None:
    """Write an action down with the next number of its incident; None when its key is there
    already.
    """
    last = select(func.max(IncidentAction.number)).where(IncidentAction.incident_id == values["incident_id"])
    row = {**values, "number": (session.scalar(last) or 0) + 1}
    if upsert.insert_new(session, IncidentAction, [row]) != 1:
        return None
    return session.scalars(select(IncidentAction).where(IncidentAction.key == values["key"])).one()


def of(session: Session, incident_id: int) -> Sequence[IncidentAction]:
    """Return the actions of an incident in order."""
    query = select(IncidentAction).where(IncidentAction.incident_id == incident_id)
    return session.scalars(query.order_by(IncidentAction.number)).all()


def get(session: Session, action_id: int) -> IncidentAction | None:
    """Return one action by its id."""
    return session.get(IncidentAction, action_id)


def due(session: Session, now: float, limit: int = 100) -> list[tuple[int, float]]:
    """Return the actions that are to be done, with their time limits: new ones, retries, those
    whose worker died, and those whose wait for approval is over.
    """
    query = select(IncidentAction.id, IncidentAction.timeout).where(
        IncidentAction.state.in_(("waiting", "running", "approval")), IncidentAction.due_at <= now
    )
    return [(row[0], row[1]) for row in session.execute(query.order_by(IncidentAction.due_at).limit(limit))]


def past(session: Session, action: str, since: float, apart_from: int) -> Sequence[IncidentAction]:
    """Return the runs of an action since then, finished or running, newest first, without
    rollbacks.
    """
    recent = or_(IncidentAction.finished_at > since, IncidentAction.state == "running")
    begun = IncidentAction.started_at.is_not(None)
    is_same_action = (
        (IncidentAction.action == action) & IncidentAction.undo.is_(False) & (IncidentAction.id != apart_from)
    )
    query = select(IncidentAction).where(is_same_action, recent, begun)
    return session.scalars(query.order_by(IncidentAction.finished_at.desc())).all()


def claim(session: Session, action_id: int, now: float, until: float) -> bool:
    """Take an action that is due until `until`; False when another worker has it or it has
    ended.
    """
    free = IncidentAction.state.in_(("waiting", "running")) & (IncidentAction.due_at <= now)
    statement = update(IncidentAction).where(IncidentAction.id == action_id, free)
    values = {"state": "running", "due_at": until, "started_at": now, "attempts": IncidentAction.attempts + 1}
    return session.execute(statement.values(**values)).rowcount == 1  # type: ignore[attr-defined, no-any-return]


def change(session: Session, action_id: int, expected: str, attempt: int, **values: Any) -> bool:
    """Change an action if it is still in the state `expected` at this attempt; False when another
    worker took it over.
    """
    same = (IncidentAction.state == expected) & (IncidentAction.attempts == attempt)
    statement = update(IncidentAction).where(IncidentAction.id == action_id, same)
    return session.execute(statement.values(**values)).rowcount == 1  # type: ignore[attr-defined, no-any-return]


def cancel(session: Session, incident_id: int, now: float) -> None:
    """End the actions of an incident that have not begun."""
    waiting = IncidentAction.state.in_(("waiting", "approval")) & (IncidentAction.incident_id == incident_id)
    waiting &= IncidentAction.undo.is_(False)
    statement = update(IncidentAction).where(waiting)
    session.execute(statement.values(state="rejected", finished_at=now, due_at=None))


def withdraw(session: Session, incident_id: int, stage: str, step: int, now: float) -> None:
    """End an action that waits, for approval or since a limit makes it, and has not begun."""
    is_held = (
        (IncidentAction.state == "waiting") & IncidentAction.held_since.is_not(None) & (IncidentAction.attempts == 0)
    )
    its = (IncidentAction.stage == stage) & (IncidentAction.step == step) & IncidentAction.undo.is_(False)
    its &= (IncidentAction.state == "approval") | is_held
    statement = update(IncidentAction).where(IncidentAction.incident_id == incident_id, its)
    session.execute(statement.values(state="rejected", finished_at=now, due_at=None))


def waiting_for_approval(session: Session) -> int:
    """Return how many actions wait for approval."""
    query = select(func.count(IncidentAction.id)).where(IncidentAction.state == "approval")
    return session.scalar(query) or 0


def of_all(session: Session, numbers: Iterable[int]) -> Sequence[IncidentAction]:
    """Return the actions of some incidents."""
    return session.scalars(select(IncidentAction).where(IncidentAction.incident_id.in_(list(numbers)))).all()


def open_or_ahead(session: Session, now: float) -> Sequence[IncidentAction]:
    """Return the actions of open incidents, and those of closed incidents with a time after
    `now`.
    """
    ahead = (IncidentAction.due_at > now, IncidentAction.started_at > now, IncidentAction.finished_at > now)
    query = select(IncidentAction).join(IncidentRow).where(or_(IncidentRow.open_key.is_not(None), *ahead))
    return session.scalars(query).all()
