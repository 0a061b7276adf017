"""The hot window: rings of slots in Redis, one a target, metric name and schema.

A slot is one int64 time (Unix ms) and one float64 a column, little-endian; its number follows from the time, so that a task
that runs twice writes the same bytes to the same place. A column is a label set. When a new one appears the schema gets a new
version, named by its content, and with it a new ring; readers join the versions of the window.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple, cast

import numpy as np
from redis import Redis

from memmon import labels as label_sets
from memmon.labels import Labels
from memmon.metrics import schema as schemas
from memmon.metrics import timed_reader
from memmon.metrics.schema import Schema, Version
from memmon.promql.matcher import Matcher, all_accept
from memmon.samples import STALE_BITS, Metadata, Sample, Series
from memmon.state import client, keys

MAX_SERIES = 10_000
"""Series that one target may have; what is over is dropped and counted."""


class Written(NamedTuple):
    """How many samples went in, and how many were dropped because the target has too many series or doubled one."""

    kept: int
    dropped: int


class Ring(NamedTuple):
    """One ring to read."""

    target: str
    name: str
    schema: Schema


class HotStore:
    """The rings of one Redis."""

    def __init__(self, redis: Redis, window_seconds: float):
        self.redis = redis
        self.window_ms = round(window_seconds * 1000)
        self.life_ms = self.window_ms + 600_000

    def write(self, target: str, samples: Iterable[Sample], at: int, slot_ms: int) -> Written:
        """Write the samples of `target` at `at` (Unix ms); series that it gave before and no longer gives go stale."""
        families, dropped = _by_name(samples)
        with client.edge():
            known = self._versions(target)
            held = self._load(target, {versions[0].id for versions in known.values()})
            pipe = self.redis.pipeline(transaction=False)
            changed = {}
            for name in {*families, *known}:
                old = held.get(known[name][0].id) if name in known else None
                schema = self._write_family(pipe, target, name, families.get(name, {}), old, at, slot_ms)
                if schema is not None:
                    changed[name] = schema
            self._announce(pipe, target, families, at)
            if changed:
                self._keep_schemas(pipe, target, known, changed, at)
            for key in (keys.hot_versions(target), keys.hot_schemas(target)):
                pipe.pexpire(key, self.life_ms)
            pipe.execute()
        return Written(sum(len(columns) for columns in families.values()), dropped)

    def _versions(self, target: str) -> dict[str, tuple[Version, ...]]:
        """Return the versions of each name of `target`, the one in force first."""
        stored = cast("dict[bytes, bytes]", self.redis.hgetall(keys.hot_versions(target)))
        return {name.decode(): schemas.versions(text.decode()) for name, text in stored.items()}

    def _load(self, target: str, wanted: set[str]) -> dict[str, Schema]:
        """Return the schemas of the `wanted` versions; those are read that this process has not met."""
        found = {one: schema for one in wanted if (schema := schemas.get(one)) is not None}
        missing = sorted(wanted - found.keys())
        if missing:
            stored = cast("list[bytes | None]", self.redis.hmget(keys.hot_schemas(target), missing))
            found |= {one: schemas.load(text) for one, text in zip(missing, stored, strict=True) if text is not None}
        return found

    def _write_family(
        self,
        pipe: Any,
        target: str,
        name: str,
        values: dict[Labels, float],
        old: Schema | None,
        at: int,
        slot_ms: int,
    ) -> Schema | None:
        """Write one row; return the schema that it is the first of."""
        new = schemas.following(old, tuple(values), slot_ms, self.window_ms)
        self._write_row(pipe, target, name, new, values, at)
        if new is old:
            return None
        if old is not None and not old.position.keys() <= new.position.keys():
            self._write_row(pipe, target, name, old, {}, at)  # The columns that were let go end here.
        return new

    def _write_row(
        self, pipe: Any, target: str, name: str, schema: Schema, values: dict[Labels, float], at: int
    ) -> None:
        row = np.full(len(schema.columns) + 1, STALE_BITS, dtype="<u8")
        row[0] = at
        floats = row.view("<f8")
        for column, value in values.items():
            floats[schema.position[column] + 1] = value
        key = keys.hot_ring(target, name, schema.version)
        pipe.setrange(key, (at // schema.slot_ms % schema.slots) * row.nbytes, row.tobytes())
        pipe.pexpire(key, self.life_ms)

    def _announce(self, pipe: Any, target: str, families: dict[str, Any], at: int) -> None:
        """Let readers find what `target` gave."""
        if families:
            pipe.zadd(keys.hot_names(), dict.fromkeys(families, at))
        for name in families:
            pipe.zadd(keys.hot_targets(name), {target: at})
            pipe.pexpire(keys.hot_targets(name), self.life_ms)

    def _keep_schemas(
        self, pipe: Any, target: str, known: dict[str, tuple[Version, ...]], changed: dict[str, Schema], at: int
    ) -> None:
        """Write new schemas down as what is in force; forget those that the window no longer needs."""
        versions = {
            name: schemas.followed(known.get(name, ()), Version(schema.version, at), at - self.window_ms)
            for name, schema in changed.items()
        }
        pipe.hset(keys.hot_versions(target), mapping={name: schemas.dump(found) for name, found in versions.items()})
        pipe.hset(keys.hot_schemas(target), mapping={schema.version: schema.dump() for schema in changed.values()})
        used = {version.id for found in {**known, **versions}.values() for version in found}
        stored = {field.decode() for field in cast("list[bytes]", self.redis.hkeys(keys.hot_schemas(target)))}
        if stored - used:
            pipe.hdel(keys.hot_schemas(target), *(stored - used))

    def gone(self, target: str, at: int, slot_ms: int) -> None:
        """Mark every series of `target` stale at `at`."""
        self.write(target, (), at, slot_ms)

    def names(self, since: int = 0) -> list[str]:
        """Return the metric names written since `since` (Unix ms)."""
        with client.edge():
            found = cast("list[bytes]", self.redis.zrangebyscore(keys.hot_names(), since, "+inf"))
        return sorted(name.decode() for name in found)

    def select(self, matchers: tuple[Matcher, ...], start: int, end: int) -> list[Series]:
        """Return the series that fit, with their samples in (start, end] (Unix ms), stale markers among them.

        However many names fit, it is four round trips: targets, versions, schemas that are new to this process, rings.
        """
        others = _but_name(matchers)
        with client.edge():
            rings = self._fitting(matchers, start)
            pipe = self.redis.pipeline(transaction=False)
            counts = [_ask(pipe, ring, start, end) for ring in rings]
            answers = iter(pipe.execute())
            parts: dict[Labels, list[tuple[Any, Any]]] = {}
            timed_reader.read(self.redis, self._fitting_names(matchers), others, start, end, parts)
        for ring, count in zip(rings, counts, strict=True):
            raw = b"".join(next(answers) for _ in range(count))
            _read_ring(raw, ring, others, start, end, parts)
        return [_joined(key, pieces) for key, pieces in parts.items()]

    def label_sets(self, matchers: tuple[Matcher, ...], since: int) -> set[Labels]:
        """Return the label sets that fit of what was written since `since` (Unix ms): a superset, since no sample is read."""
        others = _but_name(matchers)
        with client.edge():
            timed = set(timed_reader.label_sets_of(self.redis, self._fitting_names(matchers), others, since))
            return timed | {
                labels
                for ring in self._fitting(matchers, since)
                for column, labels in zip(ring.schema.columns, ring.schema.full(ring.name), strict=True)
                if all_accept(others, column)
            }

    def _fitting(self, matchers: tuple[Matcher, ...], since: int) -> list[Ring]:
        others = _but_name(matchers)
        rings = self._rings(self._fitting_names(matchers), since)
        return [ring for ring in rings if any(all_accept(others, column) for column in ring.schema.columns)]

    def _fitting_names(self, matchers: tuple[Matcher, ...]) -> list[str]:
        about_name = tuple(m for m in matchers if m.name == label_sets.NAME)
        exact = [m.value for m in about_name if m.op == "="]
        known = exact[:1] or self.names()
        return [name for name in known if all_accept(about_name, ((label_sets.NAME, name),))]

    def _rings(self, names: list[str], since: int) -> list[Ring]:
        """Return the rings of `names` that were written since `since` (Unix ms)."""
        pipe = self.redis.pipeline(transaction=False)
        for name in names:
            pipe.zrangebyscore(keys.hot_targets(name), since, "+inf")
        by_target: dict[str, list[str]] = {}
        for name, targets in zip(names, pipe.execute(), strict=True):
            for target in targets:
                by_target.setdefault(target.decode(), []).append(name)
        for target, given in by_target.items():
            pipe.hmget(keys.hot_versions(target), given)
        found = [
            (target, name, version.id)
            for (target, given), texts in zip(by_target.items(), pipe.execute(), strict=True)
            for name, text in zip(given, texts, strict=True)
            if text is not None
            for version in schemas.since(schemas.versions(text.decode()), since)
        ]
        held = {version: schemas.get(version) for _, _, version in found}
        missing = {version: target for target, _, version in found if held[version] is None}
        for version, target in missing.items():
            pipe.hget(keys.hot_schemas(target), version)
        for version, text in zip(missing, pipe.execute(), strict=True):
            held[version] = schemas.load(text) if text is not None else None
        return [Ring(target, name, schema) for target, name, version in found if (schema := held[version]) is not None]

    def describe(self, metadata: dict[str, Metadata]) -> None:
        """Keep what pages say of their families."""
        if metadata:
            with client.edge():
                mapping = {name: json.dumps(about) for name, about in metadata.items()}
                self.redis.hset(keys.hot_metadata(), mapping=mapping)  # type: ignore[arg-type]

    def metadata(self) -> dict[str, Metadata]:
        """Return what pages said of their families."""
        with client.edge():
            stored = cast("dict[bytes, bytes]", self.redis.hgetall(keys.hot_metadata()))
        return {name.decode(): Metadata(*json.loads(text)) for name, text in stored.items()}

    def forget_old(self, now: int) -> None:
        """Drop names that nobody wrote during the window."""
        with client.edge():
            self.redis.zremrangebyscore(keys.hot_names(), 0, now - self.window_ms)


def _by_name(samples: Iterable[Sample]) -> tuple[dict[str, dict[Labels, float]], int]:
    families: dict[str, dict[Labels, float]] = {}
    kept = dropped = 0
    for sample in samples:
        columns = families.setdefault(label_sets.name_of(sample.labels), {})
        column = label_sets.without(sample.labels, label_sets.NAME)
        if kept >= MAX_SERIES or column in columns:
            dropped += 1
            continue
        columns[column] = sample.value
        kept += 1
    return families, dropped


def _but_name(matchers: tuple[Matcher, ...]) -> tuple[Matcher, ...]:
    return tuple(matcher for matcher in matchers if matcher.name != label_sets.NAME)


def _ask(pipe: Any, ring: Ring, start: int, end: int) -> int:
    """Ask for the slots of (start, end]; return how many answers that will be."""
    schema, key = ring.schema, keys.hot_ring(ring.target, ring.name, ring.schema.version)
    width = 8 * (len(schema.columns) + 1)
    first, last = (start + 1) // schema.slot_ms, end // schema.slot_ms
    if last - first + 1 >= schema.slots:
        pipe.get(key)
        return 1
    low, high = first % schema.slots, last % schema.slots
    if low <= high:
        pipe.getrange(key, low * width, (high + 1) * width - 1)
        return 1
    pipe.getrange(key, low * width, -1)
    pipe.getrange(key, 0, (high + 1) * width - 1)
    return 2


def _read_ring(
    raw: bytes,
    ring: Ring,
    matchers: tuple[Matcher, ...],
    start: int,
    end: int,
    parts: dict[Labels, list[tuple[Any, Any]]],
) -> None:
    width = len(ring.schema.columns) + 1
    whole = len(raw) // (8 * width)
    table = np.frombuffer(raw, dtype="<i8", count=whole * width).reshape(whole, width)
    rows = table[(table[:, 0] > max(start, 0)) & (table[:, 0] <= end)]
    if not len(rows):
        return
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    times = rows[:, 0].copy()
    values = np.ascontiguousarray(rows.T).view("<f8")
    for index, (column, labels) in enumerate(
        zip(ring.schema.columns, ring.schema.full(ring.name), strict=True), start=1
    ):
        if all_accept(matchers, column):
            parts.setdefault(labels, []).append((times, values[index]))


def _joined(labels: Labels, pieces: list[tuple[Any, Any]]) -> Series:
    """Join the pieces of one label set; where two versions or two targets give the same moment, a value beats a marker."""
    if len(pieces) == 1:
        return Series(labels, *pieces[0])
    times = np.concatenate([piece[0] for piece in pieces])
    values = np.concatenate([piece[1] for piece in pieces])
    order = np.lexsort((np.isnan(values), times))
    times, values = times[order], values[order]
    first = np.concatenate(([True], times[1:] != times[:-1]))
    return Series(labels, times[first], values[first])
