"""Pure: an incident's record as a Markdown page to think further on: every fact is filled in, the
questions are left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from memmon import duration, encode


def write(incident: dict[str, Any], charts: Mapping[str, str]) -> str:
    """Return the page of `incident` as `record.show` gives it; `charts` are the addresses of its
    pictures by name.
    """
    sections = [
        f"# INC-{incident['id']}: {_line(incident['title'])}",
        "\n".join(_summary(incident)),
        "## Impact",
        "\n\n".join(f"![{_line(name.replace('-', ' '))}]({address})" for name, address in charts.items())
        or "No metric of that time is kept.",
        "## What set it off",
        _bullets(_source(source) for source in incident["sources"]),
        "## Times",
        _table(("", "took", "at"), _times(incident)),
        "## Timeline",
        _table(("time", "what", "by", ""), [(e["at"], e["kind"], e["by"], e["text"]) for e in incident["timeline"]]),
        "## Actions",
        _table(
            ("no.", "stage", "action", "on", "state", "attempts", "result"),
            [_action(action) for action in incident["actions"]],
        ),
        "## Stages",
        _table(
            ("stage", "due", "state"),
            [(s["name"], s["due_at"], s["state"] + (", overdue" if s["overdue"] else "")) for s in incident["stages"]],
        ),
        "## Notifications",
        _table(
            ("time", "receiver", "by", "state", ""),
            [_told(notification) for notification in reversed(incident["notifications"])],
        ),
        "## What worked",
        _bullets(_worked(incident)),
        "## What did not",
        _bullets(_failed(incident)),
        "## Open questions",
        _bullets(_questions(incident)),
    ]
    return "\n\n".join(sections) + "\n"


def _source(source: dict[str, Any]) -> str:
    if source["name"] is None:
        return f"{source['kind']} {source['id']}, which is kept no more"
    severity = f" [{source['severity']}]" if source.get("severity") else ""
    return f"{source['name']}{severity}: {source.get('message') or ''}"


def _summary(incident: dict[str, Any]) -> list[str]:
    took = incident["mttr_minutes"]
    verdict = "within" if incident["within_target"] else "beyond"
    escalation = incident["escalation"]
    lines = [
        f"* Severity: {incident['severity']}; state: {incident['state']}; playbook: {_line(incident['playbook'])}",
        f"* Opened: {incident['opened_at']}; resolved: {incident['resolved_at'] or 'not yet'}"
        + (f" by {_line(incident['resolved_by'])}" if incident["resolved_by"] else ""),
        f"* Acknowledged: {incident['acknowledged_at'] or 'by nobody'}"
        + (f" by {_line(incident['acknowledged_by'])}" if incident["acknowledged_by"] else ""),
        f"* Time to mitigate: {f'{took:g} min' if took is not None else 'not yet'}, "
        f"{verdict} the target of {incident['mttr_target_minutes']:g} min",
        f"* Escalated to level {escalation['level']} ({_line(escalation['level_name'] or 'nobody')}), {escalation['pages']} pages",
    ]
    if incident["reopened"]:
        lines.append(f"* Opened again: {incident['reopened']} times")
    if incident["dry_run"]:
        lines.append("* A dry run: nothing was done")
    return lines


def _times(incident: dict[str, Any]) -> list[tuple[Any, ...]]:
    opened = encode.seconds_of(incident["opened_at"])
    rows = [("detected", _took(encode.seconds_of(incident["began_at"]), opened), incident["opened_at"])]
    for name in ("acknowledged", "mitigated", "resolved"):
        at = incident[f"{name}_at"]
        rows.append((name, _took(opened, encode.seconds_of(at)) if at else "not yet", at or ""))
    return rows


def _took(start: float, end: float) -> str:
    return duration.about(max(0.0, end - start))


def _action(action: dict[str, Any]) -> tuple[Any, ...]:
    name = f"roll back {action['action']}" if action["undo"] else action["action"]
    return (
        action["number"],
        action["stage"],
        name,
        action["subject"],
        action["state"],
        action["attempts"],
        _last(action),
    )


def _told(notification: dict[str, Any]) -> tuple[Any, ...]:
    return (
        notification["created_at"],
        notification["receiver"],
        notification["channel"],
        notification["state"],
        notification["error"] or notification["title"],
    )


def _worked(incident: dict[str, Any]) -> list[str]:
    action_texts = [f"{a['action']} ({a['stage']}): {_last(a)}" for a in incident["actions"] if a["state"] == "done"]
    action_texts += [
        f"{s['name']} was done in time" for s in incident["stages"] if s["state"] == "done" and not s["overdue"]
    ]
    return action_texts or ["no action was done"]


def _failed(incident: dict[str, Any]) -> list[str]:
    bad = ("failed", "refused", "rejected")
    action_texts = [
        f"{a['action']} ({a['stage']}) {a['state']}: {_last(a)}" for a in incident["actions"] if a["state"] in bad
    ]
    action_texts += [
        f"{a['action']} ({a['stage']}) took {a['attempts']} attempts" for a in incident["actions"] if a["attempts"] > 1
    ]
    action_texts += [f"{s['name']} was overdue" for s in incident["stages"] if s["overdue"]]
    action_texts += [
        f"{n['receiver']} could not be notified: {n['error']}"
        for n in incident["notifications"]
        if n["state"] == "failed"
    ]
    return action_texts or ["nothing that the record knows of"]


def _questions(incident: dict[str, Any]) -> list[str]:
    asked = ["Root cause?", "What would have shown it sooner?", "What keeps it from coming back?"]
    if not incident["within_target"]:
        asked.append("Where was the time lost against the target?")
    if incident["acknowledged_at"] is None:
        asked.append("Why did nobody acknowledge it?")
    if any(a["state"] == "refused" for a in incident["actions"]):
        asked.append("Are the limits that refused an action right?")
    if incident["reopened"]:
        asked.append("Why was it taken for recovered too soon?")
    if any(entry["kind"] == "manual" for entry in incident["timeline"]):
        asked.append("What did people do that the playbook could do?")
    return asked


def _last(action: dict[str, Any]) -> str:
    return str(action["results"][-1]["output"] or "") if action["results"] else ""


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {_line(line)}" for line in lines) or "- nothing"


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    if not rows:
        return "None."
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(_line(str(cell)) for cell in row) + " |" for row in lines)


def _line(text: str) -> str:
    """Return `text` on one line, with nothing in it that Markdown or HTML would take for its
    own.
    """
    flat = " ".join(text.split())
    for sign in ("\\", "|", "<", "`", "[", "*"):
        flat = flat.replace(sign, f"\\{sign}")
    return flat
