"""Pure: a payload as words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memmon.notify.channels.base import Message
from memmon.notify.formatting import one_line, runbook
from memmon.notify.templates import Templates, of

MAX_SHOWN = 20


def message(payload: Mapping[str, Any], templates: Templates | None = None, now: float = 0.0) -> Message:
    """Return the message of a payload of any kind; `text` of the payload is set, as Slack wants
    it.
    """
    lines = _alert(payload) if payload["kind"] == "alert" else _incident(payload)
    subject = one_line(lines[0])
    text = "\n".join(lines)
    return Message(subject, text, {**payload, "title": subject, "text": text}, templates or of(), now)


def _alert(payload: Mapping[str, Any]) -> list[str]:
    alerts = payload["alerts"]
    firing = [alert for alert in alerts if alert["status"] == "firing"]
    resolved = [alert for alert in alerts if alert["status"] != "firing"]
    names = sorted({one_line(alert["name"]) for alert in firing or resolved})
    head = f"[{'FIRING' if firing else 'RESOLVED'}:{len(firing or resolved)}] {', '.join(names)}"
    lines = [head]
    for title, alerts_ in (("Firing", firing), ("Resolved", resolved)):
        if alerts_:
            lines.append(f"{title}:")
            lines += [_line(alert) for alert in alerts_[:MAX_SHOWN]]
            if len(alerts_) > MAX_SHOWN:
                lines.append(f"- and {len(alerts_) - MAX_SHOWN} more")
    base = payload["external_url"]
    helps = dict.fromkeys(help for alert in firing if (help := _help(alert, base)))
    return [*lines, *(f"Runbook: {help}" for help in list(helps)[:MAX_SHOWN]), f"{base}/dashboard"]


def _line(alert: Mapping[str, Any]) -> str:
    line = f"- [{alert['severity']}] {one_line(alert['message'])}"
    dependents = alert.get("dependents")
    return f"{line}; likely cause of trouble with {one_line(', '.join(dependents))}" if dependents else line


def _help(alert: Mapping[str, Any], base: str) -> str:
    return runbook(one_line(alert.get("annotations", {}).get("runbook_url", "")), base)


def _incident(payload: Mapping[str, Any]) -> list[str]:
    incident = payload.get("incident", {})
    head = f"[{payload['kind'].upper()}] {payload.get('title') or incident.get('title', '')}"
    lines = [one_line(head), *(one_line(line) for line in payload.get("lines", []))]
    if payload.get("external_url"):
        lines.append(f"{payload['external_url']}/dashboard")
    return lines
