"""The evaluators' cache equals the rings after every change."""

from __future__ import annotations

import random

import numpy as np
import pytest

from memmon import labels
from memmon.context import Context
from memmon.labels import Labels
from memmon.metrics.head import cache as warm_windows
from memmon.metrics.head import series_layout
from memmon.metrics.head.cache import HeadCache
from memmon.metrics.head.series_layout import Member, Row
from memmon.metrics.head.store import HeadStore
from memmon.metrics.head.timestamped import TimestampedStore
from memmon.promql.block import NO_ROW, Block
from memmon.promql.matcher import Matcher
from memmon.samples import STALE_BITS, Sample

SECOND = 1000
T0 = 1_000_000 * SECOND
X = (Matcher("__name__", "=", "x"),)


def row(target: str, at: int, *samples: Sample) -> series_layout.Row:
    return series_layout.row_of(Member(target, labels.of(instance=target)), samples, at)


def sample(name: str, value: float, **pairs: str) -> Sample:
    return Sample(labels.of(pairs, __name__=name), value)


def real(
    store: HeadStore, start: int, end: int, matchers: tuple[Matcher, ...] = X
) -> dict[Labels, list[tuple[int, float]]]:
    """Return the samples, without markers, as the rings have them."""
    actual = {}
    for entry in store.select(matchers, start, end):
        keep = entry.values.view(np.uint64) != STALE_BITS
        if keep.any():
            actual[entry.labels] = list(zip(entry.times[keep].tolist(), entry.values[keep].tolist(), strict=True))
    return actual


def samples_of(blocks: list[Block], start: int, end: int) -> dict[Labels, list[tuple[int, float]]]:
    """Return the same out of blocks."""
    actual = {}
    for block in blocks:
        for at, key in enumerate(block.roster.labels):
            times, values = block.times[:, block.member[at]], block.values[:, block.place[at]]
            keep = (times != NO_ROW) & (values.view(np.uint64) != STALE_BITS) & (times > start) & (times <= end)
            if keep.any():
                assert key not in actual
                assert (np.diff(times[keep]) > 0).all()
                actual[key] = list(zip(times[keep].tolist(), values[keep].tolist(), strict=True))
    return actual


