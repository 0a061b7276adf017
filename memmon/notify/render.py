"""Pure: a payload as words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memmon.notify.base import Message

MAX_SHOWN = 20
OURS = "docs/runbook.md"


def message(payload: Mapping[str, Any]) -> Message:
    """Return the message of a payload of any kind; `text` of the payload is set, as Slack wants it."""
    lines = _alert(payload) if payload["kind"] == "alert" else _incident(payload)
    subject = one_line(lines[0])
    text = "\n".join(lines)
    return Message(subject, text, {**payload, "title": subject, "text": text})


def one_line(text: str) -> str:
    """Return `text` without anything that could begin a header or a line of its own."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]


def _alert(payload: Mapping[str, Any]) -> list[str]:
    alerts = payload["alerts"]
    firing = [alert for alert in alerts if alert["status"] == "firing"]
    resolved = [alert for alert in alerts if alert["status"] != "firing"]
    names = sorted({one_line(alert["name"]) for alert in firing or resolved})
    head = f"[{'FIRING' if firing else 'RESOLVED'}:{len(firing or resolved)}] {', '.join(names)}"
    lines = [head]
    for title, some in (("Firing", firing), ("Resolved", resolved)):
        if some:
            lines.append(f"{title}:")
            lines += [f"- [{alert['severity']}] {one_line(alert['message'])}" for alert in some[:MAX_SHOWN]]
            if len(some) > MAX_SHOWN:
                lines.append(f"- and {len(some) - MAX_SHOWN} more")
    base = payload["external_url"]
    helps = dict.fromkeys(help for alert in firing if (help := _help(alert, base)))
    return [*lines, *(f"Runbook: {help}" for help in list(helps)[:MAX_SHOWN]), f"{base}/dashboard"]


def _help(alert: Mapping[str, Any], base: str) -> str:
    return runbook(one_line(alert.get("annotations", {}).get("runbook_url", "")), base)


def runbook(address: str, base: str) -> str:
    """Return the address of a runbook's section as somebody far away can open it: the dashboard at `base` serves our own."""
    section = address.removeprefix(OURS)
    return address if section == address else f"{base.rstrip('/')}/runbook{section}"


def _incident(payload: Mapping[str, Any]) -> list[str]:
    incident = payload.get("incident", {})
    head = f"[{payload['kind'].upper()}] {payload.get('title') or incident.get('title', '')}"
    lines = [one_line(head), *(one_line(line) for line in payload.get("lines", []))]
    if payload.get("external_url"):
        lines.append(f"{payload['external_url']}/dashboard")
    return lines
