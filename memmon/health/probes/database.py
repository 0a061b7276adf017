"""Database: connects, reads a memory, can get the write lock, has disk space, is sound.

Answers within `healthy_ms` (100) are healthy, within `degraded_ms` (500) degraded, slower
unhealthy; an error or a missing file is critical. Where the target has a page, the 95th percentile
of its own queries is held to the same limits; of a target without a file that is all memmon knows.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from memmon import memmimic
from memmon.config.sections import Check
from memmon.config.targets import Target
from memmon.context import Context
from memmon.errors import Permanent, Transient
from memmon.health.model import CheckResult, Status, worst
from memmon.health.probes import page
from memmon.state import lease

SOUNDNESS_SECONDS = 600.0
LITTLE_SPACE = 100 << 20
P95 = "histogram_quantile(0.95, sum by (le) (rate(memmimic_db_query_duration_seconds_bucket{%s}[$span])))"


def check(ctx: Context, target: Target, check: Check) -> CheckResult:
    """Return how the target's database is."""
    if target.database:
        return _of_file(ctx, target, target.database, check)
    seconds = page.value(ctx, target, P95)
    if not page.answers(ctx, target):
        return CheckResult("critical", "the target does not answer, and its database file is not known")
    if seconds is None:
        return CheckResult("degraded", "no database file is configured and the page tells no query times")
    status = _by_time(seconds * 1000, check)
    return CheckResult(status, f"95th percentile of its queries is {seconds * 1000:.0f} ms", {"p95_ms": seconds * 1000})


def _of_file(ctx: Context, target: Target, path: Path, check: Check) -> CheckResult:
    began = time.perf_counter()
    try:
        facts = memmimic.look(path, check.timeout * 0.6)
        free = memmimic.write_lock_is_free(path, check.timeout * 0.2)
        damage = _damage(ctx, path, check.timeout * 0.6)
    except (Permanent, Transient) as error:
        return CheckResult("critical", str(error), {"path": str(path)})
    took = (time.perf_counter() - began) * 1000
    space = shutil.disk_usage(path.parent).free
    detail = {
        "path": str(path),
        "memories": facts.memories,
        "size_bytes": facts.size,
        "wal_bytes": facts.wal_size,
        "read_ms": facts.read_seconds * 1000,
        "write_lock_free": free,
        "disk_free_bytes": space,
    }
    if damage:
        return CheckResult("critical", f"the database is damaged: {damage}", detail)
    statuses: list[Status] = [_by_time(facts.read_seconds * 1000, check)]
    percentile = page.value(ctx, target, P95) if target.metrics else None
    if percentile is not None:
        detail["query_p95_ms"] = percentile * 1000
        statuses.append(_by_time(percentile * 1000, check))
    if not facts.counts:
        return CheckResult("unhealthy", "the file has no table of memories", detail)
    if not free:
        statuses.append("unhealthy")
    if space < LITTLE_SPACE:
        statuses.append("critical")
    status = worst(statuses)
    message = f"{_shown(facts.memories)} memories, read in {facts.read_seconds * 1000:.1f} ms"
    message += "" if percentile is None else f"; 95th percentile of its own queries is {percentile * 1000:.0f} ms"
    message += "" if free else "; the write lock was not free"
    message += "" if space >= LITTLE_SPACE else f"; only {space >> 20} MiB of disk left"
    return CheckResult(status, message, {**detail, "check_ms": took})


def _damage(ctx: Context, path: Path, seconds: float) -> str | None:
    """Return the damage of the database file: checked now and then, and on every check while it is
    damaged.
    """
    name = f"quick-check:{path}"
    if not lease.claim(ctx.redis, name, SOUNDNESS_SECONDS):
        return None
    try:
        damage = memmimic.damage(path, seconds)
    except Transient:
        # Too large to be looked through in a check's time, which is no fault of the database.
        return None
    if damage:
        lease.release(ctx.redis, name)
    return damage


def _by_time(milliseconds: float, check: Check) -> Status:
    if milliseconds < check.limits.get("healthy_ms", 100):
        return "healthy"
    return "degraded" if milliseconds < check.limits.get("degraded_ms", 500) else "unhealthy"


def _shown(count: int | None) -> str:
    return "uncounted" if count is None else str(count)
