"""The hot window: rings of slots in Redis, one a target, metric name and schema.

A slot is one int64 time (Unix ms) and one float64 a column, little-endian; its number follows from the time, so that a task
that runs twice writes the same bytes to the same place. A column is a label set. When a new one appears the schema gets a new
version, named by its content, and with it a new ring; readers join the versions of the window.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any, NamedTuple, cast

import numpy as np
from redis import Redis

from memmon import labels as label_sets
from memmon.labels import Labels
from memmon.promql.matcher import Matcher, all_accept
from memmon.samples import STALE_BITS, Metadata, Sample, Series
from memmon.state import client, keys

MAX_SERIES = 10_000
"""Series that one target may have; what is over is dropped and counted."""

SPARE_COLUMNS = 64


class Schema(NamedTuple):
    """The columns of a ring, and how its slots follow from the time."""

    columns: tuple[Labels, ...]
    slot_ms: int
    slots: int

    @property
    def version(self) -> str:
        return hashlib.sha256(self.dump().encode()).hexdigest()[:12]

    def dump(self) -> str:
        return json.dumps([self.slot_ms, self.slots, self.columns])

    @classmethod
    def load(cls, text: bytes | str) -> Schema:
        slot_ms, slots, columns = json.loads(text)
        return cls(tuple(tuple((k, v) for k, v in column) for column in columns), slot_ms, slots)


class Written(NamedTuple):
    """How many samples went in, and how many were dropped because the target has too many series or doubled one."""

    kept: int
    dropped: int


class HotStore:
    """The rings of one Redis."""

    def __init__(self, redis: Redis, window_seconds: float):
        self.redis = redis
        self.window_ms = round(window_seconds * 1000)

    def write(self, target: str, samples: Iterable[Sample], at: int, slot_ms: int) -> Written:
        """Write the samples of `target` at `at` (Unix ms); series that it gave before and no longer gives go stale."""
        families, dropped = _by_name(samples)
        kept = sum(len(columns) for columns in families.values())
        with client.edge():
            old = self._newest(target)
            pipe = self.redis.pipeline(transaction=False)
            for name in {*families, *old}:
                self._write_family(pipe, target, name, families.get(name, {}), old.get(name), at, slot_ms)
            life = self.window_ms + 600_000
            for key in (keys.hot_schemas(target), keys.hot_families(target)):
                pipe.pexpire(key, life)
            pipe.execute()
        return Written(kept, dropped)

    def _newest(self, target: str) -> dict[str, Schema]:
        """Return the schema in force of each name of `target`."""
        stored = cast("dict[bytes, bytes]", self.redis.hgetall(keys.hot_schemas(target)))
        newest = {key.decode(): value.decode() for key, value in stored.items() if b":v" not in key}
        return {
            name: Schema.load(stored[f"{name}:v{version}".encode()])
            for name, version in newest.items()
            if f"{name}:v{version}".encode() in stored
        }

    def _write_family(
        self, pipe: Any, target: str, name: str, values: dict[Labels, float], old: Schema | None, at: int, slot_ms: int
    ) -> None:
        schema = _next_schema(old, tuple(values), slot_ms, self.window_ms)
        row = np.empty(len(schema.columns) + 1, dtype="<u8")
        row[0] = at
        row[1:] = STALE_BITS
        floats = row.view("<f8")
        for index, column in enumerate(schema.columns, start=1):
            if column in values:
                floats[index] = values[column]
        key = keys.hot_ring(target, name, schema.version)
        life = self.window_ms + 600_000
        if old is None or old.version != schema.version:
            pipe.hset(
                keys.hot_schemas(target), mapping={name: schema.version, f"{name}:v{schema.version}": schema.dump()}
            )
        pipe.setrange(key, (at // schema.slot_ms % schema.slots) * row.nbytes, row.tobytes())
        pipe.pexpire(key, life)
        if values:
            pipe.zadd(keys.hot_names(), {name: at})
            pipe.zadd(keys.hot_targets(name), {target: at})
            pipe.pexpire(keys.hot_targets(name), life)
            pipe.zadd(keys.hot_families(target), {name: at})

    def gone(self, target: str, at: int, slot_ms: int) -> None:
        """Mark every series of `target` stale at `at`."""
        self.write(target, (), at, slot_ms)

    def names(self, since: int = 0) -> list[str]:
        """Return the metric names written since `since` (Unix ms)."""
        with client.edge():
            found = cast("list[bytes]", self.redis.zrangebyscore(keys.hot_names(), since, "+inf"))
        return sorted(name.decode() for name in found)

    def select(self, matchers: tuple[Matcher, ...], start: int, end: int) -> list[Series]:
        """Return the series that fit, with their samples in (start, end] (Unix ms), stale markers among them."""
        found: list[Series] = []
        with client.edge():
            for name in self._fitting_names(matchers):
                found += self._family(name, matchers, start, end)
        return found

    def _fitting_names(self, matchers: tuple[Matcher, ...]) -> list[str]:
        about_name = [m for m in matchers if m.name == label_sets.NAME]
        if any(m.op == "=" for m in about_name):
            return [next(m.value for m in about_name if m.op == "=")]
        return [name for name in self.names() if all_accept(tuple(about_name), ((label_sets.NAME, name),))]

    def _family(self, name: str, matchers: tuple[Matcher, ...], start: int, end: int) -> list[Series]:
        targets = [
            t.decode() for t in cast("list[bytes]", self.redis.zrangebyscore(keys.hot_targets(name), start, "+inf"))
        ]
        pipe = self.redis.pipeline(transaction=False)
        for target in targets:
            pipe.hgetall(keys.hot_schemas(target))
        rings = [
            (target, Schema.load(text))
            for target, stored in zip(targets, pipe.execute(), strict=True)
            for field, text in stored.items()
            if field.decode().rpartition(":v")[0] == name
        ]
        rings = [ring for ring in rings if any(all_accept(matchers, _full(name, c)) for c in ring[1].columns)]
        for target, schema in rings:
            pipe.get(keys.hot_ring(target, name, schema.version))
        parts: dict[Labels, list[tuple[Any, Any]]] = {}
        for (_, schema), raw in zip(rings, pipe.execute(), strict=True):
            if raw:
                _read_ring(raw, schema, name, matchers, start, end, parts)
        return [_joined(key, pieces) for key, pieces in parts.items()]

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


def _next_schema(old: Schema | None, columns: tuple[Labels, ...], slot_ms: int, window_ms: int) -> Schema:
    """Return `old` while it has every column of now, else a schema of both; too many dead columns are let go."""
    if old and old.slot_ms == slot_ms and set(columns) <= set(old.columns):
        return old
    kept = old.columns if old else ()
    if len(kept) > 2 * len(columns) + SPARE_COLUMNS:
        kept = ()
    merged = tuple(sorted({*kept, *columns}))
    return Schema(merged, slot_ms, window_ms // slot_ms + 2)


def _full(name: str, column: Labels) -> Labels:
    return tuple(sorted(((label_sets.NAME, name), *column)))


def _read_ring(
    raw: bytes,
    schema: Schema,
    name: str,
    matchers: tuple[Matcher, ...],
    start: int,
    end: int,
    parts: dict[Labels, list[tuple[Any, Any]]],
) -> None:
    width = len(schema.columns) + 1
    whole = len(raw) // (8 * width)
    table = np.frombuffer(raw, dtype="<i8", count=whole * width).reshape(whole, width)
    rows = table[(table[:, 0] > start) & (table[:, 0] <= end)]
    if not len(rows):
        return
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    values = rows.view("<f8")
    for index, column in enumerate(schema.columns, start=1):
        labels = _full(name, column)
        if all_accept(matchers, labels):
            parts.setdefault(labels, []).append((rows[:, 0].copy(), values[:, index].copy()))


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
