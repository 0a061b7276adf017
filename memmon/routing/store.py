"""The rows of routing: groups, what receivers were told, silences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from memmon.db import upsert
from memmon.db.tables import GroupRow, NotificationLog, SilenceRow


def group(session: Session, key: str) -> GroupRow | None:
    """Return one group."""
    return session.get(GroupRow, key)


def held(session: Session, key: str) -> GroupRow | None:
    """Return one group, which nobody else changes until the transaction's end."""
    return session.get(GroupRow, key, with_for_update=True)


def groups(session: Session, keys: Sequence[str]) -> dict[str, GroupRow]:
    """Return those of the groups that exist."""
    found: dict[str, GroupRow] = {}
    for at in range(0, len(keys), upsert.CHUNK):
        rows = session.scalars(select(GroupRow).where(GroupRow.key.in_(keys[at : at + upsert.CHUNK])))
        found |= {row.key: row for row in rows}
    return found


def add_group(session: Session, **values: Any) -> bool:
    """Make a group; False when it is there already."""
    return upsert.insert_new(session, GroupRow, [{"version": 1, "flushed_at": None, **values}]) == 1


def swap_group(session: Session, row: GroupRow, **values: Any) -> bool:
    """Change a group if nobody else did since it was read."""
    statement = update(GroupRow).where(GroupRow.key == row.key, GroupRow.version == row.version)
    done = session.execute(statement.values(version=row.version + 1, **values))
    return bool(done.rowcount == 1)  # type: ignore[attr-defined]


def due_groups(session: Session, now: float) -> Sequence[GroupRow]:
    """Return the groups that are to be looked at."""
    return session.scalars(select(GroupRow).where(GroupRow.due_at <= now).order_by(GroupRow.due_at).limit(200)).all()


def drop_group(session: Session, key: str) -> None:
    """Forget a group and what its receivers were told."""
    session.execute(delete(NotificationLog).where(NotificationLog.group_key == key))
    session.execute(delete(GroupRow).where(GroupRow.key == key))


def told(session: Session, key: str, receiver: str) -> NotificationLog | None:
    """Return what a receiver was last told of a group."""
    return session.get(NotificationLog, (key, receiver))


def save_told(session: Session, **values: Any) -> None:
    """Keep what a receiver was told, or why not."""
    upsert.replace(session, NotificationLog, [values], ("group_key", "receiver"))


def silences(session: Session, since: float) -> Sequence[SilenceRow]:
    """Return the silences that end after `since`."""
    return session.scalars(select(SilenceRow).where(SilenceRow.ends_at > since).order_by(SilenceRow.ends_at)).all()


def silence(session: Session, number: str) -> SilenceRow | None:
    """Return one silence."""
    return session.get(SilenceRow, number)


def save_silence(session: Session, **values: Any) -> None:
    """Make a silence, or change the one of the same id."""
    upsert.replace(session, SilenceRow, [values], ("id",))
