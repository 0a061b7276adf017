"""Reads timed rings: series whose samples have times of their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, cast

import numpy as np
from redis import Redis

from memmon.labels import Labels
from memmon.metrics import members
from memmon.metrics.members import Timed
from memmon.promql.matcher import Matcher, all_accept
from memmon.state import keys

Parts = dict[Labels, list[tuple[Any, Any]]]
"""Label set -> times and values of each of its pieces."""


class TimedRing(NamedTuple):
    """One timed ring to read."""

    source: str
    name: str
    schema: Timed


def rings(redis: Redis, names: Iterable[str], since: int) -> list[TimedRing]:
    """Return the timed rings of `names` that were written since `since` (Unix ms), each with the newest of its schemas."""
    timed = set(cast("list[bytes]", redis.zrangebyscore(keys.hot_timed_names(), since, "+inf")))
    wanted = [name for name in names if name.encode() in timed]
    pipe = redis.pipeline(transaction=False)
    for name in wanted:
        pipe.zrangebyscore(keys.hot_rings(name), since, "+inf")
    entries = [
        (name, *entry.decode().rsplit("\t", 1))
        for name, found in zip(wanted, pipe.execute(), strict=True)
        for entry in found
    ]
    schemas = load(redis, {version for _, _, version in entries})
    newest: dict[tuple[str, str, str], TimedRing] = {}
    for name, source, version in entries:
        schema = schemas.get(version)
        if schema is None:
            continue
        key = (source, name, schema.ring)
        if key not in newest or len(newest[key].schema.members) < len(schema.members):
            newest[key] = TimedRing(source, name, schema)
    return list(newest.values())


def load(redis: Redis, versions: set[str]) -> dict[str, Timed]:
    """Return the schemas of `versions`; those are read that this process has not met."""
    found = {one: schema for one in versions if (schema := members.get(one)) is not None}
    missing = sorted(versions - found.keys())
    if missing:
        stored = cast("list[bytes | None]", redis.mget([keys.hot_schema(one) for one in missing]))
        found |= {one: members.load(text) for one, text in zip(missing, stored, strict=True) if text is not None}
    return found


def label_sets_of(redis: Redis, names: Iterable[str], matchers: tuple[Matcher, ...], since: int) -> Iterator[Labels]:
    """Yield the label sets that fit of what was written since `since` (Unix ms), the name in them."""
    for ring in rings(redis, names, since):
        for labels, full in zip(ring.schema.members, ring.schema.full(ring.name), strict=True):
            if all_accept(matchers, labels):
                yield full


def read(redis: Redis, names: Iterable[str], matchers: tuple[Matcher, ...], start: int, end: int, parts: Parts) -> None:
    """Add the samples in (start, end] (Unix ms) of the series of `names` that fit to `parts`."""
    fitting = [
        (ring, places)
        for ring in rings(redis, names, start)
        if (places := [place for place, labels in enumerate(ring.schema.members) if all_accept(matchers, labels)])
    ]
    pipe = redis.pipeline(transaction=False)
    counts = [_ask(pipe, ring, start, end) for ring, _ in fitting]
    answers = iter(pipe.execute())
    for (ring, places), count in zip(fitting, counts, strict=True):
        _read_ring(ring, places, [next(answers) for _ in range(count)], start, end, parts)


def _ask(pipe: Any, ring: TimedRing, start: int, end: int) -> int:
    """Ask for the slots of (start, end]; return how many answers that will be."""
    schema, key = ring.schema, keys.hot_ring(ring.source, ring.name, ring.schema.ring)
    first, last = (start + 1) // schema.slot_ms, end // schema.slot_ms
    if last - first + 1 >= schema.slots:
        pipe.get(key)
        return 1
    low, high = first % schema.slots, last % schema.slots
    if low <= high:
        pipe.getrange(key, low * schema.width, (high + 1) * schema.width - 1)
        return 1
    pipe.getrange(key, low * schema.width, -1)
    pipe.getrange(key, 0, (high + 1) * schema.width - 1)
    return 2


def _read_ring(
    ring: TimedRing, places: list[int], answers: list[bytes | None], start: int, end: int, parts: Parts
) -> None:
    schema = ring.schema
    raw = b"".join(_whole(answer or b"", schema.width) for answer in answers)
    table = np.frombuffer(raw, dtype="<i8").reshape(-1, schema.width // 8)
    period = table[:, : schema.capacity].max(axis=1, initial=0) // schema.slot_ms
    order = np.argsort(period, kind="stable")
    rows, period = table[order], period[order]
    times = rows[:, places].T
    # What was written the last time round, in a slot that others have written anew, is older than the window.
    there = (times > max(start, 0)) & (times <= end) & (times // schema.slot_ms == period)
    found = times[there]
    values = rows[:, schema.capacity + np.array(places)].T[there].view("<f8")
    labels = schema.full(ring.name)
    first = 0
    for place, count in zip(places, there.sum(axis=1).tolist(), strict=True):
        if count:
            pieces = parts.setdefault(labels[place], [])
            pieces.append((found[first : first + count], values[first : first + count]))
        first += count


def _whole(raw: bytes, width: int) -> bytes:
    return raw.ljust(-(-len(raw) // width) * width, b"\0")
