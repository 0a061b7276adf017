"""The rows of metrics: series and their rollups."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from memmon import labels as label_sets
from memmon.db import upsert
from memmon.db.tables import RollupRow, SeriesRow
from memmon.labels import Labels
from memmon.metrics.rollup import Rollup
from memmon.promql.matcher import Matcher, all_accept
from memmon.samples import Series


def series_ids(session: Session, wanted: Iterable[Labels]) -> dict[Labels, int]:
    """Return the id of each label set, made where it is new."""
    by_hash = {label_sets.fingerprint(labels): labels for labels in wanted}
    rows = [
        {"hash": key, "name": label_sets.name_of(labels), "labels": dict(labels), "kind": "untyped"}
        for key, labels in by_hash.items()
    ]
    upsert.insert_new(session, SeriesRow, rows)
    found: dict[Labels, int] = {}
    hashes = list(by_hash)
    for start in range(0, len(hashes), upsert.CHUNK):
        query = select(SeriesRow.hash, SeriesRow.id).where(SeriesRow.hash.in_(hashes[start : start + upsert.CHUNK]))
        found.update({by_hash[key]: number for key, number in session.execute(query)})
    return found


def add_rollups(session: Session, level: int, rollups: dict[int, Rollup]) -> None:
    """Write the rollups by series id; one that is there already stays as it is."""
    rows = [{"series_id": number, "level": level, **rollup._asdict()} for number, rollup in rollups.items()]
    upsert.insert_new(session, RollupRow, rows)


def finer(session: Session, level: int, start: int, end: int) -> dict[int, list[Rollup]]:
    """Return the rollups of `level` that begin in [start, end), by series id and in order of time."""
    query = (
        select(RollupRow)
        .where(RollupRow.level == level, RollupRow.start >= start, RollupRow.start < end)
        .order_by(RollupRow.start)
    )
    found: dict[int, list[Rollup]] = {}
    for row in session.scalars(query):
        found.setdefault(row.series_id, []).append(_plain(row))
    return found


def newest(session: Session, level: int) -> int | None:
    """Return the start of the newest rollup of `level`."""
    return session.scalar(select(func.max(RollupRow.start)).where(RollupRow.level == level))


def history(
    session: Session, matchers: tuple[Matcher, ...], level: int, start: int, end: int
) -> dict[Labels, list[Rollup]]:
    """Return the rollups of the series that fit, beginning in [start, end), in order of time."""
    query = select(SeriesRow)
    for matcher in matchers:
        if matcher.name == label_sets.NAME and matcher.op == "=":
            query = query.where(SeriesRow.name == matcher.value)
    rows = {row.id: label_sets.of(row.labels) for row in session.scalars(query)}
    fitting = {number: labels for number, labels in rows.items() if all_accept(matchers, labels)}
    found: dict[Labels, list[Rollup]] = {}
    wanted = list(fitting)
    for first in range(0, len(wanted), upsert.CHUNK):
        parts = (
            select(RollupRow)
            .where(
                RollupRow.series_id.in_(wanted[first : first + upsert.CHUNK]),
                RollupRow.level == level,
                RollupRow.start >= start,
                RollupRow.start < end,
            )
            .order_by(RollupRow.start)
        )
        for row in session.scalars(parts):
            found.setdefault(fitting[row.series_id], []).append(_plain(row))
    return found


def as_series(history: dict[Labels, list[Rollup]], level: int) -> list[Series]:
    """Return rollups as series of their last values, each at the end of its stretch."""
    return [
        Series(
            labels,
            np.array([(part.start + level) * 1000 - 1 for part in parts], dtype=np.int64),
            np.array([part.last for part in parts]),
        )
        for labels, parts in history.items()
    ]


def prune(session: Session, level: int, before: float) -> int:
    """Delete the rollups of `level` that began before `before`; return how many."""
    statement = delete(RollupRow).where(RollupRow.level == level, RollupRow.start < before)
    return int(session.execute(statement).rowcount)  # type: ignore[attr-defined]


def prune_series(session: Session) -> int:
    """Delete the series that have no rollup left; return how many."""
    used = select(RollupRow.series_id).distinct()
    return int(session.execute(delete(SeriesRow).where(SeriesRow.id.not_in(used))).rowcount)  # type: ignore[attr-defined]


def points(session: Session) -> int:
    """Return how many rollups are kept."""
    return session.scalar(select(func.count()).select_from(RollupRow)) or 0


def _plain(row: RollupRow) -> Rollup:
    return Rollup(row.start, row.min, row.max, row.sum, row.count, row.last, row.increase)
