"""Pure: what happened lately, out of what the rooms keep, as one list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from memmon import encode

JsonObject = Mapping[str, Any]

ALERT_GROUP_SECONDS = 60.0
TIMELINE_KINDS = (
    "escalated",
    "page",
    "action",
    "approval",
    "acknowledged",
    "resolved",
    "opened",
    "mitigated",
    "manual",
)
"""Kinds of an incident's lines that matter beside it; its alerts and notes are on its own page."""


def merge_activity(
    alerts: Iterable[JsonObject],
    incidents: Iterable[JsonObject],
    restrictions: Iterable[JsonObject],
    notifications: Iterable[JsonObject],
    limit: int = 12,
) -> list[dict[str, Any]]:
    """Return the newest of everything: {at, kind, subject, text, link, states}; the newest
    first.
    """
    lines = [
        *(line for alert in alerts for line in _alert(alert)),
        *(line for incident in incidents for line in _incident(incident)),
        *(_restriction(restriction) for restriction in restrictions),
        *_told(notifications),
    ]
    ordered = sorted(lines, key=lambda line: encode.seconds_of(line["at"]), reverse=True)
    return _together(ordered)[:limit]


def _together(lines: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join alerts that follow one another within a minute: fifty at once must not hide all else."""
    grouped: list[dict[str, Any]] = []
    repeats: dict[int, int] = {}
    for line in lines:
        last = grouped[-1] if grouped else None
        if last and last["kind"] == line["kind"] == "alert" and _apart(last, line) < ALERT_GROUP_SECONDS:
            repeats[len(grouped) - 1] = repeats.get(len(grouped) - 1, 0) + 1
        else:
            grouped.append(line)
    for at, count in repeats.items():
        grouped[at]["text"] = f"and {count} more fire: {grouped[at]['text'].removeprefix('fires: ')}"
    return grouped


def _apart(line: JsonObject, other: JsonObject) -> float:
    return abs(encode.seconds_of(line["at"]) - encode.seconds_of(other["at"]))


def _line(at: str, kind: str, subject: str, text: str, link: str | None = None) -> dict[str, Any]:
    return {"at": at, "kind": kind, "subject": subject, "text": text, "link": link, "states": []}


def _alert(alert: JsonObject) -> list[dict[str, Any]]:
    link = "/dashboard#alerts"
    lines = [_line(alert["created_at"], "alert", alert["name"], f"fires: {alert['message']}", link)]
    if alert["resolved_at"]:
        lines.append(_line(alert["resolved_at"], "resolved", alert["name"], "resolved", link))
    if alert["acknowledged_at"]:
        text = f"acknowledged by {alert['acknowledged_by']}"
        lines.append(_line(alert["acknowledged_at"], "person", alert["name"], text, link))
    return lines


def _incident(incident: JsonObject) -> list[dict[str, Any]]:
    name, link = f"INC-{incident['id']}", f"/dashboard/incidents/{incident['id']}"
    return [
        _line(entry["at"], "incident", name, _said(entry), link)
        for entry in incident["timeline"]
        if entry["kind"] in TIMELINE_KINDS
    ]


def _said(entry: JsonObject) -> str:
    """Return a line of the timeline; one of a person says who it was, and did what."""
    if entry["by"] == "memmon":
        return str(entry["text"])
    did = f"{entry['kind']} by {entry['by']}"
    return did if entry["text"] == entry["kind"] else f"{did}: {entry['text']}"


def _restriction(restriction: JsonObject) -> dict[str, Any]:
    words = {"block": "blocked", "throttle": "throttled", "disable": "switched off"}
    return _line(
        restriction["created_at"],
        "security",
        restriction["subject"],
        f"{words[restriction['kind']]}: {restriction['reason']}",
        "/dashboard#security",
    )


def _told(notifications: Iterable[JsonObject]) -> list[dict[str, Any]]:
    """Return one line a message: its receivers and channels, each with how it went."""
    lines: dict[tuple[str, str], dict[str, Any]] = {}
    for notification in notifications:
        key = (notification["title"], notification["created_at"])
        line = lines.setdefault(key, _line(notification["created_at"], "notification", notification["title"], ""))
        line["at"] = max(line["at"], notification["sent_at"] or line["at"])
        tries = len(notification["attempts"])
        how = notification["state"] if tries < 2 else f"{notification['state']} after {tries} tries"
        line["states"].append(
            {
                "state": notification["state"],
                "text": f"{notification['receiver']}, {notification['channel'].split('[')[0]}: {how}",
                "error": notification["error"],
            }
        )
    return list(lines.values())
