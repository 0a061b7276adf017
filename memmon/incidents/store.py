"""Rows of incidents, their sources and their messages. Actions are in `action_store`, on-call in
`oncall.store`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Select, case, func, or_, select, update
from sqlalchemy.orm import Session, load_only

from memmon.db import upsert
from memmon.incidents.tables import IncidentAction, IncidentRow, IncidentSource
from memmon.notify.tables import NotificationRow

COUNTED = (
    IncidentRow.open_key,
    IncidentRow.key,
    IncidentRow.severity,
    IncidentRow.began_at,
    IncidentRow.opened_at,
    IncidentRow.acknowledged_at,
    IncidentRow.first_acknowledged_at,
    IncidentRow.mitigated_at,
    IncidentRow.resolved_at,
    IncidentRow.mttr_target_minutes,
    IncidentRow.reopened,
    IncidentRow.merged_into,
)


def get(session: Session, incident_id: int, lock: bool = False) -> IncidentRow | None:
    """Return one incident; with `lock` nobody else changes it before this transaction ends."""
    return session.get(IncidentRow, incident_id, with_for_update=lock)


def ids() -> Select[tuple[int]]:
    """Return the query for the ids of all stored incidents."""
    return select(IncidentRow.id)


def open_for(session: Session, key: str) -> IncidentRow | None:
    """Return the incident that is open for `key`."""
    return session.scalars(select(IncidentRow).where(IncidentRow.open_key == key).with_for_update()).first()


def part_of(session: Session, key: str) -> IncidentRow | None:
    """Return the open incident that the newest one of `key` was merged into."""
    row = session.scalars(
        select(IncidentRow).where(IncidentRow.key == key).order_by(IncidentRow.id.desc()).limit(1)
    ).first()
    while row is not None and row.merged_into is not None:
        row = get(session, row.merged_into, lock=True)
    return row if row is not None and row.open_key is not None else None


def insert(session: Session, values: dict[str, Any]) -> bool:
    """Open an incident; False when one is open for its key already."""
    return upsert.insert_new(session, IncidentRow, [values]) == 1


def swap(session: Session, incident_id: int, version: int, **values: Any) -> bool:
    """Change an incident if it is still at `version`; False when another worker was first."""
    statement = update(IncidentRow).where(IncidentRow.id == incident_id, IncidentRow.version == version)
    return session.execute(statement.values(version=version + 1, **values)).rowcount == 1  # type: ignore[attr-defined, no-any-return]


def wake(session: Session, incident_id: int, now: float) -> None:
    """Make an open incident due now."""
    statement = update(IncidentRow).where(IncidentRow.id == incident_id, IncidentRow.open_key.is_not(None))
    # A decision in progress has not seen the reason for this wake-up.
    session.execute(statement.values(due_at=now, version=IncidentRow.version + 1))


def open_rows(session: Session) -> Sequence[IncidentRow]:
    """Return the open incidents, locked, in the order in which everybody locks them."""
    query = select(IncidentRow).where(IncidentRow.open_key.is_not(None)).order_by(IncidentRow.id)
    return session.scalars(query.with_for_update()).all()


def due(session: Session, now: float, limit: int = 100) -> list[int]:
    """Return the due incidents: their next step, their next page, or their reminder is due."""
    times = (IncidentRow.due_at, IncidentRow.next_level_at, IncidentRow.remind_at, IncidentRow.acknowledged_until)
    ripe = or_(*(column <= now for column in times))
    query = select(IncidentRow.id).where(IncidentRow.open_key.is_not(None), ripe)
    turn = case((IncidentRow.next_level_at < IncidentRow.due_at, IncidentRow.next_level_at), else_=IncidentRow.due_at)
    return list(session.scalars(query.order_by(turn).limit(limit)))


def overdue(session: Session, now: float, late: float) -> list[int]:
    """Return the open incidents that something is or was overdue of, or that nobody would look at
    again, or be paged for.
    """
    limit = now - late
    waiting = IncidentAction.state.in_(("waiting", "running", "approval"))
    left = waiting & or_(IncidentAction.due_at < limit, IncidentAction.due_at.is_(None))
    unpaged = IncidentRow.next_level_at.is_(None) & IncidentRow.acknowledged_at.is_(None)
    failed = select(NotificationRow.incident_id).where(
        NotificationRow.kind == "page", NotificationRow.state == "failed", NotificationRow.incident_id.is_not(None)
    )
    wrong = or_(
        IncidentRow.due_at < limit,
        IncidentRow.due_at.is_(None),
        IncidentRow.next_level_at < limit,
        IncidentRow.stuck_at.is_not(None),
        unpaged,
        IncidentRow.id.in_(select(IncidentAction.incident_id).where(left)),
        IncidentRow.id.in_(failed),
    )
    query = select(IncidentRow.id).where(IncidentRow.open_key.is_not(None), wrong)
    return list(session.scalars(query.order_by(IncidentRow.id)))


def lately(session: Session, key: str, since: float) -> IncidentRow | None:
    """Return the newest incident of `key` that ended after `since`, locked."""
    query = select(IncidentRow).where(
        IncidentRow.key == key,
        IncidentRow.open_key.is_(None),
        IncidentRow.resolved_at > since,
        IncidentRow.merged_into.is_(None),
    )
    return session.scalars(query.order_by(IncidentRow.id.desc()).limit(1).with_for_update()).first()


def open_keys(session: Session) -> set[str]:
    """Return what incidents are open for."""
    return set(session.scalars(select(IncidentRow.open_key).where(IncidentRow.open_key.is_not(None))))


def move_sources(session: Session, incident_id: int, to: int, source_keys: Iterable[tuple[str, int]]) -> None:
    """Let sources of one incident be those of another."""
    for kind, source_id in source_keys:
        row = session.get(IncidentSource, (incident_id, kind, source_id))
        if row is not None:
            add_source(session, to, kind, source_id, row.at)
            session.delete(row)


def open_sources(session: Session, kind: str) -> dict[int, set[int]]:
    """Return the sources of this kind of each open incident."""
    query = select(IncidentSource.incident_id, IncidentSource.source_id).join(IncidentRow)
    sources_by_incident: dict[int, set[int]] = defaultdict(set)
    for incident_id, source in session.execute(
        query.where(IncidentRow.open_key.is_not(None), IncidentSource.kind == kind)
    ):
        sources_by_incident[incident_id].add(source)
    return sources_by_incident


def existing(session: Session, numbers: Iterable[int]) -> set[int]:
    """Return those of the ids that are incidents."""
    return set(session.scalars(select(IncidentRow.id).where(IncidentRow.id.in_(list(numbers)))))


def listing(session: Session, state: str | None, limit: int, before: int | None) -> tuple[Sequence[IncidentRow], int]:
    """Return the newest incidents older than id `before`, and their total. State `open` means not
    resolved, and `acknowledged` the acknowledged ones among them.
    """
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
    """Return the incidents that were opened after `moment` or are open, with the columns for
    statistics.
    """
    recent = or_(IncidentRow.opened_at >= moment, IncidentRow.open_key.is_not(None))
    return session.scalars(select(IncidentRow).where(recent).options(load_only(*COUNTED))).all()


def add_source(session: Session, incident_id: int, kind: str, source_id: int, at: float) -> bool:
    """Join a source to an incident; False when it is one already."""
    row = {"incident_id": incident_id, "kind": kind, "source_id": source_id, "at": at}
    return upsert.insert_new(session, IncidentSource, [row]) == 1


def known_sources(session: Session, kind: str, ids: Iterable[int]) -> set[int]:
    """Return those of `ids` that are sources of some incident, open or not."""
    query = select(IncidentSource.source_id).where(IncidentSource.kind == kind, IncidentSource.source_id.in_(list(ids)))
    return set(session.scalars(query))


def sources(session: Session, incident_id: int) -> Sequence[IncidentSource]:
    """Return the sources of an incident, in the order in which they came."""
    query = select(IncidentSource).where(IncidentSource.incident_id == incident_id)
    return session.scalars(query.order_by(IncidentSource.at, IncidentSource.source_id)).all()


def receivers_paged(session: Session, incident_id: int) -> list[str]:
    """Return the receivers that have been paged for an incident."""
    query = select(NotificationRow.receiver).where(
        NotificationRow.incident_id == incident_id, NotificationRow.kind == "page"
    )
    return list(session.scalars(query.distinct().order_by(NotificationRow.receiver)))


def deliveries(session: Session, incident_id: int) -> Sequence[NotificationRow]:
    """Return every message about an incident, with the columns for display."""
    columns = load_only(NotificationRow.key, NotificationRow.receiver, NotificationRow.channel, NotificationRow.state)
    return session.scalars(
        select(NotificationRow).where(NotificationRow.incident_id == incident_id).options(columns)
    ).all()


def pages(session: Session, incident_id: int, key: str) -> Sequence[NotificationRow]:
    """Return the messages of one page of an incident."""
    query = select(NotificationRow).where(
        NotificationRow.incident_id == incident_id, NotificationRow.key.startswith(f"{key}:")
    )
    return session.scalars(query).all()


def of_playbook(session: Session, name: str | None, limit: int) -> Sequence[IncidentRow]:
    """Return the newest incidents of a playbook, or of all."""
    query = select(IncidentRow).order_by(IncidentRow.id.desc()).limit(limit)
    if name:
        query = query.where(IncidentRow.key.startswith(f"{name}{{", autoescape=True))
    return session.scalars(query).all()
