"""Pure: what the top of the overview says, and how parts of it are ranked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from memmon import encode
from web import formatting

STATUS_RANK = {"unknown": -1, "healthy": 0, "degraded": 1, "unhealthy": 2, "critical": 3}
SEVERITY_RANK = {"info": 0, "low": 0, "warning": 1, "medium": 1, "error": 2, "high": 2, "critical": 3}
LOCATION_LABELS = ("instance", "source_ip", "endpoint", "component", "check", "job")
"""Labels that say where an alert is, the most telling first."""


def summarize_status(
    health: Mapping[str, Any] | None, alerts: Mapping[str, Any] | None, errors: Sequence[str]
) -> dict[str, str]:
    """Return {status, word, text}: how it is in a word, and the one thing that says most about
    why.
    """
    if health is None:
        return {"status": "unknown", "word": "Unknown", "text": f"memmon cannot read its state: {errors[0]}"}
    status = health["status"]
    word = {"unknown": "Waiting"}.get(status, status.capitalize())
    firing = [alert for alert in (alerts or {}).get("active_alerts", []) if not alert["held"]]
    losses = health["why"]
    if status == "unknown":
        text = "the first checks are on their way"
    elif losses:
        text = f"{formatting.humanize(losses[0]['check'])}: {losses[0]['message'].split('; ')[0]}"
    elif firing:
        text = f"all checks pass, but {firing[0]['message']}"
    else:
        text = f"all {health['total_checks']} checks pass and nothing is firing"
    return {"status": status, "word": word, "text": text}


def score_change(history: Sequence[Mapping[str, Any]], score: float | None) -> dict[str, Any] | None:
    """Return {points, seconds}: the change of the score since the oldest entry of `history`; None
    without one.
    """
    if score is None or len(history) < 2:
        return None
    oldest = history[0]["timestamp"]
    began = encode.seconds_of(oldest)
    first = min(row["score"] for row in history if encode.seconds_of(row["timestamp"]) - began < 1)
    length = encode.seconds_of(history[-1]["timestamp"]) - began
    return {"points": round(score * 100) - round(first * 100), "seconds": length}


def history_bars(rows: Sequence[Mapping[str, Any]], interval: float, now: float, slots: int) -> list[dict[str, Any]]:
    """Return {slot, status, at, ms} of each result, `count` slots to the newest at the right; a
    slot without a result has none, and of several the worst is kept.
    """
    last = math.floor(now / interval)
    rows_by_slot: dict[int, dict[str, Any]] = {}
    for row in rows:
        slot = slots - 1 - (last - math.floor(encode.seconds_of(row["at"]) / interval))
        worst_row = rows_by_slot.get(slot)
        if 0 <= slot < slots and (worst_row is None or STATUS_RANK[row["status"]] > STATUS_RANK[worst_row["status"]]):
            rows_by_slot[slot] = {"slot": slot, **row}
    return [rows_by_slot[slot] for slot in sorted(rows_by_slot)]


def alert_location(labels: Mapping[str, str]) -> str:
    """Return where an alert is, in a few words."""
    return " · ".join(dict.fromkeys(labels[name] for name in LOCATION_LABELS if labels.get(name)))


def urgency_key(incident: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return a key that sorts the most urgent incident to the front."""
    next_at = incident["escalation"]["next_level_at"]
    return (
        bool(incident["acknowledged_at"]),
        -SEVERITY_RANK.get(incident["severity"], 0),
        encode.seconds_of(next_at) if next_at else math.inf,
    )


def escalation_wait(incident: Mapping[str, Any], now: float) -> dict[str, float] | None:
    """Return {began, whole, passed}: when the wait for the next page began, its seconds, and those
    of it that are over; None where nobody will be paged.
    """
    escalation = incident["escalation"]
    if not escalation["next_level_at"]:
        return None
    end = encode.seconds_of(escalation["next_level_at"])
    began = max(_before(incident, end), default=encode.seconds_of(incident["opened_at"]))
    return {"began": began, "whole": max(1.0, end - began), "passed": min(max(0.0, now - began), end - began)}


def _before(incident: Mapping[str, Any], end: float) -> Iterable[float]:
    """Return when earlier levels of the chain were due."""
    return [at for level in incident["escalation"]["levels"] if (at := encode.seconds_of(level["at"])) < end]


def collapse_repeats(events: Sequence[Mapping[str, Any]], limit: int) -> list[dict[str, Any]]:
    """Return up to `limit` of the events with `times`; consecutive equal ones are merged."""
    reasons: list[dict[str, Any]] = []
    for event in events:
        same = ("event_type", "source_ip", "endpoint", "message", "params")
        if reasons and all(reasons[-1].get(name) == event.get(name) for name in same):
            reasons[-1]["times"] += 1
        else:
            reasons.append({**event, "times": 1})
    return reasons[:limit]
