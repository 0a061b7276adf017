"""The writer of samples that come with times of their own: pushed ones, and those of pages that say when.

A timed ring is a ring whose members are single series (`members`). Each sample is a cell, a time and a value; its slot follows from
its time. Of the samples of one series and slot the newest is kept, so that what comes twice, late or from two senders does no harm.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from redis import Redis

from memmon import labels as label_sets
from memmon.errors import Transient
from memmon.labels import Labels
from memmon.metrics import cells, members, pace, timed_reader
from memmon.metrics.cells import Batch, Cells
from memmon.metrics.members import Room, Timed
from memmon.samples import Sample
from memmon.state import client, keys, lease

MAX_SERIES = 20_000
"""That one source may have at a time; what is over is refused and counted."""

MAX_BYTES = 256 << 20
"""That the rings of one source may take."""

OUT_OF_BOUNDS, TOO_MANY_SERIES = "out_of_bounds", "too_many_series"

MAX_REMEMBERED = 20_000
SWEEP_EVERY = 60.0
PROLONG_MS = 60_000
"""How long a ring goes on with the expiry that it has, which is far longer."""

_ATTEMPTS = 10
_prolonged: dict[str, int] = {}
"""Ring and schema -> when its life was last prolonged (Unix ms) by this process."""

# What a source has of each name is changed by whoever read what it was before.
_SWAP = """
local won = {}
for i = 1, #ARGV, 3 do
  local held = redis.call('HGET', KEYS[1], ARGV[i]) or ''
  won[#won + 1] = held == ARGV[i + 1] and 1 or 0
  if held == ARGV[i + 1] then redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2]) end
