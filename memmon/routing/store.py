"""Rows of routing: groups, placements, decisions, the notification log, silences, maintenance
windows.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from memmon.db import upsert
from memmon.routing.dedup import NotificationLogEntry
from memmon.routing.tables import DecisionRow, GroupRow, MaintenanceRow, NotificationLog, PlacementRow, SilenceRow


def group(session: Session, key: str) -> GroupRow | None:
    """Return one group."""
    return session.get(GroupRow, key)


def groups(session: Session, keys: Sequence[str]) -> dict[str, GroupRow]:
    """Return those of the groups that exist."""
    rows = session.scalars(select(GroupRow).where(GroupRow.key.in_(keys)))
    return {row.key: row for row in rows}


def lock_group(session: Session, key: str) -> GroupRow | None:
    """Return one group, which nobody else changes until the transaction's end."""
    return session.get(GroupRow, key, with_for_update=True)


def held_groups(session: Session, keys: Sequence[str]) -> dict[str, GroupRow]:
    """Return those of the groups that exist, which nobody else changes; always in one order, so
    that two never wait for each other.
    """
    groups: dict[str, GroupRow] = {}
    for at in range(0, len(keys), upsert.CHUNK):
        query = select(GroupRow).where(GroupRow.key.in_(keys[at : at + upsert.CHUNK])).order_by(GroupRow.key)
        groups |= {row.key: row for row in session.scalars(query.with_for_update())}
    return groups


def add_group(session: Session, **values: Any) -> bool:
    """Make a group; False when it is there already."""
    return upsert.insert_new(session, GroupRow, [{"version": 1, "flushed_at": None, **values}]) == 1


def due_keys(session: Session, now: float, farthest: float) -> Sequence[str]:
    """Return the due groups, longest overdue first. A group that is due more than `farthest`
    seconds ahead was scheduled by a clock that was set back.
    """
    due = (GroupRow.due_at <= now) | (GroupRow.due_at > now + farthest)
    return session.scalars(select(GroupRow.key).where(due).order_by(GroupRow.due_at).limit(200)).all()


def drop_group(session: Session, key: str, now: float) -> None:
    """Delete a group and its notification log; placements are kept."""
    session.execute(delete(NotificationLog).where(NotificationLog.group_key == key))
    session.execute(delete(GroupRow).where(GroupRow.key == key))
    session.execute(_members(key).values(left_at=now))


def _members(key: str) -> Any:
    return update(PlacementRow).where(PlacementRow.group_key == key, PlacementRow.left_at.is_(None))


def add_placements(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Put alerts into groups; one that is in its group already stays as it is."""
    upsert.insert_many(session, PlacementRow, rows)


def members(session: Session, key: str) -> list[int]:
    """Return the alerts that are in a group."""
    query = select(PlacementRow.alert_id).where(PlacementRow.group_key == key, PlacementRow.left_at.is_(None))
    return list(session.scalars(query))


def leave(session: Session, key: str, numbers: Collection[int], now: float) -> None:
    """Let alerts leave a group."""
    if numbers:
        session.execute(_members(key).where(PlacementRow.alert_id.in_(numbers)).values(left_at=now))


def leave_but(session: Session, key: str, numbers: Collection[int], now: float) -> None:
    """Let all alerts but these leave a group."""
    session.execute(_members(key).where(PlacementRow.alert_id.not_in(numbers)).values(left_at=now))


def leave_others(
    session: Session, numbers: Sequence[int], placements_kept: Collection[tuple[int, str]], now: float
) -> None:
    """Remove alerts from every group that is not in `placements_kept`, pairs of alert and group."""
    query = select(PlacementRow).where(PlacementRow.alert_id.in_(numbers), PlacementRow.left_at.is_(None))
    for row in session.scalars(query):
        if (row.alert_id, row.group_key) not in placements_kept:
            row.left_at = now


def placements(session: Session, alert_id: int) -> Sequence[PlacementRow]:
    """Return the groups that an alert is or was in."""
    return session.scalars(
        select(PlacementRow).where(PlacementRow.alert_id == alert_id).order_by(PlacementRow.at, PlacementRow.group_key)
    ).all()


def log_entries(session: Session, key: str) -> dict[str, NotificationLogEntry]:
    """Return the notification log entries of a group by channel."""
    rows = session.scalars(select(NotificationLog).where(NotificationLog.group_key == key))
    return {
        row.channel: NotificationLogEntry(
            frozenset(row.firing), frozenset(row.resolved), row.notified_at, row.acknowledged
        )
        for row in rows
    }


def save_log_entry(session: Session, **values: Any) -> None:
    """Store a notification log entry."""
    upsert.replace(session, NotificationLog, [values], ("group_key", "channel"))


def save_decision(session: Session, now: float, **values: Any) -> None:
    """Store a decision. A decision equal to the previous one increases its count."""
    query = select(DecisionRow).where(DecisionRow.group_key == values["group_key"])
    last = session.scalars(query.order_by(DecisionRow.id.desc()).limit(1)).first()
    if last is not None and all(getattr(last, name) == value for name, value in values.items()):
        last.until, last.count = now, last.count + 1
        return
    session.add(DecisionRow(at=now, until=now, count=1, **values))


def decisions(session: Session, keys: Sequence[str], since: float, until: float, limit: int) -> Sequence[DecisionRow]:
    """Return the decisions about groups in a time range, oldest first; of many the newest."""
    query = select(DecisionRow).where(
        DecisionRow.group_key.in_(keys), DecisionRow.until >= since, DecisionRow.at <= until
    )
    return session.scalars(query.order_by(DecisionRow.id.desc()).limit(limit)).all()[::-1]


def silences(session: Session, since: float) -> Sequence[SilenceRow]:
    """Return the silences that end after `since`."""
    return session.scalars(select(SilenceRow).where(SilenceRow.ends_at > since).order_by(SilenceRow.ends_at)).all()


def silence(session: Session, silence_id: str) -> SilenceRow | None:
    """Return one silence."""
    return session.get(SilenceRow, silence_id)


def save_silence(session: Session, **values: Any) -> None:
    """Make a silence, or change the one of the same id."""
    upsert.replace(session, SilenceRow, [values], ("id",))


def maintenances(session: Session, now: float) -> Sequence[MaintenanceRow]:
    """Return the maintenance windows that are not over."""
    going = or_(MaintenanceRow.until.is_(None), MaintenanceRow.until > now)
    return session.scalars(select(MaintenanceRow).where(going).order_by(MaintenanceRow.id)).all()
