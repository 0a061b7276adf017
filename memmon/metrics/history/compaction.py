"""The verbs that keep history: roll minutes up, make coarser rollups of finer ones, forget. Each
may run twice at once.
"""

from __future__ import annotations

from typing import cast

from memmon import labels as label_sets
from memmon.context import Context
from memmon.metrics.head.store import HeadStore
from memmon.metrics.history import rollup, store
from memmon.metrics.history.rollup import LEVELS, MINUTE, Rollup
from memmon.promql.matcher import Matcher
from memmon.state import client, keys

LATE = 20
"""Seconds for samples that are still on their way when their minute is over: longer than a row of a
shard may be late.
"""
EVERYTHING = (Matcher(label_sets.NAME, "=~", ".+"),)
PRUNED_AT_ONCE = 20_000
"""Rows in one transaction: SQLite lets nobody else write meanwhile."""


def roll_up(ctx: Context, window: HeadStore) -> int:
    """Roll up every minute that is over, and the hours and five minutes that are; return how many
    minutes that were.

    Rollups are written once, by their key. Missed minutes are filled as far back as the head block
    reaches. When Redis has lost the progress, SQL provides it.
    """
    end = int(ctx.now() - LATE) // MINUTE * MINUTE
    earliest = end - window.window_ms // 1000
    start = min(end, max(_done(ctx), earliest))
    for minute in range(start, end, MINUTE):
        _roll_minute(ctx, window, minute)
        for level in LEVELS[1:]:
            if (minute + MINUTE) % level == 0:
                _roll_level(ctx, level, minute + MINUTE - level)
        with client.edge():
            ctx.redis.set(keys.rolled_up(), minute + MINUTE)
    with client.edge():
        ctx.redis.delete(keys.rollup_points())
    return (end - start) // MINUTE


def _done(ctx: Context) -> int:
    """Return up to when minutes are rolled up (Unix seconds), 0 where none is."""
    with client.edge():
        stored = cast("bytes | None", ctx.redis.get(keys.rolled_up()))
    if stored is not None:
        return int(stored)
    with ctx.read() as session:
        newest = store.newest(session, MINUTE)
    # An hour earlier, since it is not known whether the coarser ones of the last minutes were made.
    return 0 if newest is None else newest // LEVELS[-1] * LEVELS[-1]


def _roll_minute(ctx: Context, window: HeadStore, minute: int) -> None:
    low, high = (minute - 2 * MINUTE) * 1000, (minute + MINUTE) * 1000
    everything = window.select(EVERYTHING, low, high)
    rollups = {series.labels: rolled for series in everything if (rolled := rollup.of_samples(series, minute, MINUTE))}
    with ctx.write() as session:
        ids = store.series_ids(session, rollups)
        store.add_rollups(session, MINUTE, {ids[labels]: rolled for labels, rolled in rollups.items()})


def _roll_level(ctx: Context, level: int, start: int) -> None:
    finer = LEVELS[LEVELS.index(level) - 1]
    with ctx.write() as session:
        finer_rows = store.finer(session, finer, start, start + level)
        rollups: dict[int, Rollup] = {n: r for n, rows in finer_rows.items() if (r := rollup.of_rollups(rows, start))}
        store.add_rollups(session, level, rollups)


def prune(ctx: Context, window: HeadStore) -> int:
    """Forget rollups that are older than their level is kept, and series without any; return how
    many rows.
    """
    gone = 0
    for level in LEVELS:
        before = ctx.now() - rollup.retention(level, ctx.settings.retention_hours)
        limit = PRUNED_AT_ONCE
        while limit >= PRUNED_AT_ONCE:
            with ctx.write() as session:
                limit = store.prune(session, level, before, PRUNED_AT_ONCE)
            gone += limit
    with ctx.write() as session:
        gone += store.prune_series(session)
    window.forget_old(round(ctx.now() * 1000))
    with client.edge():
        ctx.redis.delete(keys.rollup_points())
    return gone
