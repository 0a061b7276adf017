"""The writer of samples that come with times of their own: pushed ones, and those of pages that say
when.

A timed ring is a ring whose members are single series (`members`). Each sample is a cell, a time
and a value; its slot follows from its time. Of the samples of one series and slot the newest is
kept, so that what comes twice, late or from two senders does no harm.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from memmon import labels as label_sets
from memmon.errors import Transient
from memmon.labels import Labels
from memmon.metrics.head import batches as head_batches
from memmon.metrics.head import ring as rings
from memmon.metrics.head import schema as schemas
from memmon.metrics.head import series_index, slot_interval
from memmon.metrics.head.batches import Batch, Cells
from memmon.metrics.head.schema import Schema
from memmon.metrics.head.series_index import RingChange, Room
from memmon.metrics.head.store import HeadStore, Ring
from memmon.samples import Sample
from memmon.state import client, keys, lease

MAX_SERIES = 40_000
"""Places for series that one source may have, up to half of them spare; further series are refused
and counted.
"""

MAX_BYTES = 256 << 20
"""That the rings of one source may take."""

OUT_OF_BOUNDS, TOO_MANY_SERIES = "out_of_bounds", "too_many_series"

MAX_REMEMBERED = 20_000
SWEEP_EVERY = 60.0
EXTEND_MS = 60_000
"""Seconds between two extensions of a ring's expiry, which is far longer."""

_ATTEMPTS = 10
_extended: dict[str, int] = {}
"""Ring -> when this process last extended its life (Unix ms)."""

# Members are added by one at a time, each once, while there are places left.
_ADD = """
for i = 2, #ARGV do
  local count = redis.call('HLEN', KEYS[1])
  if count < tonumber(ARGV[1]) and redis.call('HSETNX', KEYS[1], ARGV[i], count) == 1 then
    redis.call('RPUSH', KEYS[2], ARGV[i])
  end
end
"""

# Compare-and-set: a source's rings change only if they still equal the values that were read.
_SWAP = """
local won = {}
for i = 1, #ARGV, 3 do
  local held = redis.call('HGET', KEYS[1], ARGV[i]) or ''
  won[#won + 1] = held == ARGV[i + 1] and 1 or 0
  if held == ARGV[i + 1] then redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2]) end
end
return won
"""


class TimestampedWrite(NamedTuple):
    """How many samples were kept, how many a newer one of their slot displaced, and how many were
    refused: by reason, with the first example of each.
    """

    accepted: int
    folded: int
    refused: dict[str, int]
    examples: dict[str, str]


class _SourceRing(NamedTuple):
    """What a source has of a name: the ring in force, its places and bytes."""

    version: str
    places: int
    size: int

    def dump(self) -> str:
        return f"{self.version}:{self.places}:{self.size}"


_NOTHING = _SourceRing("", 0, 0)


class _Laid(NamedTuple):
    """The samples of a name as cells of a ring, which of them lie side by side, and the gaps (ms)
    between samples of one slot.
    """

    ring: Ring
    cells: Cells
    runs: list[tuple[int, int]]
    gaps: NDArray[np.int64]


class _Tally:
    """What became of the samples of one write."""

    def __init__(self) -> None:
        self.kept = self.folded = 0
        self.refused: dict[str, int] = {}
        self.examples: dict[str, str] = {}

    def refuse(self, reason: str, labels: Labels, count: int = 1) -> None:
        self.refused[reason] = self.refused.get(reason, 0) + count
        self.examples.setdefault(reason, label_sets.show(labels))


