"""The rows of incidents: incidents, their sources, timeline and actions."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import case, func, or_, select, update
from sqlalchemy.orm import Session, load_only

from memmon.db import upsert
from memmon.db.tables import IncidentAction, IncidentEntry, IncidentRow, IncidentSource

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

COUNTED = (
    IncidentRow.open_key,
    IncidentRow.severity,
    IncidentRow.opened_at,
    IncidentRow.acknowledged_at,
    IncidentRow.mitigated_at,
    IncidentRow.resolved_at,
    IncidentRow.mttr_target_minutes,
)


def storable(text: str) -> str:
    """Return `text` with what PostgreSQL cannot hold replaced."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def get(session: Session, number: int, lock: bool = False) -> IncidentRow | None:
    """Return one incident; with `lock` nobody else changes it before this transaction ends."""
    return session.get(IncidentRow, number, with_for_update=lock)


def open_for(session: Session, key: str) -> IncidentRow | None:
    """Return the incident that is open for `key`."""
    return session.scalars(select(IncidentRow).where(IncidentRow.open_key == key).with_for_update()).first()


def insert(session: Session, values: dict[str, Any]) -> bool:
    """Open an incident; False when one is open for its key already."""
    return upsert.insert_new(session, IncidentRow, [values]) == 1


def swap(session: Session, number: int, version: int, **values: Any) -> bool:
    """Change an incident if it is still at `version`; False when another worker was first."""
    statement = update(IncidentRow).where(IncidentRow.id == number, IncidentRow.version == version)
    return session.execute(statement.values(version=version + 1, **values)).rowcount == 1  # type: ignore[attr-defined, no-any-return]


def wake(session: Session, number: int, now: float) -> None:
    """Let an incident that is not closed be looked at now."""
    statement = update(IncidentRow).where(IncidentRow.id == number, IncidentRow.open_key.is_not(None))
    # Whoever is deciding at this moment has not seen what it is woken for.
    session.execute(statement.values(due_at=now, version=IncidentRow.version + 1))


def due(session: Session, now: float, limit: int = 100) -> list[int]:
    """Return the incidents that are to be looked at: their time has come, or that of their next page."""
    ripe = or_(IncidentRow.due_at <= now, IncidentRow.next_level_at <= now)
    query = select(IncidentRow.id).where(IncidentRow.open_key.is_not(None), ripe)
    turn = case((IncidentRow.next_level_at < IncidentRow.due_at, IncidentRow.next_level_at), else_=IncidentRow.due_at)
    return list(session.scalars(query.order_by(turn).limit(limit)))


def open_sources(session: Session, kind: str) -> dict[int, set[int]]:
    """Return the sources of this kind of each open incident."""
    query = select(IncidentSource.incident_id, IncidentSource.source_id).join(IncidentRow)
    found: dict[int, set[int]] = defaultdict(set)
    for number, source in session.execute(query.where(IncidentRow.open_key.is_not(None), IncidentSource.kind == kind)):
        found[number].add(source)
    return found


def existing(session: Session, numbers: Iterable[int]) -> set[int]:
    """Return those of the ids that are incidents."""
    return set(session.scalars(select(IncidentRow.id).where(IncidentRow.id.in_(list(numbers)))))


def listing(session: Session, state: str | None, limit: int, before: int | None) -> tuple[Sequence[IncidentRow], int]:
    """Return the newest incidents older than id `before`, and how many there are; state `open` means not resolved, and
    `acknowledged` those of them that somebody is at."""
    query = select(IncidentRow)
    if state == "open":
        query = query.where(IncidentRow.open_key.is_not(None))
    elif state == "acknowledged":
        query = query.where(IncidentRow.open_key.is_not(None), IncidentRow.acknowledged_at.is_not(None))
    elif state:
        query = query.where(IncidentRow.state == state)
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    if before is not None:
        query = query.where(IncidentRow.id < before)
    return session.scalars(query.order_by(IncidentRow.id.desc()).limit(limit)).all(), total


def since(session: Session, moment: float) -> Sequence[IncidentRow]:
    """Return the incidents that were opened after `moment`, or are open, with what is counted of them."""
    recent = or_(IncidentRow.opened_at >= moment, IncidentRow.open_key.is_not(None))
    return session.scalars(select(IncidentRow).where(recent).options(load_only(*COUNTED))).all()


def add_source(session: Session, number: int, kind: str, source_id: int, at: float) -> bool:
    """Join a source to an incident; False when it is one already."""
    row = {"incident_id": number, "kind": kind, "source_id": source_id, "at": at}
    return upsert.insert_new(session, IncidentSource, [row]) == 1


