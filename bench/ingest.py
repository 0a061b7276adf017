"""Cost of collection: CPU per sample for scrape and ingest, and bytes per sample in Redis."""

from __future__ import annotations

import time

import numpy as np

from bench import prometheus
from bench.place import Clock, pages, place
from bench.report import Figure
from memmon.collect import page_parser as page_reader
from memmon.collect import service as collect
from memmon.labels import of
from memmon.metrics import service as metrics
from memmon.metrics.head import series_layout
from memmon.metrics.head.series_layout import Member, Row

START = 1_767_225_600.0
WARM_ROUNDS = 3


def scrape(targets: int, series: int, rounds: int, beside: bool) -> list[Figure]:
    """Measure whole scrapes of `targets` pages of `series`, as the collecting worker does them."""
    with pages(series) as address:
        each = ",".join(
            f"{{name: t{index}, instance: t{index}, tier: critical, metrics: '{address}/t/{index}'}}"
            for index in range(targets)
        )
        clock = Clock(START)
        with place(clock, f"targets: [{each}]") as ctx:
            info = ctx.redis.info
            for index in range(WARM_ROUNDS + rounds):
                if index == WARM_ROUNDS:
                    cpu, redis_cpu = time.process_time(), _cpu(info())
                for job in collect.due(ctx):
                    if str(job.args[0]).startswith("critical"):
                        collect.run(ctx, *job.args)
                clock.now += 10
            samples = rounds * targets * (series + 3)
            memmon_us = (time.process_time() - cpu) / samples * 1e6
            redis_own = (_cpu(info()) - redis_cpu) / samples * 1e6
            down = sum(not target["up"] for target in collect.targets(ctx) if target["name"].startswith("t"))
            assert not down, f"{down} targets could not be scraped"
        theirs = prometheus.scraping(address, targets, rounds * 10) if beside else None
        note = f"{redis_own:.2f} more in Redis' process"
        label = f"scrape + ingest, CPU a sample, {targets} targets x {series} series"
        return [Figure(label, "us", memmon_us, 4.0, theirs, note), _parse(address, series)]


def _cpu(info: dict[str, float]) -> float:
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


def _parse(address: str, series: int) -> Figure:
    """Measure the reading of a page that looks like the one before, beside the strict parser."""
    import urllib.request

    with urllib.request.urlopen(f"{address}/t/0") as answer:
        text = answer.read().decode()
    _, parsed = page_reader.read(text, None)
    rounds = 500
    began = time.process_time()
    for _ in range(rounds):
        page_reader.read(text, parsed)
    cpu_us = (time.process_time() - began) / rounds / series * 1e6
    return Figure("reading a page alone, CPU a sample", "us", cpu_us)


def memory(members: int, series: int, window: float) -> Figure:
    """Measure what a full window of `members` x `series` takes in Redis for each sample in it."""
    columns = [of(code=str(index)) for index in range(10)]
    names = [f"bench_{index}_total" for index in range(series // 10)]
    form = series_layout.of([name for name in names for _ in columns], [column for _ in names for column in columns])
    everyone = [Member(f"t{index}", of(instance=f"t{index}", job="bench")) for index in range(members)]
    chance = np.random.default_rng(0)
    clock = Clock(START)
    with place(clock) as ctx:
        empty = ctx.redis.info()["used_memory"]
        ticks = int(ctx.settings.hot_window_minutes * 60 * window // 10)
        for tick in range(ticks):
            clock.now = START + tick * 10
            for shard in range(0, members, 50):
                rows = [
                    Row(member, form, chance.random(len(form)), round(clock.now * 1000))
                    for member in everyone[shard : shard + 50]
                ]
                metrics.ingest_rows(ctx, f"critical:{shard // 50}", rows, {}, int(clock.now // 10), 10_000)
        used = ctx.redis.info()["used_memory"] - empty
        label = f"bytes a sample in Redis, {members} x {len(form)} series, {ticks} rounds"
        return Figure(label, "B", used / (ticks * members * len(form)), 12.0)
