"""What the checks ask of a target's own metrics."""

from __future__ import annotations

import math

from memmon.config.targets import Target
from memmon.context import Context
from memmon.labels import escape
from memmon.metrics import service as metrics


def value(ctx: Context, target: Target, expr: str) -> float | None:
    """Return the value of `expr`, in which %s stands for the target's own labels; None where it has none."""
    own = f'job="{escape(target.job)}",instance="{escape(target.identity)}"'
    points = metrics.instant(ctx, expr.replace("%s", own))
    found = points[0].value if points else math.nan
    return None if math.isnan(found) else found


def answers(ctx: Context, target: Target) -> bool:
    """Tell whether the target could be collected the last time."""
    return value(ctx, target, "up{%s}") == 1
