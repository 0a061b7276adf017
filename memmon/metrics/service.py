"""The verbs of metrics: take in, ask, roll up, forget."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast
from weakref import WeakKeyDictionary

from memmon import encode
from memmon import labels as label_sets
from memmon.context import Context
from memmon.errors import BadQuery, Transient
from memmon.labels import Labels
from memmon.metrics import baselines, exposition, snapshot
from memmon.metrics import performance as metric_performance
from memmon.metrics.head import batches, series_layout, timestamped
from memmon.metrics.head.batches import Bounds
from memmon.metrics.head.cache import HeadCache
from memmon.metrics.head.series_layout import Member, Row
from memmon.metrics.head.store import HeadStore, SlotWrite
from memmon.metrics.history import compaction, store
from memmon.metrics.history.rollup import HOUR, MINUTE
from memmon.metrics.query_source import HistorySource
from memmon.promql import query, selection
from memmon.promql.annotations import Notes
from memmon.promql.exact.engine import LOOKBACK_MS, MAX_STEPS
from memmon.promql.exact.values import Value
from memmon.promql.matcher import Matcher
from memmon.promql.query import Query
from memmon.promql.tree import Kind
from memmon.samples import Metadata, Point, Sample, Series
from memmon.state import client, counters, keys, lease

QUERY_SECONDS = 10.0
TELL_USUAL_EVERY = 60.0
LOST = "memmon_samples_lost_total"
"""Counter of samples that could not be written because Redis was away."""


def hot(ctx: Context) -> HeadStore:
    """Return the hot window of this Redis."""
    return HeadStore(ctx.redis, ctx.settings.hot_window_minutes * 60)


_warm: WeakKeyDictionary[Context, HeadCache] = WeakKeyDictionary()


def warm(ctx: Context) -> HeadCache:
    """Return the hot window as this process holds it in memory."""
    cache_ = _warm.get(ctx)
    if cache_ is None:
        cache_ = _warm[ctx] = HeadCache(hot(ctx))
    return cache_


@contextmanager
def pinned(ctx: Context, exprs: Iterable[str], at: float, but: Collection[str] = ()) -> Iterator[None]:
    """Read the new samples of all metrics in `exprs` at `at` in one go, except metrics called
    `but`; queries inside read no further ones.
    """
    names, back = query.reads(exprs)
    names = names.difference(but)
    end = round(at * 1000)
    span = min(math.ceil(back * 1000), hot(ctx).window_ms)
    with warm(ctx).pinned(names, span, end):
        yield


def ingest(
    ctx: Context, source: str, samples: Iterable[Sample], metadata: dict[str, Metadata], at: float, interval: float
) -> SlotWrite:
    """Take in the samples of `source`, no target of a shard, collected at `at`, one of which comes
    every `interval` seconds.
    """
    # Half an interval a slot: its rounds are not numbered, and two that drifted together must not
    # fall into one.
    slot_ms = max(250, round(interval * 500))
    moment = round(at * 1000)
    row = series_layout.row_of(Member(source), samples, moment)
    return ingest_rows(ctx, source, [row], metadata, moment // slot_ms, slot_ms)


def ingest_rows(
    ctx: Context, shard: str, rows: Sequence[Row], metadata: dict[str, Metadata], period: int, slot_ms: int
) -> SlotWrite:
    """Take in what the members of `shard` gave in `period`, the number of stretches of `slot_ms`
    since 1970.

    While Redis is away samples are lost; their number is counted once it is back.
    """
    window = hot(ctx)
    try:
        written = window.write(shard, rows, period, slot_ms)
        window.describe(metadata)
        with client.edge():
            ctx.redis.set(keys.last_collection(), max((row.at for row in rows), default=round(ctx.now() * 1000)))
    except Transient:
        counters.keep(LOST, sum(len(row.shape) for row in rows))
        raise
    counters.settle(ctx.redis)
    for target, count in written.dropped.items():
        counters.add(ctx.redis, "memmon_samples_dropped_total", {"target": target}, count)
    return written


def timed_bounds(ctx: Context) -> Bounds:
    """Return the times (Unix ms) that a sample with a time of its own may have now."""
    return batches.bounds(round(ctx.now() * 1000), hot(ctx).window_ms)


def ingest_timed(
    ctx: Context,
    source: str,
    samples: Iterable[Sample],
    metadata: Mapping[str, Metadata],
    slot_ms: int | None = None,
) -> timestamped.TimestampedWrite:
    """Ingest timestamped samples in any order, also repeatedly; return the refused ones and the
    reasons.

    `source` is the sender, whose series are limited. `slot_ms` is for a known interval.
    """
    now = round(ctx.now() * 1000)
    window = hot(ctx)
    written = timestamped.TimestampedStore(window).write(source, samples, now, slot_ms)
    window.describe(dict(metadata))
    if written.accepted:
        with client.edge():
            ctx.redis.set(keys.last_collection(), now)
    if written.folded:
        counters.add(ctx.redis, "memmon_samples_folded_total", {"source": source}, written.folded)
    return written


def _expiry(seconds: float) -> Callable[[], bool]:
    deadline = time.monotonic() + min(seconds, QUERY_SECONDS)
    return lambda: time.monotonic() > deadline


def instant(ctx: Context, expr: str, at: float | None = None) -> list[Point]:
    """Return the vector of `expr` at `at` (now by default); a scalar is one point without
    labels.
    """
    moment = ctx.now() if at is None else at
    return _query(ctx, expr, moment, moment).instant(moment)


def value(ctx: Context, expr: str, at: float, timeout: float = QUERY_SECONDS) -> tuple[Kind, Value, Notes]:
    """Return what `expr` is at `at`: which of a number, a text, a vector and a range vector,
    itself, and what to mind.
    """
    asked = _query(ctx, expr, at, at, timeout)
    return asked.kind, asked.value(at), asked.notes


def range(
    ctx: Context, expr: str, start: float, end: float, step: float, timeout: float = QUERY_SECONDS
) -> tuple[list[Series], Notes]:
    """Return the series of `expr` at start, start + step, ... up to end (Unix seconds), and what to
    mind about them.
    """
    if step <= 0 or end < start:
        raise BadQuery("the step must be positive and the end not before the start")
    if (end - start) / step > MAX_STEPS:
        raise BadQuery(f"exceeded maximum resolution of {MAX_STEPS} points per timeseries; increase the step")
    asked = _query(ctx, expr, start, end, timeout)
    return asked.steps(step), asked.notes


def _query(ctx: Context, expr: str, start: float, end: float, timeout: float = QUERY_SECONDS) -> Query:
    return Query(expr, HistorySource(ctx, hot(ctx), warm(ctx)), start, end, _expiry(timeout))


def series(ctx: Context, matchers: tuple[Matcher, ...], start: float, end: float) -> list[Labels]:
    """Return the label sets that fit and may have samples in the time (Unix seconds): a superset,
    since none is read.

    If the range begins before the head block, series with history are included.
    """
    selection.check(matchers)
    return _label_sets(ctx, matchers, start, end)


def every_series(ctx: Context, start: float, end: float) -> list[Labels]:
    """Return all label sets that may have samples in the time (Unix seconds)."""
    return _label_sets(ctx, (), start, end)


def _label_sets(ctx: Context, matchers: tuple[Matcher, ...], start: float, end: float) -> list[Labels]:
    window = hot(ctx)
    edge = ctx.now() - window.window_ms / 1000
    label_sets_ = window.label_sets(matchers, round(start * 1000)) if end >= edge else set()
    if start < edge:
        with ctx.read() as session:
            label_sets_ |= set(store.series(session, matchers).values())
    return sorted(label_sets_)


def latest(ctx: Context, prefix: str = "(memmimic|memmon)_.*|up|scrape_.*") -> list[Point]:
    """Return the newest value of every series whose name fits `prefix`."""
    now = round(ctx.now() * 1000)
    points = []
    matcher = (Matcher(label_sets.NAME, "=~", prefix),)
    for series in hot(ctx).select(matcher, now - LOOKBACK_MS, now):
        if len(series.values) and not math.isnan(series.values[-1]):
            points.append(Point(series.labels, float(series.values[-1])))
    return points


def metadata(ctx: Context) -> dict[str, Metadata]:
    """Return what pages say of their families."""
    return hot(ctx).metadata()


def page(ctx: Context, prefix: str = "(memmimic|memmon)_.*|up|scrape_.*") -> str:
    """Return the newest samples as a page in text format 0.0.4."""
    return exposition.render(latest(ctx, prefix), metadata(ctx))


def last_collection(ctx: Context) -> float | None:
    """Return when samples last came in (Unix seconds)."""
    with client.edge():
        stored = cast("bytes | None", ctx.redis.get(keys.last_collection()))
    return int(stored) / 1000 if stored else None


def current(ctx: Context, instance: str | None = None) -> dict[str, Any]:
    """Return counters, gauges and histograms of the fleet, or of one instance."""
    return snapshot.of(latest(ctx), metadata(ctx), instance)


def snapshot_of(ctx: Context, instance: str | None = None) -> dict[str, Any]:
    """Return the body of GET /api/metrics."""
    points = latest(ctx)
    content = snapshot.of(points, metadata(ctx), instance)
    return {
        "timestamp": encode.iso(last_collection(ctx)),
        "metrics": content,
        "metrics_summary": summary(ctx, content, len(points)),
    }


def summary(ctx: Context, content: dict[str, Any], series_count: int) -> dict[str, Any]:
    """Return how much there is of everything."""
    return {
        "counters": len(content["counters"]),
        "gauges": len(content["gauges"]),
        "histograms": len(content["histograms"]),
        "series": series_count,
        "collection_interval": ctx.settings.metrics_collection_interval,
        "retention_hours": ctx.settings.retention_hours,
        "historical_points": historical_points(ctx),
        "last_collection": encode.iso(last_collection(ctx)),
    }


def historical_points(ctx: Context) -> int:
    """Return how many rollups are kept; counted at most once a minute, since counting reads them
    all.
    """
    with client.edge():
        stored = cast("bytes | None", ctx.redis.get(keys.rollup_points()))
    if stored is not None:
        return int(stored)
    with ctx.read() as session:
        count = store.points(session)
    with client.edge():
        ctx.redis.set(keys.rollup_points(), count, ex=MINUTE)
    return count


def roll_up(ctx: Context) -> int:
    """Roll up every minute that is over, see `compaction.roll_up`."""
    return compaction.roll_up(ctx, hot(ctx))


def publish_baselines(ctx: Context) -> int:
    """Publish baselines as samples, recomputed once an hour; return how many."""
    now = ctx.now()
    if lease.claim_period(ctx.redis, "baselines", HOUR, now):
        baselines.compute(ctx)
    samples_ = baselines.samples(ctx)
    ingest(ctx, "baselines", samples_, baselines.ABOUT, now, TELL_USUAL_EVERY)
    return len(samples_)


def prune(ctx: Context) -> int:
    """Forget history that has been kept long enough; return how many rows."""
    return compaction.prune(ctx, hot(ctx))


def performance(ctx: Context, hours: float) -> dict[str, Any]:
    """Return the body of GET /api/performance, see `performance`."""
    return metric_performance.performance(ctx, hours, current(ctx)["gauges"])
