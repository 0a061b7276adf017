"""The verbs of collection: what is due, collect it, and tell how targets are."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from memmon import labels as label_sets
from memmon.collect import broker, host, scrape, storage, store
from memmon.collect.base import Collected
from memmon.config.targets import Target
from memmon.context import Context
from memmon.jobs import Job
from memmon.metrics import service as metrics
from memmon.samples import Metadata, Sample
from memmon.state import counters, lease, live, pulse

log = logging.getLogger(__name__)

SHARD = 50
COMPONENT = "metrics_collector"
FRESH = 10.0
"""Seconds after which a collection that waits is stale: at least this long, so that clocks of two hosts may differ."""
OWN = {
    "up": Metadata("gauge", "Whether the target could be collected (1) or not (0)"),
    "scrape_duration_seconds": Metadata("gauge", "Time that the collection took, in seconds"),
    "scrape_samples_scraped": Metadata("gauge", "Samples that the target gave"),
}


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
        if names and lease.claim_period(ctx.redis, f"collect:{tier}", interval, now):
            shards = [names[at : at + SHARD] for at in range(0, len(names), SHARD)]
            jobs += [Job("collect.run", (shard,), expires=max(interval, FRESH)) for shard in shards]
    return jobs


def _let_go(ctx: Context, now: float) -> None:
    """Let the series of targets that the configuration no longer has go stale at once, with those of their health: their alerts
    end now, and not only when the last samples are too old to be seen."""
    gone = [name for name in store.load(ctx.redis) if not ctx.config.targets.get(name)]
    for name in gone:
        for series in (name, f"health:{name}"):
            metrics.hot(ctx).gone(series, round(now * 1000))
        log.info("target %s is watched no more", name)
    store.forget(ctx.redis, gone)


def run(ctx: Context, names: list[str]) -> list[Job]:
    """Collect the targets called `names`, take the samples in, and wake the evaluation of alerts."""
    known = [target for name in names if (target := ctx.config.targets.get(name))]
    now = ctx.now()
    outcomes = [*_pages(ctx, known), *_local(ctx, known, now)]
    states = {}
    for outcome in _merged(outcomes):
        states[outcome.target.name] = _take_in(ctx, outcome, now)
    store.save(ctx.redis, states)
    failed = [name for name, state in states.items() if not state["up"]]
    pulse.beat(ctx.redis, COMPONENT, "ok", now, targets=len(states), down=failed)
    live.publish(ctx.redis, "metrics", {"at": now, "targets": len(states), "down": failed})
    return [Job("alerts.evaluate")] if store.wake_evaluation(ctx.redis, ctx.settings.alert_evaluation_interval) else []


def _limit(ctx: Context, target: Target) -> float:
    """Return the seconds that a target may take: never more than its interval, or hung targets would fill the pool."""
    return min(target.timeout, ctx.settings.intervals[target.tier])


def _pages(ctx: Context, targets: Iterable[Target]) -> list[Outcome]:
    with_page = [target for target in targets if target.metrics]
    wanted = [scrape.Wanted(str(target.metrics), _limit(ctx, target)) for target in with_page]
    found = scrape.fetch(wanted) if wanted else []
    return [Outcome(target, collected, seconds) for target, (collected, seconds) in zip(with_page, found, strict=True)]


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
    """Join page and database of one target; the page, which comes first, wins where both give a name."""
    merged: dict[str, Outcome] = {}
    for outcome in outcomes:
        first = merged.get(outcome.target.name)
        if first is None:
            merged[outcome.target.name] = outcome
            continue
        given = {label_sets.name_of(sample.labels) for sample in first.collected.samples}
        more = [s for s in outcome.collected.samples if label_sets.name_of(s.labels) not in given]
        errors = [error for error in (first.collected.error, outcome.collected.error) if error]
        collected = Collected(
            first.collected.samples + more,
            {**outcome.collected.metadata, **first.collected.metadata},
            "; ".join(errors) or None,
        )
        merged[outcome.target.name] = Outcome(outcome.target, collected, first.seconds + outcome.seconds)
    return list(merged.values())


def _take_in(ctx: Context, outcome: Outcome, now: float) -> dict[str, Any]:
    target, collected = outcome.target, outcome.collected
    if collected.error:
        log.warning("metrics collection of %s failed: %s", target.name, collected.error)
        counters.add(ctx.redis, "memmon_collection_errors_total", {"target": target.name})
    samples = [*_derived(collected.samples), *collected.samples, *_about(outcome)]
    labelled = [Sample(_with_own(sample.labels, target.own_labels), sample.value) for sample in samples]
    interval = ctx.settings.intervals[target.tier]
    written = metrics.ingest(ctx, target.name, labelled, {**collected.metadata, **OWN}, now, interval)
    return {
        "up": collected.error is None,
        "at": now,
        "seconds": outcome.seconds,
        "samples": written.kept,
        "dropped": sum(written.dropped.values()),
        "error": collected.error,
    }


def _about(outcome: Outcome) -> list[Sample]:
    values = {
        "up": float(outcome.collected.error is None),
        "scrape_duration_seconds": outcome.seconds,
        "scrape_samples_scraped": float(len(outcome.collected.samples)),
    }
    return [Sample(label_sets.of({label_sets.NAME: name}), value) for name, value in values.items()]


def _derived(samples: Iterable[Sample]) -> list[Sample]:
    """Return the cache's hit rate where a target counts hits and misses and does not give the rate itself."""
    values = {label_sets.name_of(s.labels): s.value for s in samples if len(s.labels) == 1}
    hits, misses = values.get("memmimic_cache_hits_total"), values.get("memmimic_cache_misses_total")
    if hits is None or misses is None or hits + misses == 0 or "memmimic_cache_hit_rate" in values:
        return []
    return [Sample(label_sets.of({label_sets.NAME: "memmimic_cache_hit_rate"}), hits / (hits + misses))]


def _with_own(labels: label_sets.Labels, own: dict[str, str]) -> label_sets.Labels:
    """Return `labels` with the target's own; one of the page's that it already has is kept as exported_<name>."""
    moved = {f"exported_{name}": value for name, value in labels if name in own and value != own[name]}
    return label_sets.merge(labels, {**moved, **own})


def targets(ctx: Context) -> list[dict[str, Any]]:
    """Return how each target is: name, job, instance, tier, up, last_scrape (Unix seconds), duration, samples, error."""
    states = store.load(ctx.redis)
    found = []
    for target in ctx.config.targets.targets:
        state = states.get(target.name, {})
        found.append(
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
                "error": state.get("error"),
            }
        )
    return found
