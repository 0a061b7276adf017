"""What the checks ask of a target's own metrics."""

from __future__ import annotations

import math

from memmon import duration
from memmon.config.targets import Target
from memmon.context import Context
from memmon.labels import escape
from memmon.metrics import service as metrics

SHORTEST_SPAN = 60.0


def value(ctx: Context, target: Target, expr: str) -> float | None:
    """Return the value of `expr`, or None without a result. %s is replaced by the target's label
    matchers, $span by a range that covers a few collections.
    """
    span = max(SHORTEST_SPAN, 4 * ctx.settings.intervals[target.tier])
    matchers = f'job="{escape(target.job)}",instance="{escape(target.identity)}"'
    points = metrics.instant(ctx, expr.replace("%s", matchers).replace("$span", duration.show(span)))
    value = points[0].value if points else math.nan
    return None if math.isnan(value) else value


def answers(ctx: Context, target: Target) -> bool:
    """Tell whether the target could be collected the last time."""
    return value(ctx, target, "up{%s}") == 1
