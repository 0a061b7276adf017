"""The four charts of the overview, and their values over a window of time."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from memmon import duration, encode
from memmon.alerts import service as alerts
from memmon.context import Context
from memmon.errors import BadInput, BadQuery
from memmon.incidents import service as incidents
from memmon.metrics import service as metrics

STEP_BY_WINDOW = {900: 10, 3600: 30, 21600: 180, 86400: 720}
"""Seconds between two points, by the window's length: 90 to 120 points, which is what fits on a
phone.
"""


class Chart(NamedTuple):
    """One line: `rules` are alert rules of the same value, whose lowest threshold is drawn; `about`
    describes it. `$span` in the expression is a range that covers a few collections.
    """

    key: str
    title: str
    about: str
    unit: str
    expr: str
    rules: tuple[str, ...] = ()


CHARTS = (
    Chart(
        "query_p95",
        "Query time p95",
        "slowest instance",
        "seconds",
        "max(histogram_quantile(0.95, sum by (job, instance, le) (rate(memmimic_db_query_duration_seconds_bucket[$span]))))",
        ("database_slow", "database_very_slow"),
    ),
    Chart("searches", "Searches", "all instances", "rate", "sum(rate(memmimic_searches_total[$span]))"),
    Chart(
        "errors",
        "Errors in 5 minutes",
        "worst instance",
        "number",
        "max(sum by (job, instance) (increase(memmimic_errors_total[5m])))",
        ("high_error_rate",),
    ),
    Chart(
        "memory",
        "Memory used",
        "fullest host",
        "percent",
        "max(memmimic_memory_usage_percent)",
        ("high_memory_usage", "critical_memory_usage"),
    ),
)


def chart_data(ctx: Context, window: int) -> dict[str, Any]:
    """Return {now, step, times, charts, marks} of the last `window` seconds; times are Unix
    seconds.
    """
    if window not in STEP_BY_WINDOW:
        raise BadInput("window", f"must be one of {', '.join(map(str, STEP_BY_WINDOW))} seconds")
    now, step = ctx.now(), STEP_BY_WINDOW[window]
    count = window // step
    end = math.floor(now / step) * step  # On a fixed grid the line moves on, and does not tremble.
    grid = [end - (count - at) * step for at in range(count + 1)]
    times: list[float] = [*grid, now] if now > end else [*grid]
    limits = {rule.name: rule.threshold for rule in alerts.rules(ctx)}
    return {
        "now": now,
        "step": step,
        "times": times,
        "charts": [_chart(ctx, chart, times, step, limits) for chart in CHARTS],
        "marks": _marks(ctx, times[0]),
    }


def _chart(
    ctx: Context, chart: Chart, times: list[float], step: int, limits: dict[str, float | None]
) -> dict[str, Any]:
    thresholds = [limit for name in chart.rules if (limit := limits.get(name)) is not None]
    about = {"key": chart.key, "title": chart.title, "unit": chart.unit, "threshold": min(thresholds, default=None)}
    try:
        values = _values(ctx, chart.expr.replace("$span", _span(ctx)), times, step)
    except BadQuery as error:
        return {**about, "values": [None] * len(times), "error": str(error)}
    return {**about, "values": [values.get(round(at * 1000)) for at in times], "error": None}


def _span(ctx: Context) -> str:
    return duration.show(max(60.0, 4 * ctx.settings.metrics_collection_interval))


def _values(ctx: Context, expr: str, times: list[float], step: int) -> dict[int, float]:
    """Return the values of `expr`, which has one series at most, by time in ms."""
    count = sum(at == round(at) and at % step == 0 for at in times)
    rows, _ = metrics.range(ctx, expr, times[0], times[count - 1], step)
    last = metrics.instant(ctx, expr, times[-1])
    values_by_time = {
        int(at): float(value) for row in rows[:1] for at, value in zip(row.times, row.values, strict=True)
    }
    values_by_time |= {round(times[-1] * 1000): point.value for point in last[:1]}
    return {at: value for at, value in values_by_time.items() if math.isfinite(value)}


def _marks(ctx: Context, start: float) -> list[dict[str, Any]]:
    rows = incidents.listing(ctx, limit=20)["incidents"]
    opened = [(encode.seconds_of(row["opened_at"]), row["id"]) for row in rows]
    return [{"at": at, "label": f"INC-{incident_id}", "id": incident_id} for at, incident_id in opened if at >= start]
