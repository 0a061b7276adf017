"""The hot window: rings of slots in Redis, one a shard, metric name and schema.

A shard is collected together, up to 50 targets; one tick of it is one SETRANGE per metric name. The
slot follows from the tick's period and not from the clock, so that a task that runs twice writes to
the same place. A new series or target changes the schema; its version is named by its content and
has its own ring. Readers join the versions of the window. The index is sorted sets by time: adding
to them commutes, so that two writers of one shard do no harm.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
from redis import Redis

from memmon import labels as label_sets
from memmon.labels import Labels
from memmon.metrics.head import ring as rings
from memmon.metrics.head import schema as schemas
from memmon.metrics.head import slot_layout as plans
from memmon.metrics.head.schema import ColumnSelection, Schema
from memmon.metrics.head.series_layout import Member, Row
from memmon.metrics.head.slot_layout import SlotLayout
from memmon.promql.matcher import Matcher, all_accept
from memmon.samples import Metadata, Series
from memmon.state import client, keys

EXTEND_EVERY = 16
"""Slots after which the expiry of written keys is extended; it is far longer than the window."""
SPARE_LIFE_MS = 900_000


class SlotWrite(NamedTuple):
    """How many samples went in, and how many of each member were dropped because it has too many
    series.
    """

    accepted: int
    dropped: dict[str, int]


class Ring(NamedTuple):
    """One ring to read."""

    shard: str
    name: str
    schema: Schema

    @property
    def key(self) -> str:
        """Its key in Redis."""
        return keys.hot_ring(self.shard, self.name, self.schema.version)


_plans: dict[tuple[int, str], SlotLayout] = {}
MAX_PLANS = 5_000


class HeadStore:
    """The rings of one Redis."""

    def __init__(self, redis: Redis, window_seconds: float):
        self.redis = redis
        self.window_ms = round(window_seconds * 1000)
        self.life_ms = self.window_ms + SPARE_LIFE_MS

    def write(self, shard: str, rows: Sequence[Row], period: int, slot_ms: int) -> SlotWrite:
        """Write what the members of `shard` gave in `period` (the number of stretches of `slot_ms`
        since 1970).

        Series that a member gave before and does not give now go stale. Rows are whole or not
        there.
        """
        if not rows:
            return SlotWrite(0, {})
        with client.edge():
            stored = cast("dict[bytes, bytes]", self.redis.hgetall(keys.hot_shard(shard)))
            versions = {name.decode(): version.decode() for name, version in stored.items()}
            plan = _plans.get((self.window_ms, shard))
            is_new = plan is None or not plan.fits(rows, slot_ms, versions)
            if plan is None or is_new:
                plan = SlotLayout(rows, self._load(versions), slot_ms, self.window_ms, period)
            pipe = self.redis.pipeline(transaction=False)
            at = max(row.at for row in rows)
            if is_new:
                self._announce(pipe, shard, plan, versions, period, at)
            for sheet, slot in plan.slots(rows):
                ring = Ring(shard, sheet.name, sheet.schema)
                pipe.setrange(ring.key, rings.offset(sheet.schema, period), slot)
                pipe.zadd(keys.hot_rings(sheet.name), {f"{shard}\t{sheet.schema.version}": at})
                if is_new or period % EXTEND_EVERY == 0:
                    self.extend(pipe, ring)
            if plan.versions and (is_new or period % EXTEND_EVERY == 0):
                pipe.zadd(keys.hot_names(), dict.fromkeys(plan.versions, at))
                pipe.pexpire(keys.hot_shard(shard), self.life_ms)
            pipe.execute()
        _keep_plan((self.window_ms, shard), plan)
        dropped = {row.member.name: row.shape.dropped for row in rows if row.shape.dropped}
        return SlotWrite(sum(len(row.shape) for row in rows) - sum(dropped.values()), dropped)

    def _load(self, versions: dict[str, str]) -> dict[str, Schema]:
        """Return by name the schemas of `versions`; those are read that this process has not
        met.
        """
        schemas = self.schemas(versions.values())
        return {name: schemas[version] for name, version in versions.items() if version in schemas}

    def _announce(
        self, pipe: Any, shard: str, plan: SlotLayout, versions: dict[str, str], period: int, at: int
    ) -> None:
        """Say what the shard is written with from now on; end what nobody gives any more."""
        changed = {
            sheet.name: sheet.schema for sheet in plan.sheets if versions.get(sheet.name) != sheet.schema.version
        }
        for schema in {schema.version: schema for schema in changed.values()}.values():
            pipe.set(keys.hot_schema(schema.version), schema.dump(), px=self.life_ms)
        if changed:
            mapping: Any = {name: schema.version for name, schema in changed.items()}
            pipe.hset(keys.hot_shard(shard), mapping=mapping)
        for name, schema in plan.ended.items():
            slot = plans.stale_slot(schema, at, plan.members)
            pipe.setrange(Ring(shard, name, schema).key, rings.offset(schema, period), slot)
            pipe.zadd(keys.hot_rings(name), {f"{shard}\t{schema.version}": at})
            pipe.hdel(keys.hot_shard(shard), name)

    def extend(self, pipe: Any, ring: Ring) -> None:
        """Extend the expiry of a ring and its index by another window."""
        for key in (ring.key, keys.hot_rings(ring.name), keys.hot_schema(ring.schema.version)):
            pipe.pexpire(key, self.life_ms)
        if ring.schema.timed:
            for key in (keys.hot_members(ring.schema.version), keys.hot_places(ring.schema.version)):
                pipe.pexpire(key, self.life_ms)

    def gone(self, target: str, at: int) -> None:
        """Mark every series of the member called `target` stale at `at` (Unix ms)."""
        with client.edge():
            rings = self.rings(self.names(at - self.window_ms), at - self.window_ms)
            pipe = self.redis.pipeline(transaction=False)
            for ring in rings:
                for member in ring.schema.members:
                    if member.name == target:
                        self._end(pipe, ring, member, at)
            pipe.execute()

    def _end(self, pipe: Any, ring: Ring, member: Member, at: int) -> None:
        """Write one member's stale row beside those of the others."""
        schema, place = ring.schema, ring.schema.member_at[member]
        start = rings.offset(schema, at // schema.slot_ms)
        slot = plans.stale_slot(schema, at, [member])
        per_member = 8 * len(schema.columns)
        values = 8 * schema.capacity + place * per_member
        pipe.setrange(ring.key, start + values, slot[values : values + per_member])
        pipe.setrange(ring.key, start + 8 * place, slot[8 * place : 8 * place + 8])
        pipe.zadd(keys.hot_rings(ring.name), {f"{ring.shard}\t{schema.version}": at})

    def names(self, since: int = 0) -> list[str]:
        """Return the metric names written since `since` (Unix ms)."""
        with client.edge():
            names = cast("list[bytes]", self.redis.zrangebyscore(keys.hot_names(), since, "+inf"))
        return sorted(name.decode() for name in names)

    def rings(self, names: Sequence[str], since: int) -> list[Ring]:
        """Return the rings of `names` that were written since `since` (Unix ms), with what stands
        where in them.
        """
        with client.edge():
            pipe = self.redis.pipeline(transaction=False)
            for name in names:
                pipe.zrangebyscore(keys.hot_rings(name), since, "+inf")
            ring_keys = [
                (*entry.decode().split("\t"), name)
                for name, entries in zip(names, pipe.execute(), strict=True)
                for entry in entries
            ]
            schemas = self.schemas(version for _, version, _ in ring_keys)
        return [Ring(shard, name, schemas[version]) for shard, version, name in ring_keys if version in schemas]

    def schemas(self, versions: Iterable[str]) -> dict[str, Schema]:
        """Return the schemas of `versions`, of timed ones with the newest members; one that Redis
        lost is not among them.
        """
        distinct_versions = dict.fromkeys(versions)
        schemas_ = {version: schema for version in distinct_versions if (schema := schemas.get(version)) is not None}
        missing = [version for version in distinct_versions if version not in schemas_]
        if missing:
            texts = cast("list[bytes | None]", self.redis.mget([keys.hot_schema(version) for version in missing]))
            schemas_ |= {
                version: schemas.load(text) for version, text in zip(missing, texts, strict=True) if text is not None
            }
        growing = [schema for schema in schemas_.values() if schema.timed and len(schema.members) < schema.capacity]
        if growing:
            schemas_ |= {schema.version: schema for schema in self._grown(growing)}
        return schemas_

    def _grown(self, growing: list[Schema]) -> list[Schema]:
        pipe = self.redis.pipeline(transaction=False)
        for schema in growing:
            pipe.lrange(keys.hot_members(schema.version), len(schema.members), -1)
        grown = []
        for schema, texts in zip(growing, pipe.execute(), strict=True):
            new = [Member("", tuple((key, value) for key, value in json.loads(text))) for text in texts]
            grown.append(schemas.keep(schema.grown(new)) if new else schema)
        return grown

    def select(self, matchers: tuple[Matcher, ...], start: int, end: int) -> list[Series]:
        """Return the series that fit, with their samples in (start, end] (Unix ms), stale markers
        among them.

        However many names fit, it is four round trips: names, rings, schemas that are new to this
        process, slots.
        """
        label_matchers = _but_name(matchers)
        choices = [
            (ring, choice)
            for ring in self.rings(self.fitting_names(matchers), start)
            if (choice := ring.schema.choice(ring.name, label_matchers)).labels
        ]
        pieces_by_series: dict[Labels, list[tuple[Any, Any]]] = {}
        for (ring, choice), raw in zip(choices, self.slots([ring for ring, _ in choices], start, end), strict=True):
            _pick(rings.decode(ring.schema, raw), ring.schema, choice, start, end, pieces_by_series)
        return [_joined(key, pieces) for key, pieces in pieces_by_series.items()]

    def slots(self, selected: Sequence[Ring], start: int, end: int) -> list[list[bytes]]:
        """Return the bytes of the slots of each ring that may have times in (start, end] (Unix ms),
        see `ring.decode`.
        """
        return self.ranges([(ring, rings.periods(ring.schema, start, end)) for ring in selected])

    def ranges(self, reads: Sequence[tuple[Ring, range]]) -> list[list[bytes]]:
        """Return the bytes of the slots of some periods of each ring, in one round trip."""
        with client.edge():
            pipe = self.redis.pipeline(transaction=False)
            counts = []
            for ring, periods in reads:
                spans = rings.spans(ring.schema, periods)
                for first, last in spans:
                    pipe.getrange(ring.key, first, last)
                counts.append(len(spans))
            answers = iter(pipe.execute())
        return [[next(answers) for _ in range(count)] for count in counts]

    def label_sets(self, matchers: tuple[Matcher, ...], since: int) -> set[Labels]:
        """Return the matching label sets written since `since` (Unix ms). No sample is read, so
        this is a superset.
        """
        label_matchers = _but_name(matchers)
        return {
            labels
            for ring in self.rings(self.fitting_names(matchers), since)
            for labels in ring.schema.choice(ring.name, label_matchers).labels
        }

    def fitting_names(self, matchers: tuple[Matcher, ...]) -> list[str]:
        """Return the metric names that the matchers about the name leave."""
        about_name = tuple(m for m in matchers if m.name == label_sets.NAME)
        exact = [m.value for m in about_name if m.op == "="]
        candidates = exact[:1] or self.names()
        return [name for name in candidates if all_accept(about_name, ((label_sets.NAME, name),))]

    def size(self) -> tuple[int, int]:
        """Return how many bytes the rings of the window take at most, and how many series they have
        places for.
        """
        rings = self.rings(self.names(), 0)
        series = sum(len(ring.schema.members) * len(ring.schema.columns) for ring in rings)
        return sum(ring.schema.width * ring.schema.slots for ring in rings), series

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
        """Drop names and rings that nobody wrote during the window."""
        with client.edge():
            pipe = self.redis.pipeline(transaction=False)
            pipe.zremrangebyscore(keys.hot_names(), 0, now - self.life_ms)
            for name in self.names():
                pipe.zremrangebyscore(keys.hot_rings(name), 0, now - self.window_ms)
            pipe.execute()


def _keep_plan(key: tuple[int, str], plan: SlotLayout) -> None:
    while len(_plans) >= MAX_PLANS and key not in _plans:
        _plans.pop(next(iter(_plans)), None)
    _plans[key] = plan


def _but_name(matchers: tuple[Matcher, ...]) -> tuple[Matcher, ...]:
    return tuple(matcher for matcher in matchers if matcher.name != label_sets.NAME)


def _pick(
    table: rings.Table,
    schema: Schema,
    choice: ColumnSelection,
    start: int,
    end: int,
    pieces_by_series: dict[Labels, list[tuple[Any, Any]]],
) -> None:
    """Add the selected series' samples in (start, end] to `pieces_by_series`, each in order of
    time.
    """
    inside = (table.times > max(start, 0)) & (table.times <= end)
    rows: dict[int, tuple[Any, Any]] = {}
    for member, column, labels in zip(choice.members.tolist(), choice.columns.tolist(), choice.labels, strict=True):
        if member not in rows:
            indexes = np.flatnonzero(inside[:, member])
            order = indexes[np.argsort(table.times[indexes, member], kind="stable")]
            rows[member] = (order, np.ascontiguousarray(table.times[order, member]))
        order, times = rows[member]
        if len(order):
            values = table.values[order, member * len(schema.columns) + column]
            pieces_by_series.setdefault(labels, []).append((times, values))


def _joined(labels: Labels, pieces: list[tuple[Any, Any]]) -> Series:
    """Join the pieces of one label set; where two versions or two targets give the same moment, a
    value beats a marker.
    """
    if len(pieces) == 1:
        return Series(labels, *pieces[0])
    times = np.concatenate([piece[0] for piece in pieces])
    values = np.concatenate([piece[1] for piece in pieces])
    order = np.lexsort((np.isnan(values), times))
    times, values = times[order], values[order]
    first = np.concatenate(([True], times[1:] != times[:-1]))
    return Series(labels, times[first], values[first])
