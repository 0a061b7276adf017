"""A message about two alerts, one of which has ended, as channels get it."""

from __future__ import annotations

from typing import Any

from memmon.notify import render
from memmon.notify.channels.base import Message
from memmon.notify.templates import of


def alert(name: str, status: str, **labels: str) -> dict[str, Any]:
    return {
        "id": 1,
        "name": name,
        "severity": "critical",
        "status": status,
        "message": f"{name} is up",
        "labels": {"alertname": name, "severity": "critical", **labels},
        "annotations": {"summary": f"{name} is up", "runbook_url": "docs/runbook.md#errors"},
        "fingerprint": "00ff",
        "created_at": "2026-01-01T00:00:00.000Z",
        "resolved_at": "2026-01-01T00:05:00.000Z" if status == "resolved" else None,
        "value": 1.5,
    }


def payload(status: str = "firing", **extra: Any) -> dict[str, Any]:
    alerts = [alert("cold", "resolved", zone="a")]
    if status == "firing":
        alerts.insert(0, alert("hot", "firing", zone="a"))
    return {
        "kind": "alert",
        "status": status,
        "reason": "first notification",
        "group_key": '{}:{zone="a"}',
        "group_labels": {"zone": "a"},
        "route_labels": {"owner": "ops"},
        "receiver": "team",
        "alerts": alerts,
        "external_url": "http://m",
        "id": "key",
        **extra,
    }


def message(status: str = "firing", **extra: Any) -> Message:
    return render.message(payload(status, **extra), of(), 0.0)


PAGE = render.message(
    {
        "kind": "page",
        "title": "INC-7 down",
        "lines": ["Severity high"],
        "external_url": "http://m",
        "incident": {"id": 7},
        "id": "p",
    }
)
