"""Memory system check. By metrics: the target answers and its operations do not fail. By file: a
memory can be read.
"""

from __future__ import annotations

from pathlib import Path

from memmon import memmimic
from memmon.config.sections import Check
from memmon.config.targets import Target
from memmon.context import Context
from memmon.errors import Permanent, Transient
from memmon.health.model import CheckResult, banded
from memmon.health.probes import page

FAILED = "sum(increase(memmimic_errors_total{%s}[2m]))"
DONE = "sum(increase(memmimic_operation_duration_seconds_count{%s}[2m]))"


def check(ctx: Context, target: Target, check: Check) -> CheckResult:
    """Return whether the target stores and finds memories."""
    stored = _of_file(target.database, check.timeout * 0.8) if target.database else None
    if not target.metrics or (stored and stored.status != "healthy"):
        assert stored is not None  # The configuration demands one of the two.
        return stored
    finding = _of_page(ctx, target)
    return finding._replace(message=f"{finding.message}; {stored.message}") if stored else finding


def _of_file(path: Path, seconds: float) -> CheckResult:
    try:
        read = memmimic.recall(path, seconds)
    except (Permanent, Transient) as error:
        return CheckResult("critical", str(error))
    if read is None:
        return CheckResult("unhealthy", "the file has no table of memories")
    return CheckResult("healthy", "a memory was read" if read else "no memory is stored yet")


def _of_page(ctx: Context, target: Target) -> CheckResult:
    if not page.answers(ctx, target):
        return CheckResult("critical", "the target does not answer")
    failed = page.value(ctx, target, FAILED) or 0.0
    done = page.value(ctx, target, DONE) or 0.0
    if not done and not failed:
        return CheckResult("healthy", "answers; no operation in 2 minutes", {"operations": 0})
    share = min(1.0, failed / max(done, failed))
    detail = {"operations": done, "errors": failed, "error_share": share}
    return CheckResult(
        banded(share, 0.05, 0.2, 0.8), f"{share:.0%} of {done:.0f} operations failed in 2 minutes", detail
    )