class TimestampedStore:
    """The timed rings of the hot window."""

    def __init__(self, window: HeadStore):
        self.window, self.redis, self.window_ms = window, window.redis, window.window_ms

    def write(self, source: str, samples: Iterable[Sample], now: int, slot_ms: int | None = None) -> TimestampedWrite:
        """Write samples of `source`, each of which has a time (Unix ms), at `now`.

        Without `slot_ms` the slots become as short as the series come fast.
        """
        tally = _Tally()
        limits = head_batches.bounds(now, self.window_ms)
        inside = []
        for sample in samples:
            if sample.at is not None and limits.hold(sample.at):
                inside.append(sample)
            else:
                tally.refuse(OUT_OF_BOUNDS, sample.labels)
        left = head_batches.by_name(inside)
        slots_by_name = dict.fromkeys(left, slot_ms) if slot_ms else {}
        with client.edge():
            for _ in range(_ATTEMPTS):
                if left:
                    left = self._attempt(source, left, slots_by_name, now, tally)
            if left:
                self.redis.hdel(
                    keys.hot_timed(source), *left
                )  # What Redis has of their rings is no more whole: begin anew.
        if left:
            raise Transient(f"redis: the series of {source} change faster than they can be written")
        return TimestampedWrite(tally.kept, tally.folded, tally.refused, tally.examples)

    def _attempt(
        self, source: str, batches: dict[str, Batch], slots_by_name: dict[str, int], now: int, tally: _Tally
    ) -> dict[str, Batch]:
        """Write the possible batches; return those to retry, because others changed the schema
        meanwhile or the slots were too long. For the latter `slots_by_name` gets shorter slots.
        """
        ready = self._prepare(source, batches, slots_by_name, now)
        laid = {
            name: _lay(batches[name], Ring(source, name, schema))
            for name, schema in ready.items()
            if schema is not None
        }
        pipe = self.redis.pipeline(transaction=False)
        for batch_write in laid.values():
            _ask_times(pipe, batch_write)
        answers = iter(pipe.execute())
        pipe = self.redis.pipeline(transaction=True)  # A time is never seen without its value.
        for name, batch_write in laid.items():
            stored_times, slot_ms = _times(batch_write, answers), batch_write.ring.schema.slot_ms
            wins, gaps = head_batches.against(batch_write.cells, stored_times, slot_ms)
            shorter = slot_interval.shorter(
                f"{source} {name}", slot_ms, batch_write.gaps, gaps, len(batch_write.cells.at), now
            )
            if shorter and name not in slots_by_name:
                slots_by_name[name] = shorter
                del ready[name]
                continue
            if not wins.all():
                winners = batch_write.cells.only(wins)
                batch_write = batch_write._replace(cells=winners, runs=head_batches.runs(winners))
            self._put(pipe, batch_write, now, is_new=not stored_times.any())
            tally.kept += int(wins.sum())
            tally.folded += len(batch_write.gaps) + len(gaps)
        if written := [name for name in laid if name in ready]:
            pipe.zadd(keys.hot_names(), dict.fromkeys(written, now))
        pipe.pexpire(keys.hot_timed(source), self.window.life_ms)
        pipe.execute()
        for name, schema in ready.items():
            _tell_homeless(name, batches[name], schema, tally)
        return {name: batch for name, batch in batches.items() if name not in ready}

    def _prepare(
        self, source: str, batches: dict[str, Batch], slots_by_name: dict[str, int], now: int
    ) -> dict[str, Schema | None]:
        """Return the schema of each name with places for what `batches` have, None where there is
        no room; a name is left out where another writer was quicker.
        """
        held_rings = self._held(source)
        room = _room(held_rings)
        if room.places <= 0 or room.size <= 0:
            held_rings = self._swept(source, held_rings)
            room = _room(held_rings)
        current = self._known(held_rings, batches)
        ready: dict[str, Schema | None] = {}
        adds: dict[str, tuple[Schema, RingChange]] = {}
        begins: dict[str, tuple[Schema, RingChange]] = {}
        for name, batch in batches.items():
            old = current.get(name)
            slot_ms = slots_by_name.get(name) or (old.slot_ms if old else slot_interval.SLOTS_MS[-1])
            move = series_index.move(old, batch.members, slot_ms, now, self.window_ms, room)
            ready[name] = old
            if move.capacity:
                span = self.window_ms + head_batches.FUTURE_MS
                new = schemas.timed(slot_ms, span, series_index.base_of(slot_ms, now), move.capacity)
                before = held_rings.get(name, _NOTHING)
                room = Room(
                    room.places + before.places - move.capacity, room.size + before.size - series_index.size_of(new)
                )
                begins[name] = new, move
            elif move.members and old is not None:
                adds[name] = old, move
        self._add([*adds.values(), *begins.values()], now)
        lost = self._lost(source, held_rings, {name: schema for name, (schema, _) in begins.items()})
        changed = {name: schema for name, (schema, _) in {**adds, **begins}.items()}
        grown = self.window.schemas(schema.version for schema in changed.values())
        for name, schema in changed.items():
            if schema.version in grown:
                ready[name] = grown[schema.version]
            else:
                lost.append(name)
        for name, (_, move) in adds.items():
            has = ready[name]
            if has is None or any(series_index.member(labels) not in has.member_at for labels in move.members):
                lost.append(name)  # Others took the places.
        return {name: schema for name, schema in ready.items() if name not in lost}

    def _known(self, held_rings: dict[str, _SourceRing], batches: dict[str, Batch]) -> dict[str, Schema]:
        """Return the schemas of the current rings by name, read from Redis where they are not
        cached.
        """
        cached_schemas: dict[str, Schema] = {}
        ask = {}
        for name in batches.keys() & held_rings.keys():
            schema = schemas.get(held_rings[name].version)
            if schema is None or any(
                series_index.member(labels) not in schema.member_at for labels in batches[name].members
            ):
                ask[name] = held_rings[name].version
            else:
                cached_schemas[name] = schema
        asked = self.window.schemas(ask.values()) if ask else {}
        return cached_schemas | {name: asked[version] for name, version in ask.items() if version in asked}

    def _add(self, moves: Sequence[tuple[Schema, RingChange]], now: int) -> None:
        """Give members their places; keep what begins."""
        if not moves:
            return
        pipe = self.redis.pipeline(transaction=False)
        for schema, move in moves:
            ring_keys = (keys.hot_places(schema.version), keys.hot_members(schema.version))
            texts = [json.dumps(labels) for labels in move.members]
            if move.capacity:
                pipe.set(keys.hot_schema(schema.version), schema.dump(), px=self.window.life_ms)
            pipe.eval(_ADD, 2, *ring_keys, schema.capacity, *texts)
            for key in ring_keys:
                pipe.pexpire(key, self.window.life_ms)
        pipe.execute()

    def _held(self, source: str) -> dict[str, _SourceRing]:
        """Return what `source` has of each name."""
        stored = cast("dict[bytes, bytes]", self.redis.hgetall(keys.hot_timed(source)))
        held_rings = {}
        for name, text in stored.items():
            version, places, size = text.decode().split(":")
            held_rings[name.decode()] = _SourceRing(version, int(places), int(size))
        return held_rings

    def _swept(self, source: str, held_rings: dict[str, _SourceRing]) -> dict[str, _SourceRing]:
        """Forget the names of which nothing was written for so long that no ring is left; look at
        most once a minute.
        """
        if not lease.claim(self.redis, f"timed-sweep:{source}", SWEEP_EVERY):
            return held_rings
        pipe = self.redis.pipeline(transaction=False)
        for name in held_rings:
            pipe.exists(keys.hot_rings(name))
        gone = [name for name, is_there in zip(held_rings, pipe.execute(), strict=True) if not is_there]
        if gone:
            self.redis.hdel(keys.hot_timed(source), *gone)
        return {name: ring for name, ring in held_rings.items() if name not in gone}

    def _lost(self, source: str, held_rings: dict[str, _SourceRing], begun: dict[str, Schema]) -> list[str]:
        """Put new rings in force; return the names for which another writer did so first."""
        if not begun:
            return []
        words: list[str] = []
        for name, schema in begun.items():
            new = _SourceRing(schema.version, schema.capacity, series_index.size_of(schema))
            words += [name, held_rings[name].dump() if name in held_rings else "", new.dump()]
        won = cast("list[int]", self.redis.eval(_SWAP, 1, keys.hot_timed(source), *words))
        return [name for name, is_won in zip(begun, won, strict=True) if not is_won]

    def _put(self, pipe: Any, laid: _Laid, now: int, is_new: bool) -> None:
        """Write cells, and let readers find them. What need not live longer yet is left as it is:
        it is most of the commands.
        """
        ring, cells = laid.ring, laid.cells
        for first, end in laid.runs:
            start = _offset(ring.schema, cells, first)
            pipe.setrange(ring.key, start, cells.at[first:end].astype("<i8").tobytes())
            pipe.setrange(ring.key, start + 8 * ring.schema.capacity, cells.value[first:end].astype("<f8").tobytes())
        pipe.zadd(keys.hot_rings(ring.name), {f"{ring.shard}\t{ring.schema.version}": now})
        if is_new or not 0 <= now - _extended.get(ring.key, 0) < EXTEND_MS:
            while len(_extended) >= MAX_REMEMBERED:
                _extended.pop(next(iter(_extended)))
            _extended[ring.key] = now
            self.window.extend(pipe, ring)


