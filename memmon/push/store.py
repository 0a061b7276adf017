"""The rows of push: groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import delete as sql_delete
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from memmon.db import upsert
from memmon.push import group as groups
from memmon.push.group import PushGroup
from memmon.push.tables import PushGroupRow


class Kinds(NamedTuple):
    """What another group's families are, without their series."""

    key: str
    job: str
    kinds: dict[str, str]


def get(session: Session, key: str) -> PushGroup | None:
    """Return a group."""
    row = session.get(PushGroupRow, key)
    return _group(row) if row else None


def kinds(session: Session) -> list[Kinds]:
    """Return the kinds of the families of every group."""
    query = select(PushGroupRow.key, PushGroupRow.job, PushGroupRow.kinds).order_by(PushGroupRow.key)
    return [Kinds(*row) for row in session.execute(query)]


def groups_by_key(session: Session, keys: Sequence[str]) -> list[PushGroup]:
    """Return the groups of `keys`."""
    groups: list[PushGroup] = []
    for start in range(0, len(keys), upsert.CHUNK):
        query = select(PushGroupRow).where(PushGroupRow.key.in_(keys[start : start + upsert.CHUNK]))
        groups += [_group(row) for row in session.scalars(query)]
    return groups


def everything(session: Session) -> list[PushGroup]:
    """Return every group."""
    return [_group(row) for row in session.scalars(select(PushGroupRow).order_by(PushGroupRow.key))]


def totals_of_others(session: Session, key: str) -> tuple[int, int]:
    """Return how many groups there are but that of `key`, and how many series they have."""
    query = select(func.count(), func.coalesce(func.sum(PushGroupRow.series), 0)).where(PushGroupRow.key != key)
    group_count, series = session.execute(query).one()
    return group_count, int(series)


def save(session: Session, group: PushGroup) -> None:
    """Write a group, in the place of the one with its labels."""
    values: dict[str, Any] = {
        "key": groups.key_of(group.labels),
        "job": group.labels["job"],
        "labels": group.labels,
        "kinds": {name: family.kind for name, family in group.families.items()},
        "families": groups.dump(group.families),
        "series": len(groups.points(group)),
        "pushed_at": group.pushed_at,
        "failed_at": group.failed_at,
    }
    upsert.replace(session, PushGroupRow, [values], ("key",))


def delete(session: Session, key: str) -> None:
    """Drop a group."""
    session.execute(sql_delete(PushGroupRow).where(PushGroupRow.key == key))


def _group(row: PushGroupRow) -> PushGroup:
    return PushGroup(row.labels, groups.load(row.families), row.pushed_at, row.failed_at)
