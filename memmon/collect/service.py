"""Public interface of collection: due shards, collection, and target status."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from memmon.collect import broker, host, row_layout, scrape, storage, store
from memmon.collect.base import Collected
from memmon.config.targets import Target
from memmon.context import Context
from memmon.jobs import Job
from memmon.metrics import service as metrics
from memmon.samples import Metadata
from memmon.state import counters, heartbeat, lease, live

log = logging.getLogger(__name__)

SHARD = 50
COMPONENT = "metrics_collector"
FRESH = 10.0
"""Seconds after which a collection that waits is stale: at least this long, so that clocks of two
hosts may differ.
"""
TELL_EVERY = 16
"""Periods after which metadata is written again, since Redis may have lost it."""

_told: dict[str, list[Mapping[str, Metadata]]] = {}
"""Metadata that was last written, by shard."""


class Outcome(NamedTuple):
    """One target's collection."""

    target: Target
    collected: Collected
    seconds: float


def due(ctx: Context) -> list[Job]:
    """Return the collections that are due: shards of targets whose tier's period begins now."""
    now, jobs = ctx.now(), []
    _let_go(ctx, now)
    for tier, interval in ctx.settings.intervals.items():
        names = [target.name for target in ctx.config.targets.targets if target.tier == tier]
        period = lease.claim_number(ctx.redis, f"collect:{tier}", interval, now) if names else None
        if period is None:
            continue
        for shard, first in enumerate(range(0, len(names), SHARD)):
            args = (f"{tier}:{shard}", names[first : first + SHARD], period)
            jobs.append(Job("collect.run", args, expires=max(interval, FRESH)))
    return jobs


def _let_go(ctx: Context, now: float) -> None:
    """Let the series of targets that the configuration no longer has go stale at once, with those
    of their health: their alerts end now, and not only when the last samples are too old to be
    seen.
    """
    gone = [name for name in store.load(ctx.redis) if not ctx.config.targets.get(name)]
    for name in gone:
        for series in (name, f"health:{name}"):
            metrics.hot(ctx).gone(series, round(now * 1000))
        log.info("target %s is watched no more", name)
    store.forget(ctx.redis, gone)


def run(ctx: Context, shard: str, names: list[str], period: int) -> list[Job]:
    """Collect the targets `names` for `period` of the shard's tier, ingest the samples, and wake
    alert evaluation. A task redelivered long after its period does nothing, because it would
    overwrite newer samples.
    """
    targets = [target for name in names if (target := ctx.config.targets.get(name))]
    interval, now = ctx.settings.intervals[shard.partition(":")[0]], ctx.now()
    if now > (period + 1) * interval + max(interval, FRESH):
        log.warning("a collection of shard %s came %.0f s late and is left out", shard, now - period * interval)
        return []
    outcomes = _merged([*_pages(ctx, targets), *_local(ctx, targets, now)])
    states = _take_in(ctx, shard, outcomes, now, period, round(interval * 1000))
    store.save(ctx.redis, states)
    failed = [name for name, state in states.items() if not state["up"]]
    heartbeat.beat(ctx.redis, COMPONENT, "ok", now, targets=len(states), down=failed)
    live.publish(ctx.redis, "metrics", {"at": now, "targets": len(states), "down": failed})
    return wake_evaluation(ctx)


def wake_evaluation(ctx: Context) -> list[Job]:
    """Return the job that evaluates rules over new samples, unless one is waiting already."""
    is_first = store.wake_evaluation(ctx.redis, ctx.settings.alert_evaluation_interval)
    return [Job("alerts.evaluate")] if is_first else []


def _limit(ctx: Context, target: Target) -> float:
    """Return the seconds that a target may take: never more than its interval, or hung targets
    would fill the pool.
    """
    return min(target.timeout, ctx.settings.intervals[target.tier])


def _pages(ctx: Context, targets: Iterable[Target]) -> list[Outcome]:
    with_page = [target for target in targets if target.metrics]
    requests = [scrape.PageRequest(str(target.metrics), _limit(ctx, target)) for target in with_page]
    answers = scrape.fetch(requests) if requests else []
    return [
        Outcome(target, collected, seconds) for target, (collected, seconds) in zip(with_page, answers, strict=True)
    ]