def _room(held_rings: dict[str, _SourceRing]) -> Room:
    """Return how much more a source may have."""
    places, size = sum(ring.places for ring in held_rings.values()), sum(ring.size for ring in held_rings.values())
    return Room(MAX_SERIES - places, MAX_BYTES - size)


def _lay(batch: Batch, ring: Ring) -> _Laid:
    place = np.array([ring.schema.member_at.get(series_index.member(labels), -1) for labels in batch.members], np.int64)
    member = place[batch.member]
    housed = member >= 0
    cells, gaps = head_batches.newest(member[housed], batch.at[housed], batch.value[housed], ring.schema.slot_ms)
    return _Laid(ring, cells, head_batches.runs(cells), gaps)


def _offset(schema: Schema, cells: Cells, index: int) -> int:
    """Return where in its ring the time of a cell is; its value is 8 * capacity bytes further."""
    return rings.offset(schema, int(cells.period[index])) + 8 * int(cells.member[index])


def _ask_times(pipe: Any, laid: _Laid) -> None:
    for first, end in laid.runs:
        start = _offset(laid.ring.schema, laid.cells, first)
        pipe.getrange(laid.ring.key, start, start + 8 * (end - first) - 1)


def _times(laid: _Laid, answers: Iterator[bytes]) -> NDArray[np.int64]:
    """Return the times of the cells that are there already, 0 for none."""
    stored = b"".join(next(answers).ljust(8 * (end - first), b"\0") for first, end in laid.runs)
    return np.frombuffer(stored, dtype="<i8").astype(np.int64)


def _tell_homeless(name: str, batch: Batch, schema: Schema | None, tally: _Tally) -> None:
    """Count the samples of series for which there is no room."""
    housed = schema.member_at if schema else {}
    homeless = [index for index, labels in enumerate(batch.members) if series_index.member(labels) not in housed]
    if homeless:
        example = label_sets.of((*batch.members[homeless[0]], (label_sets.NAME, name)))
        tally.refuse(TOO_MANY_SERIES, example, int(np.isin(batch.member, homeless).sum()))
