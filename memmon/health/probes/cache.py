"""Cache: the target answers, counts hits and misses, and hits often enough where it is used."""

from __future__ import annotations

from memmon.config.sections import Check
from memmon.config.targets import Target
from memmon.context import Context
from memmon.health.model import CheckResult
from memmon.health.probes import page

ENOUGH = 20
"""Look-ups in five minutes below which a hit rate says nothing."""


def check(ctx: Context, target: Target, check: Check) -> CheckResult:
    """Return how the target's cache is."""
    if not target.metrics:
        return CheckResult("degraded", "the cache cannot be seen: no metrics page is configured")
    if not page.answers(ctx, target):
        return CheckResult("critical", "the target does not answer")
    hits = page.value(ctx, target, "sum(increase(memmimic_cache_hits_total{%s}[5m]))")
    misses = page.value(ctx, target, "sum(increase(memmimic_cache_misses_total{%s}[5m]))")
    counted = page.value(ctx, target, "sum({__name__=~'memmimic_cache_(hits|misses)_total',%s})")
    if counted is None:
        return CheckResult("degraded", "the page tells nothing of a cache")
    lookups = (hits or 0) + (misses or 0)
    if lookups < ENOUGH:
        return CheckResult("healthy", f"{lookups:.0f} look-ups in 5 minutes", {"lookups": lookups})
    rate = (hits or 0) / lookups
    detail = {"lookups": lookups, "hit_rate": rate}
    low = rate < check.limits.get("degraded_hit_rate", 0.5)
    return CheckResult("degraded" if low else "healthy", f"hit rate {rate:.0%} over 5 minutes", detail)