end
return won
"""


class Written(NamedTuple):
    """How many samples were kept, how many a newer one of their slot displaced, and how many were refused: by reason, with the
    first example of each."""

    kept: int
    folded: int
    refused: dict[str, int]
    examples: dict[str, str]


class _Held(NamedTuple):
    """What a source has of a name: the schema in force, its members, the bytes of its ring."""

    version: str
    members: int
    size: int

    def dump(self) -> str:
        return f"{self.version}:{self.members}:{self.size}"


class _Laid(NamedTuple):
    """The samples of a name as cells of a ring, which of them lie side by side, and the gaps (ms) between samples of one slot."""

    schema: Timed
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


class TimedStore:
    """The timed rings of one Redis."""

    def __init__(self, redis: Redis, window_seconds: float):
        self.redis = redis
        self.window_ms = round(window_seconds * 1000)
        self.life_ms = self.window_ms + 600_000

    def write(self, source: str, samples: Iterable[Sample], now: int, slot_ms: int | None = None) -> Written:
        """Write samples of `source`, each of which has a time (Unix ms), at `now`.

        Without `slot_ms` the slots become as short as the series come fast.
        """
        tally = _Tally()
        limits = cells.bounds(now, self.window_ms)
        inside = []
        for sample in samples:
            if sample.at is not None and limits.hold(sample.at):
                inside.append(sample)
            else:
                tally.refuse(OUT_OF_BOUNDS, sample.labels)
        left = cells.by_name(inside)
        wanted = dict.fromkeys(left, slot_ms) if slot_ms else {}
        with client.edge():
            for _ in range(_ATTEMPTS):
                if left:
                    left = self._attempt(source, left, wanted, now, tally)
        if left:
            raise Transient(f"redis: the series of {source} change faster than they can be written")
        return Written(tally.kept, tally.folded, tally.refused, tally.examples)

    def _attempt(
        self, source: str, batches: dict[str, Batch], wanted: dict[str, int], now: int, tally: _Tally
    ) -> dict[str, Batch]:
        """Write what can be written; return what is to be tried again, where others changed the schema at the same time, or where
        the slots turned out too long: then `wanted` has shorter ones."""
        ready = self._prepare(source, batches, wanted, now)
        laid = {name: _lay(batches[name], schema) for name, schema in ready.items() if schema is not None}
        pipe = self.redis.pipeline(transaction=False)
        for name, one in laid.items():
            _ask_times(pipe, keys.hot_ring(source, name, one.schema.ring), one)
        answers = iter(pipe.execute())
        pipe = self.redis.pipeline(transaction=True)  # A time is never seen without its value.
        for name, one in laid.items():
            held = _times(one, answers)
            wins, gaps = cells.against(one.cells, held, one.schema.slot_ms)
            shorter = pace.shorter(f"{source} {name}", one.schema.slot_ms, one.gaps, gaps, len(one.cells.at), now)
            if shorter and name not in wanted:
                wanted[name] = shorter
                del ready[name]
                continue
            if not wins.all():
                winners = one.cells.only(wins)
                one = one._replace(cells=winners, runs=cells.runs(winners))
            self._put(pipe, source, name, one, now, is_new=not held.any())
            tally.kept += int(wins.sum())
            tally.folded += len(one.gaps) + len(gaps)
        self._announce(pipe, source, [name for name in laid if name in ready], now)
        pipe.execute()
        for name, schema in ready.items():
            _tell_homeless(name, batches[name], schema, tally)
        return {name: batch for name, batch in batches.items() if name not in ready}

    def _prepare(
        self, source: str, batches: dict[str, Batch], wanted: dict[str, int], now: int
    ) -> dict[str, Timed | None]:
        """Return the schema of each name with what `batches` have new, None where there is no room; a name is left out where
        another writer was quicker."""
        held = self._held(source)
        schemas = timed_reader.load(self.redis, {held[name].version for name in batches if name in held})
        room = _room(held)
        if room.members <= 0 or room.size <= 0:
            held = self._swept(source, held)
            room = _room(held)
        ready: dict[str, Timed | None] = {}
        changed: dict[str, Timed] = {}
        for name, batch in batches.items():
            old = schemas.get(held[name].version) if name in held else None
            slot_ms = wanted.get(name) or (old.slot_ms if old else pace.SLOTS_MS[-1])
            new = ready[name] = members.following(old, batch.members, slot_ms, now, self.window_ms, room)
            if new is not None and new is not old:
                changed[name] = new
                more = Room(len(new.members), new.size) if old is None else _growth(old, new)
                room = Room(room.members - more.members, room.size - more.size)
        for name in self._lost(source, held, changed):
            del ready[name]
        return ready

    def _held(self, source: str) -> dict[str, _Held]:
        """Return what `source` has of each name."""
        stored = cast("dict[bytes, bytes]", self.redis.hgetall(keys.hot_timed(source)))
        found = {}
        for name, text in stored.items():
            version, count, size = text.decode().split(":")
            found[name.decode()] = _Held(version, int(count), int(size))
        return found

    def _swept(self, source: str, held: dict[str, _Held]) -> dict[str, _Held]:
        """Forget the names of which nothing was written for so long that no ring is left; look at most once a minute."""
        if not lease.claim(self.redis, f"timed-sweep:{source}", SWEEP_EVERY):
            return held
        pipe = self.redis.pipeline(transaction=False)
        for name in held:
            pipe.exists(keys.hot_rings(name))
        gone = [name for name, is_there in zip(held, pipe.execute(), strict=True) if not is_there]
        if gone:
            self.redis.hdel(keys.hot_timed(source), *gone)
        return {name: one for name, one in held.items() if name not in gone}

    def _lost(self, source: str, held: dict[str, _Held], changed: dict[str, Timed]) -> list[str]:
        """Put the changed schemas in force; return the names of which another writer changed them first."""
        if not changed:
            return []
        pipe = self.redis.pipeline(transaction=False)
        words: list[str] = []
        for name, schema in changed.items():
            pipe.set(keys.hot_schema(schema.version), schema.dump(), px=self.life_ms)
            before = held[name].dump() if name in held else ""
            words += [name, before, _Held(schema.version, len(schema.members), schema.size).dump()]
        pipe.eval(_SWAP, 1, keys.hot_timed(source), *words)
        won = pipe.execute()[-1]
        pipe = self.redis.pipeline(transaction=False)
        for (name, schema), is_won in zip(changed.items(), won, strict=True):
            old = members.get(held[name].version) if is_won and name in held else None
            if old is not None and old.ring == schema.ring:
                pipe.zrem(keys.hot_rings(name), _entry(source, old.version))  # The new schema reads the same cells.
        pipe.execute()
        return [name for name, is_won in zip(changed, won, strict=True) if not is_won]

    def _put(self, pipe: Any, source: str, name: str, one: _Laid, now: int, is_new: bool) -> None:
        """Write cells, and let readers find them. What need not live longer yet is left as it is: it is most of the commands."""
        schema, found = one.schema, one.cells
        key = keys.hot_ring(source, name, schema.ring)
        for first, end in one.runs:
            start = _offset(schema, found, first)
            pipe.setrange(key, start, found.at[first:end].astype("<i8").tobytes())
            pipe.setrange(key, start + 8 * schema.capacity, found.value[first:end].astype("<f8").tobytes())
        pipe.zadd(keys.hot_rings(name), {_entry(source, schema.version): now})
        fresh = f"{key} {schema.version}"
        if is_new or not 0 <= now - _prolonged.get(fresh, 0) < PROLONG_MS:
            while len(_prolonged) >= MAX_REMEMBERED:
                _prolonged.pop(next(iter(_prolonged)))
            _prolonged[fresh] = now
            for prolonged in (key, keys.hot_schema(schema.version), keys.hot_rings(name)):
                pipe.pexpire(prolonged, self.life_ms)

    def _announce(self, pipe: Any, source: str, names: list[str], now: int) -> None:
        """Let readers find the names."""
        if names:
            for known in (keys.hot_names(), keys.hot_timed_names()):
                pipe.zadd(known, dict.fromkeys(names, now))
        pipe.zremrangebyscore(keys.hot_timed_names(), 0, now - self.life_ms)
        for key in (keys.hot_timed_names(), keys.hot_timed(source)):
            pipe.pexpire(key, self.life_ms)


def _room(held: dict[str, _Held]) -> Room:
    """Return how much more a source may have."""
    members_held, size_held = sum(one.members for one in held.values()), sum(one.size for one in held.values())
    return Room(MAX_SERIES - members_held, MAX_BYTES - size_held)


def _entry(source: str, version: str) -> str:
    return f"{source}\t{version}"


def _growth(old: Timed, new: Timed) -> Room:
    return Room(len(new.members) - len(old.members), new.size - old.size)


def _lay(batch: Batch, schema: Timed) -> _Laid:
    place = np.array([schema.position.get(labels, -1) for labels in batch.members], np.int64)
    member = place[batch.member]
    housed = member >= 0
    found, gaps = cells.newest(member[housed], batch.at[housed], batch.value[housed], schema.slot_ms)
    return _Laid(schema, found, cells.runs(found), gaps)


def _offset(schema: Timed, found: Cells, index: int) -> int:
    """Return where in its ring the time of a cell is; its value is 8 * capacity bytes further."""
    return int(found.period[index]) % schema.slots * schema.width + 8 * int(found.member[index])


def _ask_times(pipe: Any, key: str, one: _Laid) -> None:
    for first, end in one.runs:
        start = _offset(one.schema, one.cells, first)
        pipe.getrange(key, start, start + 8 * (end - first) - 1)


def _times(one: _Laid, answers: Iterator[bytes]) -> NDArray[np.int64]:
    """Return the times of the cells that are there already, 0 for none."""
    held = b"".join(next(answers).ljust(8 * (end - first), b"\0") for first, end in one.runs)
    return np.frombuffer(held, dtype="<i8").astype(np.int64)


def _tell_homeless(name: str, batch: Batch, schema: Timed | None, tally: _Tally) -> None:
    """Count the samples of series for which there is no room."""
    position = schema.position if schema else {}
    homeless = [index for index, labels in enumerate(batch.members) if labels not in position]
    if homeless:
        example = label_sets.of((*batch.members[homeless[0]], (label_sets.NAME, name)))
        tally.refuse(TOO_MANY_SERIES, example, int(np.isin(batch.member, homeless).sum()))