def _local(ctx: Context, targets: Iterable[Target], now: float) -> list[Outcome]:
    outcomes = []
    for target in targets:
        began = time.perf_counter()
        if target.kind == "host":
            collected = host.collect(ctx.settings.home)
        elif target.kind == "memmon":
            collected = broker.collect(ctx.redis, now)
        elif target.database:
            collected = storage.collect(target.database, _limit(ctx, target))
        else:
            continue
        outcomes.append(Outcome(target, collected, time.perf_counter() - began))
    return outcomes


def _merged(outcomes: Iterable[Outcome]) -> list[Outcome]:
    merged: dict[str, Outcome] = {}
    for outcome in outcomes:
        first = merged.get(outcome.target.name)
        if first is not None:
            both = row_layout.merged(first.collected, outcome.collected)
            outcome = Outcome(outcome.target, both, first.seconds + outcome.seconds)
        merged[outcome.target.name] = outcome
    return list(merged.values())


def _take_in(
    ctx: Context, shard: str, outcomes: list[Outcome], now: float, period: int, slot_ms: int
) -> dict[str, dict[str, Any]]:
    """Take in what the targets of a shard gave; return by name how each is."""
    at, states = round(now * 1000), {}
    rows = [row_layout.row(outcome.target, outcome.collected, outcome.seconds, at) for outcome in outcomes]
    metrics.ingest_rows(ctx, shard, rows, _news(shard, outcomes, period), period, slot_ms)
    for outcome, row in zip(outcomes, rows, strict=True):
        target, collected = outcome.target, outcome.collected
        if collected.error:
            log.warning("metrics collection of %s failed: %s", target.name, collected.error)
            counters.add(ctx.redis, "memmon_collection_errors_total", {"target": target.name})
        refused = _take_timed(ctx, outcome, slot_ms)
        states[target.name] = {
            "up": collected.error is None,
            "at": now,
            "seconds": outcome.seconds,
            "samples": len(row.shape) - row.shape.dropped + len(collected.timed) - refused,
            "dropped": row.shape.dropped + refused,
            "error": collected.error,
        }
    return states


def _take_timed(ctx: Context, outcome: Outcome, slot_ms: int) -> int:
    """Take in the samples that say themselves when they were taken; return how many were
    refused.
    """
    if not outcome.collected.timed:
        return 0
    target = outcome.target
    written = metrics.ingest_timed(ctx, target.name, row_layout.timed(target, outcome.collected), {}, slot_ms)
    for reason, count in written.refused.items():
        labels = {"target": target.name, "reason": reason}
        counters.add(ctx.redis, "memmon_scrape_refused_total", labels, count)
    return sum(written.refused.values())


def _news(shard: str, outcomes: list[Outcome], period: int) -> dict[str, Metadata]:
    """Return the metadata to write, empty when it is unchanged."""
    now = [outcome.collected.metadata for outcome in outcomes]
    before = _told.get(shard, [])
    is_known = len(now) == len(before) and all(metadata is other for metadata, other in zip(now, before, strict=True))
    if is_known and period % TELL_EVERY:
        return {}
    _told[shard] = now
    return {name: about for mapping in (*now, row_layout.OWN) for name, about in mapping.items()}


def targets(ctx: Context) -> list[dict[str, Any]]:
    """Return how each target is: name, job, instance, tier, up, last_scrape (Unix seconds),
    duration, samples, error.
    """
    states = store.load(ctx.redis)
    samples = []
    for target in ctx.config.targets.targets:
        state = states.get(target.name, {})
        samples.append(
            {
                "name": target.name,
                "job": target.job,
                "instance": target.identity,
                "kind": target.kind,
                "tier": target.tier,
                "url": str(target.metrics) if target.metrics else None,
                "labels": target.own_labels,
                "up": state.get("up"),
                "last_scrape": state.get("at"),
                "duration": state.get("seconds"),
                "samples": state.get("samples"),
                "dropped": state.get("dropped"),
                "error": state.get("error"),
            }
        )
    return samples
