"""The charts of an incident: what its playbook calls its impact, as it was measured."""

from __future__ import annotations

import logging
import re
from typing import Any

from memmon.context import Context
from memmon.errors import BadQuery, NotFound
from memmon.incidents import chart, correlation, store
from memmon.incidents.tables import IncidentRow
from memmon.metrics import service as metrics

log = logging.getLogger(__name__)

BEFORE, AFTER, LONGEST_BEFORE = 300.0, 600.0, 1800.0
"""Seconds before and after an incident that its charts show; before it twice as long as it took."""
POINTS = 240

IMPACT = {
    "Health score": 'memmimic_health_score{job="$job",instance="$instance"}',
    "Memory used, percent": 'memmimic_memory_usage_percent{instance="$instance"}',
    "Query time, 95 %, seconds": (
        "histogram_quantile(0.95, sum by (le) "
        '(rate(memmimic_db_query_duration_seconds_bucket{job="$job",instance="$instance"}[1m])))'
    ),
    "Errors a minute": 'sum(increase(memmimic_errors_total{job="$job",instance="$instance"}[1m]))',
    "Security events a minute": "sum(increase(memmimic_security_events_total[1m]))",
}
"""Title -> expression of the charts of a playbook that names none."""

_NAME = re.compile(r"[^a-z0-9]+")


def render(ctx: Context, incident_id: int) -> dict[str, str]:
    """Return the charts of an incident as SVG, by name: what its playbook calls its impact, else
    health, memory, latency and errors of its instance, from a while before it to a little after.
    """
    with ctx.read() as session:
        row = store.get(session, incident_id)
    if row is None:
        raise NotFound(f"no incident {incident_id}")
    over = row.resolved_at or ctx.now()
    began = min(row.began_at, row.opened_at)
    end = min(ctx.now(), over + AFTER)
    start = began - min(LONGEST_BEFORE, max(BEFORE, 2 * (over - began)))
    marks = [(row.opened_at, "opened"), *((at, name) for at, name in _moments(row) if at is not None)]
    charts = {}
    impact = row.playbook.get("impact") or IMPACT
    for title, expr in impact.items():
        lines = _lines(ctx, correlation.fill_query(expr, row.labels), start, end)
        if lines:
            charts[_NAME.sub("-", title.lower()).strip("-")] = chart.svg(title, lines, start, end, marks)
    return charts


def _moments(row: IncidentRow) -> list[tuple[float | None, str]]:
    return [
        (row.first_acknowledged_at, "acknowledged"),
        (row.mitigated_at, "mitigated"),
        (row.resolved_at, "resolved"),
    ]


def _lines(ctx: Context, expr: str, start: float, end: float) -> list[chart.Line]:
    step = max(1.0, (end - start) / POINTS)
    try:
        series, _ = metrics.range(ctx, expr, start, end, step)
    except BadQuery as error:
        log.warning("what the post-mortem is to draw cannot be asked: %s: %s", expr, error)
        return []
    return [
        chart.Line(
            _label(line.labels), [(t / 1000, v) for t, v in zip(line.times.tolist(), line.values.tolist(), strict=True)]
        )
        for line in series[: chart.MOST]
        if len(line.times)
    ]


def _label(labels: Any) -> str:
    return ", ".join(f"{name}={value}" for name, value in labels if name not in ("__name__", "job")) or "value"
