"""Rule statistics: firings, flaps, acknowledgements, and rules that never or always fire."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from memmon import encode
from memmon.alerts import service as alert_room
from memmon.alerts.service import PastAlert
from memmon.context import Context
from memmon.errors import BadInput

LONGEST = 366 * 86400.0
ALWAYS = 0.9
"""A rule that fired for so much of the time tells nobody anything new."""


def rule_report(ctx: Context, seconds: float) -> dict[str, Any]:
    """Return statistics of the last `seconds` for each rule in force or with firings: firings,
    acknowledged share, median time to acknowledge, flaps, firing time; also the rules that never
    and nearly always fire. Alerts older than MEMMIMIC_RETENTION_HOURS are deleted and not counted.
    """
    if not 0 < seconds <= LONGEST:
        raise BadInput("since", "must be more than nothing and at most 366 days")
    end = ctx.now()
    start = end - seconds
    by_rule: dict[str, list[PastAlert]] = {rule.id: [] for rule in alert_room.rules(ctx)}
    for past in alert_room.past(ctx, start, end):
        if not past.rule.startswith(f"{alert_room.DRILL}/"):
            by_rule.setdefault(past.rule, []).append(past)
    rows = [_row(name, past_alerts, start, end) for name, past_alerts in by_rule.items()]
    rows.sort(key=lambda row: (-row["firings"], row["rule"]))
    return {
        "from": encode.iso(start),
        "to": encode.iso(end),
        "rules": rows,
        "never_fired": sorted(row["rule"] for row in rows if not row["firings"]),
        "always_firing": sorted(row["rule"] for row in rows if row["firing_share"] >= ALWAYS),
    }


def _row(name: str, past_alerts: Sequence[PastAlert], start: float, end: float) -> dict[str, Any]:
    cared = [alert.acknowledged_at - alert.firing_at for alert in past_alerts if alert.acknowledged_at is not None]
    return {
        "rule": name,
        "firings": len(past_alerts),
        "acknowledged_share": len(cared) / len(past_alerts) if past_alerts else None,
        "seconds_to_acknowledge": median(cared) if cared else None,
        "flaps": sum(alert.flaps > 0 for alert in past_alerts),
        "firing_share": _covered(past_alerts, start, end) / (end - start),
        "last_fired_at": encode.iso(max((alert.firing_at for alert in past_alerts), default=None)),
    }


def _covered(past_alerts: Sequence[PastAlert], start: float, end: float) -> float:
    """Return the seconds in which at least one of the alerts fired."""
    total, until = 0.0, start
    for alert in sorted(past_alerts, key=lambda past: past.firing_at):
        begin, finish = max(alert.firing_at, until), min(alert.resolved_at or end, end)
        if finish > begin:
            total, until = total + finish - begin, finish
    return total