def known_sources(session: Session, kind: str, ids: Iterable[int]) -> set[int]:
    """Return those of `ids` that are sources of some incident, open or not."""
    query = select(IncidentSource.source_id).where(IncidentSource.kind == kind, IncidentSource.source_id.in_(list(ids)))
    return set(session.scalars(query))


def sources(session: Session, number: int) -> Sequence[IncidentSource]:
    """Return the sources of an incident, in the order in which they came."""
    query = select(IncidentSource).where(IncidentSource.incident_id == number)
    return session.scalars(query.order_by(IncidentSource.at, IncidentSource.source_id)).all()


def note(session: Session, incident_id: int, at: float, kind: str, by: str, text: str, **detail: Any) -> None:
    """Add a line to the timeline."""
    row = IncidentEntry(
        incident_id=incident_id, at=at, kind=kind, by=storable(by), text=storable(text[:4000]), detail=detail
    )
    session.add(row)


def entries(session: Session, number: int) -> Sequence[IncidentEntry]:
    """Return the timeline, the oldest line first."""
    query = select(IncidentEntry).where(IncidentEntry.incident_id == number)
    return session.scalars(query.order_by(IncidentEntry.at, IncidentEntry.id)).all()


def add_action(session: Session, values: dict[str, Any]) -> IncidentAction | None:
    """Write an action down with the next number of its incident; None when its key is there already."""
    last = select(func.max(IncidentAction.number)).where(IncidentAction.incident_id == values["incident_id"])
    row = {**values, "number": (session.scalar(last) or 0) + 1}
    if upsert.insert_new(session, IncidentAction, [row]) != 1:
        return None
    return session.scalars(select(IncidentAction).where(IncidentAction.key == values["key"])).one()


def actions(session: Session, number: int) -> Sequence[IncidentAction]:
    """Return the actions of an incident in order."""
    query = select(IncidentAction).where(IncidentAction.incident_id == number)
    return session.scalars(query.order_by(IncidentAction.number)).all()


def action(session: Session, number: int) -> IncidentAction | None:
    """Return one action by its id."""
    return session.get(IncidentAction, number)


def due_actions(session: Session, now: float, limit: int = 100) -> list[int]:
    """Return the actions that are to be done: new ones, retries, and those whose worker died."""
    query = select(IncidentAction.id).where(
        IncidentAction.state.in_(("waiting", "running")), IncidentAction.due_at <= now
    )
    return list(session.scalars(query.order_by(IncidentAction.due_at).limit(limit)))


def claim(session: Session, number: int, now: float, until: float) -> bool:
    """Take an action that is due until `until`; False when another worker has it or it has ended."""
    free = IncidentAction.state.in_(("waiting", "running")) & (IncidentAction.due_at <= now)
    statement = update(IncidentAction).where(IncidentAction.id == number, free)
    values = {"state": "running", "due_at": until, "started_at": now, "attempts": IncidentAction.attempts + 1}
    return session.execute(statement.values(**values)).rowcount == 1  # type: ignore[attr-defined, no-any-return]


def change_action(session: Session, number: int, expected: str, attempts: int, **values: Any) -> bool:
    """Change an action if it is still in the state `expected` at this attempt; False when another worker took it over."""
    same = (IncidentAction.state == expected) & (IncidentAction.attempts == attempts)
    statement = update(IncidentAction).where(IncidentAction.id == number, same)
    return session.execute(statement.values(**values)).rowcount == 1  # type: ignore[attr-defined, no-any-return]


def cancel_actions(session: Session, number: int, now: float) -> None:
    """End the actions of an incident that have not begun."""
    waiting = IncidentAction.state.in_(("waiting", "approval")) & (IncidentAction.incident_id == number)
    statement = update(IncidentAction).where(waiting)
    session.execute(statement.values(state="rejected", finished_at=now, due_at=None))


def withdraw(session: Session, number: int, stage: str, step: int, now: float) -> None:
    """End an action that waits for approval."""
    its = (IncidentAction.stage == stage) & (IncidentAction.step == step) & (IncidentAction.state == "approval")
    statement = update(IncidentAction).where(IncidentAction.incident_id == number, its)
    session.execute(statement.values(state="rejected", finished_at=now, due_at=None))


def waiting_for_approval(session: Session) -> int:
    """Return how many actions wait for somebody's word."""
    query = select(func.count(IncidentAction.id)).where(IncidentAction.state == "approval")
    return session.scalar(query) or 0