def write_now_and_then(
    chance: random.Random, store: HeadStore, shard: str, rows: list[Row], at: int, seconds: int
) -> None:
    """Write a tick, sometimes twice, sometimes not at all."""
    slot = seconds * SECOND
    if at % slot == 0:
        for _ in range(1 if chance.random() > 0.1 else 2):
            if chance.random() > 0.05:
                store.write(shard, rows, at // slot, slot)


@pytest.mark.parametrize("seed", range(6))
def test_it_holds_what_the_rings_say(sqlite_ctx: Context, seed: int) -> None:
    chance = random.Random(seed)
    store = HeadStore(sqlite_ctx.redis, 60)
    warm = HeadCache(store)
    targets = {f"t{n}": n % 2 for n in range(5)}
    columns = {target: {"0"} for target in targets}
    for tick in range(1, 150):
        at = T0 + tick * SECOND
        for target in targets:
            if chance.random() < 0.03:
                targets[target] = 1 - targets[target]  # It moves to the other shard.
            if chance.random() < 0.05:
                columns[target] ^= {str(chance.randrange(4))}
        for shard in (0, 1):
            giving = [entry for entry, home in targets.items() if home == shard and chance.random() > 0.05]
            rows = [
                row(entry, at + chance.randrange(300), *(sample("x", tick + int(c) / 10, c=c) for c in columns[entry]))
                for entry in giving
            ]
            write_now_and_then(chance, store, f"s{shard}", rows, at, 2 if seed == 5 and tick > 70 else 1)
        if chance.random() < 0.03:
            store.gone("t3", at + 400)
        if tick == 90 and seed == 4:
            sqlite_ctx.redis.flushall()
        span = chance.choice([5, 20, 40]) * SECOND
        end = at + 500 - (chance.choice([10, 15]) * SECOND if chance.random() < 0.2 else 0)
        start = end - span
        assert samples_of(warm.blocks(X, start, end), start, end) == real(store, start, end), tick
        subset = (*X, Matcher("c", "=~", "1|2"))
        assert samples_of(warm.blocks(subset, start, end), start, end) == real(store, start, end, subset)


def test_a_further_query_reads_only_the_newest_rows(sqlite_ctx: Context) -> None:
    store = HeadStore(sqlite_ctx.redis, 3600)
    warm = HeadCache(store)
    for tick in range(1, 200):
        store.write("s", [row("t", T0 + tick * 10_000, sample("x", tick))], T0 // 10_000 + tick, 10_000)
    end = T0 + 1_990_000
    [block] = warm.blocks(X, end - 600_000, end)
    before = sqlite_ctx.redis.info("stats")["total_net_output_bytes"]
    store.write("s", [row("t", end + 10_000, sample("x", 200))], T0 // 10_000 + 200, 10_000)
    [later] = warm.blocks(X, end - 590_000, end + 10_000)
    assert sqlite_ctx.redis.info("stats")["total_net_output_bytes"] - before < 10_000
    assert later.roster is block.roster
    assert later.values[later.times[:, 0] == end + 10_000].tolist() == [[200.0]]


def test_pushed_samples_are_seen_however_late_they_come(sqlite_ctx: Context) -> None:
    store = HeadStore(sqlite_ctx.redis, 600)
    warm, pushed = HeadCache(store), TimestampedStore(store)
    for at in (T0, T0 - 120 * SECOND):
        pushed.write("sender", [sample("x", 1)._replace(at=at)], T0, 10 * SECOND)
        assert samples_of(warm.blocks(X, T0 - 300 * SECOND, T0), 0, T0) == real(store, T0 - 300 * SECOND, T0)


def test_members_without_a_sample_are_nothing_to_write(sqlite_ctx: Context) -> None:
    store = HeadStore(sqlite_ctx.redis, 60)
    assert store.write("s", [row("t", T0)], T0 // SECOND, SECOND).accepted == 0
    assert HeadCache(store).blocks(X, T0 - SECOND, T0) == []


def test_what_was_pinned_is_read_once_for_all_queries(sqlite_ctx: Context) -> None:
    store = HeadStore(sqlite_ctx.redis, 60)
    warm = HeadCache(store)
    store.write("s", [row("t", T0, sample("x", 1), sample("y", 2))], T0 // SECOND, SECOND)
    with warm.pinned(["x", "y"], 30 * SECOND, T0):
        before = sqlite_ctx.redis.info("stats")["total_commands_processed"]
        for name in ("x", "y", "x"):
            [block] = warm.blocks((Matcher("__name__", "=", name),), T0 - 20 * SECOND, T0)
            assert len(block.roster) == 1
        # The look itself.
        assert sqlite_ctx.redis.info("stats")["total_commands_processed"] - before == 1
        [long] = warm.blocks(X, T0 - 50 * SECOND, T0)
        assert len(long.roster) == 1


def test_one_label_set_from_two_targets_is_joined_and_not_twice(sqlite_ctx: Context) -> None:
    store = HeadStore(sqlite_ctx.redis, 60)
    for target, value in (("a", 1.0), ("b", 2.0)):
        row_of = series_layout.row_of(Member(target), [sample("x", value)], T0 + int(value))
        store.write(target, [row_of], T0 // SECOND, SECOND)
    [block] = HeadCache(store).blocks(X, T0 - SECOND, T0 + SECOND)
    assert len(block.roster) == 1
    assert samples_of([block], 0, T0 + SECOND) == real(store, 0, T0 + SECOND)


def test_a_process_holds_no_more_than_its_bytes(sqlite_ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    store = HeadStore(sqlite_ctx.redis, 60)
    names = [f"n{at}" for at in range(30)]
    store.write("s", [row("t", T0, *(sample(name, 1) for name in names))], T0 // SECOND, SECOND)
    warm = HeadCache(store)
    monkeypatch.setattr(warm_windows, "MOST_BYTES", 20_000)
    for name in names:
        warm.blocks((Matcher("__name__", "=", name),), T0 - 30 * SECOND, T0)
    assert 0 < warm.size <= 20_000
