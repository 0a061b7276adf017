"""The rows of metrics: series and their rollups."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np
from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from memmon import labels as label_sets
from memmon.db import upsert
from memmon.db.tables import RollupRow, SeriesRow
from memmon.labels import Labels
from memmon.metrics.rollup import Rollup
from memmon.promql.matcher import Matcher, all_accept
from memmon.samples import Series

_fingerprint = lru_cache(maxsize=100_000)(label_sets.fingerprint)


def series_ids(session: Session, wanted: Iterable[Labels]) -> dict[Labels, int]:
    """Return the id of each label set, made where it is new."""
    by_hash = {_fingerprint(labels): labels for labels in wanted}
    found = _ids(session, list(by_hash))
    new = [key for key in by_hash if key not in found]
    if new:
        rows = [
            {"hash": key, "name": label_sets.name_of(labels), "labels": dict(labels), "kind": "untyped"}
            for key in new
            for labels in (by_hash[key],)
        ]
        upsert.insert_many(session, SeriesRow, rows)
        found |= _ids(session, new)
    return {by_hash[key]: number for key, number in found.items()}


def _ids(session: Session, hashes: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for start in range(0, len(hashes), upsert.CHUNK):
        query = select(SeriesRow.hash, SeriesRow.id).where(SeriesRow.hash.in_(hashes[start : start + upsert.CHUNK]))
        found |= {row.hash: row.id for row in session.execute(query)}
    return found


def add_rollups(session: Session, level: int, rollups: dict[int, Rollup]) -> None:
    """Write the rollups by series id; one that is there already stays as it is."""
    rows = [{"series_id": number, "level": level, **rollup._asdict()} for number, rollup in rollups.items()]
    upsert.insert_many(session, RollupRow, rows)


def finer(session: Session, level: int, start: int, end: int) -> dict[int, list[Rollup]]:
    """Return the rollups of `level` that begin in [start, end), by series id and in order of time."""
    query = _rollups(level, start, end)
    found: dict[int, list[Rollup]] = {}
    for number, *values in session.execute(query):
        found.setdefault(number, []).append(Rollup(*values))
    return found


def _rollups(level: int, start: int, end: int) -> Select[Any]:
    """Return the query for series id and rollup, in order of time: columns, since rows as objects cost three times as much."""
    columns = [RollupRow.series_id, *(getattr(RollupRow, name) for name in Rollup._fields)]
    return (
        select(*columns)
        .where(RollupRow.level == level, RollupRow.start >= start, RollupRow.start < end)
        .order_by(RollupRow.start)
    )


def history(
    session: Session, matchers: tuple[Matcher, ...], level: int, start: int, end: int
) -> dict[Labels, list[Rollup]]:
    """Return the rollups of the series that fit, beginning in [start, end), in order of time."""
    fitting = series(session, matchers)
    found: dict[Labels, list[Rollup]] = {}
    wanted = list(fitting)
    for first in range(0, len(wanted), upsert.CHUNK):
        some = RollupRow.series_id.in_(wanted[first : first + upsert.CHUNK])
        for number, *values in session.execute(_rollups(level, start, end).where(some)):
            found.setdefault(fitting[number], []).append(Rollup(*values))
    return found


def series(session: Session, matchers: tuple[Matcher, ...]) -> dict[int, Labels]:
    """Return the label sets that fit, by series id."""
    about_name = tuple(matcher for matcher in matchers if matcher.name == label_sets.NAME)
    query = select(SeriesRow.id, SeriesRow.name, SeriesRow.labels)
    for matcher in about_name:
        if matcher.op == "=":
            query = query.where(SeriesRow.name == matcher.value)
    found: dict[int, Labels] = {}
    for number, name, labels in session.execute(query):
        if all_accept(about_name, ((label_sets.NAME, name),)):
            full = label_sets.of(labels)
            if all_accept(matchers, full):
                found[number] = full
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
