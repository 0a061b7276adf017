"""The rows of metrics: series and their rollups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from memmon import labels as label_sets
from memmon.db import upsert
from memmon.labels import Labels
from memmon.metrics.history.interpolation import Stretches
from memmon.metrics.history.rollup import Rollup
from memmon.metrics.tables import BaselineRow, RollupRow, SeriesRow
from memmon.promql.matcher import Matcher, all_accept

_fingerprint = lru_cache(maxsize=100_000)(label_sets.fingerprint)


def series_ids(session: Session, label_sets_: Iterable[Labels]) -> dict[Labels, int]:
    """Return the id of each label set, made where it is new."""
    by_hash = {_fingerprint(labels): labels for labels in label_sets_}
    ids_by_hash = _ids(session, list(by_hash))
    new = [key for key in by_hash if key not in ids_by_hash]
    if new:
        rows = [
            {"hash": key, "name": label_sets.name_of(labels), "labels": dict(labels), "kind": "untyped"}
            for key in new
            for labels in (by_hash[key],)
        ]
        upsert.insert_many(session, SeriesRow, rows)
        ids_by_hash |= _ids(session, new)
    return {by_hash[key]: series_id for key, series_id in ids_by_hash.items()}


def _ids(session: Session, hashes: list[str]) -> dict[str, int]:
    ids_by_hash: dict[str, int] = {}
    for start in range(0, len(hashes), upsert.CHUNK):
        query = select(SeriesRow.hash, SeriesRow.id).where(SeriesRow.hash.in_(hashes[start : start + upsert.CHUNK]))
        ids_by_hash |= {row.hash: row.id for row in session.execute(query)}
    return ids_by_hash


def add_rollups(session: Session, level: int, rollups: dict[int, Rollup]) -> None:
    """Write the rollups by series id; one that is there already stays as it is."""
    rows = [{"series_id": series_id, "level": level, **rollup._asdict()} for series_id, rollup in rollups.items()]
    upsert.insert_many(session, RollupRow, rows)


def finer(session: Session, level: int, start: int, end: int) -> dict[int, list[Rollup]]:
    """Return the rollups of `level` that begin in [start, end), by series id and in order of
    time.
    """
    query = _rollups(level, start, end)
    rollups_by_series: dict[int, list[Rollup]] = {}
    for series_id, *values in session.execute(query):
        rollups_by_series.setdefault(series_id, []).append(Rollup(*values))
    return rollups_by_series


def _rollups(level: int, start: int, end: int) -> Select[Any]:
    """Return the query for series id and rollup, in order of time: columns, since rows as objects
    cost three times as much.
    """
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
    rollups_by_labels: dict[Labels, list[Rollup]] = {}
    series_ids_ = list(fitting)
    for first in range(0, len(series_ids_), upsert.CHUNK):
        in_chunk = RollupRow.series_id.in_(series_ids_[first : first + upsert.CHUNK])
        for series_id, *values in session.execute(_rollups(level, start, end).where(in_chunk)):
            rollups_by_labels.setdefault(fitting[series_id], []).append(Rollup(*values))
    return rollups_by_labels


def series(session: Session, matchers: tuple[Matcher, ...]) -> dict[int, Labels]:
    """Return the label sets that fit, by series id."""
    about_name = tuple(matcher for matcher in matchers if matcher.name == label_sets.NAME)
    query = select(SeriesRow.id, SeriesRow.name, SeriesRow.labels)
    for matcher in about_name:
        if matcher.op == "=":
            query = query.where(SeriesRow.name == matcher.value)
    labels_by_id: dict[int, Labels] = {}
    for series_id, name, labels in session.execute(query):
        if all_accept(about_name, ((label_sets.NAME, name),)):
            full = label_sets.of(labels)
            if all_accept(matchers, full):
                labels_by_id[series_id] = full
    return labels_by_id


def stretches(
    session: Session, series_ids_: Sequence[int], level: int, start: int, end: int, columns: Sequence[str]
) -> dict[int, Stretches]:
    """Return some columns of the rollups of series, beginning in [start, end), by series id and in
    order of time.
    """
    stretches_by_id: dict[int, Stretches] = {}
    if start >= end:
        return stretches_by_id
    # Past the ORM, whose own work on as many rows takes longer than the database's.
    of = RollupRow.__table__.c
    chosen = select(of.series_id, of.start, *(of[name] for name in columns))
    for first in range(0, len(series_ids_), upsert.CHUNK):
        query = (
            chosen.where(of.series_id.in_(series_ids_[first : first + upsert.CHUNK]), of.level == level)
            .where(of.start >= start, of.start < end)
            .order_by(of.series_id, of.start)
        )
        rows = session.connection().execute(query).all()
        if not rows:
            continue
        table = np.array([tuple(row) for row in rows], dtype=np.float64)
        numbers, begins = np.unique(table[:, 0], return_index=True)
        for series_id, series_table in zip(numbers.tolist(), np.split(table, begins[1:]), strict=True):
            values = {name: series_table[:, 2 + at] for at, name in enumerate(columns)}
            stretches_by_id[int(series_id)] = Stretches(
                series_table[:, 1].astype(np.int64), np.full(len(series_table), level), values
            )
    return stretches_by_id


def newest(session: Session, level: int) -> int | None:
    """Return where the newest rollup of `level` begins."""
    return session.scalar(select(func.max(RollupRow.start)).where(RollupRow.level == level))


def prune(session: Session, level: int, before: float, most: int) -> int:
    """Delete rollups of `level` that began before `before`, `most` of them or some more; return how
    many.
    """
    old = (RollupRow.level == level) & (RollupRow.start < before)
    last = session.scalar(select(RollupRow.start).where(old).order_by(RollupRow.start).offset(most - 1).limit(1))
    if last is not None:
        old = (RollupRow.level == level) & (RollupRow.start <= last)
    return int(session.execute(delete(RollupRow).where(old)).rowcount)  # type: ignore[attr-defined]


def prune_series(session: Session) -> int:
    """Delete the series that have no rollup left; return how many."""
    used = select(RollupRow.series_id).distinct()
    return int(session.execute(delete(SeriesRow).where(SeriesRow.id.not_in(used))).rowcount)  # type: ignore[attr-defined]


def save_baselines(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Keep these baselines and no others."""
    session.execute(delete(BaselineRow))
    upsert.replace(session, BaselineRow, rows, ("metric", "fingerprint"))


def baselines(session: Session) -> Sequence[BaselineRow]:
    """Return the baselines."""
    return session.scalars(select(BaselineRow).order_by(BaselineRow.metric, BaselineRow.fingerprint)).all()


def points(session: Session) -> int:
    """Return how many rollups are kept."""
    return session.scalar(select(func.count()).select_from(RollupRow)) or 0
