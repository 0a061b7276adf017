"""System resources of this host: memory and CPU at 70, 80 and 90 percent, disk at 80, 90 and 95."""

from __future__ import annotations

import psutil

from memmon.collect.host import cpu_percent, existing
from memmon.config.sections import Check
from memmon.config.targets import Target
from memmon.context import Context
from memmon.health.model import CheckResult, Status, banded, worst
from memmon.labels import escape
from memmon.metrics import service as metrics

BANDS = {"memory": (70.0, 80.0, 90.0), "cpu": (70.0, 80.0, 90.0), "disk": (80.0, 90.0, 95.0)}


def check(ctx: Context, target: Target, check: Check) -> CheckResult:
    """Return how much of the host is used; the CPU's share is the mean over the check's
    interval.
    """
    used = {
        "memory": psutil.virtual_memory().percent,
        "cpu": _cpu(ctx),
        "disk": psutil.disk_usage(str(existing(ctx.settings.home))).percent,
    }
    statuses: list[Status] = [banded(value, *_limits(check, name)) for name, value in used.items()]
    message = ", ".join(f"{name} {value:.0f} %" for name, value in used.items())
    return CheckResult(worst(statuses), message, {f"{name}_percent": value for name, value in used.items()})


def _limits(check: Check, name: str) -> tuple[float, float, float]:
    degraded, unhealthy, critical = BANDS[name]
    return (
        check.limits.get(f"{name}_degraded", degraded),
        check.limits.get(f"{name}_unhealthy", unhealthy),
        check.limits.get(f"{name}_critical", critical),
    )


def _cpu(ctx: Context) -> float:
    span = max(10, round(ctx.settings.health_check_interval))
    here = escape(ctx.settings.instance)
    points = metrics.instant(ctx, f'avg_over_time(memmimic_cpu_usage_percent{{job="host",instance="{here}"}}[{span}s])')
    return points[0].value if points else cpu_percent()
