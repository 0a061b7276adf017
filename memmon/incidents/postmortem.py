"""Pure: an incident's record as a Markdown page to think further on."""

from __future__ import annotations

from typing import Any


def write(incident: dict[str, Any]) -> str:
    """Return the page of `incident` as `record.show` gives it."""
    parts = [
        f"# INC-{incident['id']}: {_line(incident['title'])}",
        "\n".join(_summary(incident)),
        "## What set it off",
        _bullets(_source(source) for source in incident["sources"]),
        "## Timeline",
        _table(("time", "what", "by", ""), [(e["at"], e["kind"], e["by"], e["text"]) for e in incident["timeline"]]),
        "## Actions",
        _table(
            ("no.", "stage", "action", "state", "attempts", "result"),
            [
                (str(a["number"]), a["stage"], a["action"], a["state"], str(a["attempts"]), _last(a))
                for a in incident["actions"]
            ],
        ),
        "## Stages",
        _table(
            ("stage", "due", "state"),
            [(s["name"], s["due_at"], s["state"] + (", overdue" if s["overdue"] else "")) for s in incident["stages"]],
        ),
        "## What worked, what did not",
        _bullets(_verdicts(incident)),
        "## Open questions",
        "- What was the cause?\n- What would have shown it sooner?\n- What keeps it from coming back?",
    ]
    return "\n\n".join(parts) + "\n"


def _source(source: dict[str, Any]) -> str:
    if source["name"] is None:
        return f"{source['kind']} {source['id']}, which is kept no more"
    return f"{source['name']} [{source.get('severity')}]: {source.get('message') or ''}"


def _summary(incident: dict[str, Any]) -> list[str]:
    took = incident["mttr_minutes"]
    verdict = "within" if incident["within_target"] else "beyond"
    return [
        f"* Severity: {incident['severity']}; state: {incident['state']}; playbook: {_line(incident['playbook'])}",
        f"* Opened: {incident['opened_at']}; resolved: {incident['resolved_at'] or 'not yet'}",
        f"* Acknowledged: {incident['acknowledged_at'] or 'by nobody'}"
        + (f" by {_line(incident['acknowledged_by'])}" if incident["acknowledged_by"] else ""),
        f"* Time to mitigate: {f'{took:g} min' if took is not None else 'not yet'}, "
        f"{verdict} the target of {incident['mttr_target_minutes']:g} min",
        f"* Escalated to level {incident['escalation']['level']} ({_line(incident['escalation']['level_name'] or 'nobody')})",
    ]


def _verdicts(incident: dict[str, Any]) -> list[str]:
    found = [f"{a['action']} ({a['stage']}): {a['state']}" for a in incident["actions"]]
    found += [f"{s['name']} was overdue" for s in incident["stages"] if s["overdue"]]
    return found or ["no action was taken"]


def _last(action: dict[str, Any]) -> str:
    return str(action["results"][-1]["output"] or "") if action["results"] else ""


def _bullets(lines: Any) -> str:
    return "\n".join(f"- {_line(line)}" for line in lines) or "- nothing"


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    if not rows:
        return "None."
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(_line(str(cell)) for cell in row) + " |" for row in lines)


def _line(text: str) -> str:
    """Return `text` on one line, with nothing in it that Markdown or HTML would take for its own."""
    flat = " ".join(text.split())
    for sign in ("\\", "|", "<", "`", "[", "*"):
        flat = flat.replace(sign, f"\\{sign}")
    return flat
