"""CXD classifier: it is there and classifies in time. An absent one is degraded: MemMimic works
without, but less well.
"""

from __future__ import annotations

from memmon.config.sections import Check
from memmon.config.targets import Target
from memmon.context import Context
from memmon.health.model import CheckResult
from memmon.health.probes import page

P95 = "histogram_quantile(0.95, sum by (le) (rate(memmimic_cxd_classification_duration_seconds_bucket{%s}[$span])))"
SLOW_SECONDS = 1.0


def check(ctx: Context, target: Target, check: Check) -> CheckResult:
    """Return how the target's classifier is."""
    if not target.metrics:
        return CheckResult("degraded", "the classifier cannot be seen: no metrics page is configured")
    if not page.answers(ctx, target):
        return CheckResult("critical", "the target does not answer")
    total = page.value(ctx, target, "sum(memmimic_cxd_classifications_total{%s})")
    if total is None:
        return CheckResult("degraded", "the page tells nothing of a classifier")
    seconds = page.value(ctx, target, P95)
    if seconds is not None and seconds > SLOW_SECONDS:
        return CheckResult("degraded", f"95th percentile is {seconds:.2f} s", {"p95_seconds": seconds})
    return CheckResult("healthy", f"{total:.0f} classifications so far", {"classifications": total})
