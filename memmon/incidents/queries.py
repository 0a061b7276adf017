"""Read model of incidents: lists, one in full, statistics, and the post-mortem."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from memmon import encode
from memmon.alerts import service as alerts
from memmon.audit import service as audit
from memmon.audit.tables import IncidentEntry
from memmon.context import Context
from memmon.errors import NotFound
from memmon.incidents import action_queue, action_store, impact_charts, paging, snapshot, store
from memmon.incidents import postmortem as report
from memmon.incidents.tables import IncidentAction, IncidentRow
from memmon.notify import service as notify
from memmon.notify.tables import NotificationRow
from memmon.security import service as security

SEVERITIES = ("low", "medium", "high", "critical")
DAYS = 30

STATES = ("open", "acknowledged", "verifying", "rolling_back", "manual", "resolved")
"""What a list can be asked for; `open` means not resolved."""


def listing(ctx: Context, state: str | None = None, limit: int = 50, after: int | None = None) -> dict[str, Any]:
    """Return {incidents, total, next}: the newest first, those older than id `after`; `next` is its
    value for the next page.
    """
    with ctx.read() as session:
        rows, total = store.listing(session, state, limit + 1, after)
        incidents = [brief(row, ctx.now()) for row in rows[:limit]]
    return {"incidents": incidents, "total": total, "next": incidents[-1]["id"] if len(rows) > limit else None}


def open_security(ctx: Context) -> list[dict[str, Any]]:
    """Return the open security incidents: those with a source address or a security alert."""
    with ctx.read() as session:
        rows, _ = store.listing(session, "open", 200, None)
        return [brief(row, ctx.now()) for row in rows if row.labels.get("category") == "security"]


def show(ctx: Context, incident_id: int) -> dict[str, Any]:
    """Return one incident in full; raise NotFound for an unknown id."""
    with ctx.read() as session:
        row = store.get(session, incident_id)
        if row is None:
            raise NotFound(f"no incident {incident_id}")
        actions = action_store.of(session, incident_id)
        entries = audit.entries(session, incident_id)
        sources = [(source.kind, source.source_id) for source in store.sources(session, incident_id)]
        delivered = store.deliveries(session, incident_id)
        summary = brief(row, ctx.now())
        _say_who(ctx, session, row, summary["escalation"]["levels"])
    details: dict[tuple[str, int], dict[str, Any]] = {
        ("alert", alert["id"]): alert for alert in alerts.by_ids(ctx, [i for kind, i in sources if kind == "alert"])
    }
    events = security.events_by_ids(ctx, [i for kind, i in sources if kind == "event"])
    details |= {("event", event["id"]): _of_event(event) for event in events}
    return {
        **summary,
        "stages": _stages(row, actions),
        "actions": [_action(row, action) for action in actions],
        "timeline": [_entry(entry, delivered) for entry in entries],
        "sources": [{"kind": kind, "id": i, **_source(kind, details.get((kind, i)))} for kind, i in sources],
        "notifications": notify.recent(ctx, 100, incident_id),
    }


def _entry(entry: IncidentEntry, delivered: Sequence[NotificationRow]) -> dict[str, Any]:
    """Return a line of the timeline; a page says by which channels it went and how that stands."""
    detail = {name: value for name, value in entry.detail.items() if name != "key"}
    key = entry.detail.get("key")
    if entry.kind == "page" and key:
        mine = (row for row in delivered if row.key.startswith(f"{key}:"))
        detail["delivery"] = [{"receiver": row.receiver, "channel": row.channel, "state": row.state} for row in mine]
    return {
        "seq": entry.seq,
        "at": encode.iso(entry.at),
        "kind": entry.kind,
        "by": entry.by,
        "text": entry.text,
        "detail": detail,
    }


def brief(row: IncidentRow, now: float) -> dict[str, Any]:
    """Return an incident as lists show it."""
    end = row.resolved_at or now
    return {
        "id": row.id,
        "title": row.title,
        "severity": row.severity,
        "state": _state(row),
        "playbook": row.playbook.get("name", ""),
        "runbook": row.playbook.get("runbook", ""),
        "dry_run": bool(row.playbook.get("dry_run")),
        "labels": row.labels,
        "began_at": encode.iso(row.began_at),
        "detected_at": encode.iso(row.detected_at),
        "opened_at": encode.iso(row.opened_at),
        "acknowledged_at": encode.iso(row.acknowledged_at),
        "acknowledged_by": row.acknowledged_by,
        "acknowledged_until": encode.iso(row.acknowledged_until),
        "mitigated_at": encode.iso(row.mitigated_at),
        "resolved_at": encode.iso(row.resolved_at),
        "resolved_by": row.resolved_by,
        "reopened": row.reopened,
        "merged_into": row.merged_into,
        "minutes_open": round((end - row.opened_at) / 60, 2),
        "mttr_target_minutes": row.mttr_target_minutes,
        "mttr_minutes": minutes(row.opened_at, row.mitigated_at),
        "within_target": _within(row, now),
        "escalation": _escalation(row),
    }


def _escalation(row: IncidentRow) -> dict[str, Any]:
    chain = paging.chain_of(row)
    levels = [
        {"name": level.name, "at": encode.iso(row.responds_from + level.after), "severities": list(level.severities)}
        for level in chain.levels
    ]
    return {
        "chain": chain.name,
        "level": row.level,
        "level_name": chain.levels[min(row.level, len(chain.levels)) - 1].name if row.level else None,
        "next_level_at": encode.iso(row.next_level_at),
        "next_level_name": chain.levels[min(row.level, len(chain.levels) - 1)].name if row.next_level_at else None,
        "acknowledged_by": row.acknowledged_by,
        "acknowledged_until": encode.iso(row.acknowledged_until),
        "remind_at": encode.iso(row.remind_at),
        "pages": row.pages,
        "levels": levels,
    }


def _say_who(ctx: Context, session: Session, row: IncidentRow, levels: list[dict[str, Any]]) -> None:
    """Add the current recipients of each level: its receivers, and the contacts behind them."""
    for level, level_row in zip(paging.chain_of(row).levels, levels, strict=True):
        people = paging.people_of(ctx, session, level, ctx.now())
        level_row |= {"receivers": list(people.receivers), "people": list(people.names)}


def _state(row: IncidentRow) -> str:
    return "acknowledged" if row.acknowledged_at and row.state in ("open", "manual") else row.state


def _within(row: IncidentRow, now: float) -> bool:
    return (row.mitigated_at or now) - row.opened_at <= row.mttr_target_minutes * 60


def minutes(start: float, end: float | None) -> float | None:
    """Return the minutes from `start` to `end` (Unix seconds), or None where there is no end."""
    return None if end is None else round((end - start) / 60, 3)


def _stages(row: IncidentRow, actions: Sequence[IncidentAction]) -> list[dict[str, Any]]:
    progress = snapshot.progress(row.progress)
    stages = []
    for index, stage in enumerate(snapshot.playbook(row.playbook).stages):
        state = "done" if index < progress.stage else "waiting"
        if index == progress.stage and row.open_key:
            state = "active"
        if stage.name in progress.skipped:
            state = "skipped"
        elif state == "waiting" and not row.open_key:
            state = "not reached"
        action_numbers = [action.number for action in actions if action.stage == stage.name]
        due = encode.iso(row.responds_from + stage.due)
        stages.append(
            {
                "name": stage.name,
                "due_at": due,
                "state": state,
                "overdue": stage.name in progress.overdue,
                "actions": action_numbers,
            }
        )
    return stages


def _action(incident: IncidentRow, row: IncidentAction) -> dict[str, Any]:
    return {
        "number": row.number,
        "stage": row.stage,
        "action": row.action,
        "undo": row.undo,
        "subject": row.subject,
        "parameters": row.parameters,
        "state": row.state,
        "attempts": row.attempts,
        "max_attempts": row.max_attempts,
        "created_at": encode.iso(row.created_at),
        "approval": _approval(incident, row) if row.state == "approval" else None,
        "held_since": encode.iso(row.held_since) if row.state == "waiting" else None,
        "finished_at": encode.iso(row.finished_at),
        "results": [
            {"at": encode.iso(r["at"]), **{name: r.get(name) for name in ("seconds", "outcome", "output")}}
            for r in row.results
        ],
    }


def _approval(incident: IncidentRow, row: IncidentAction) -> dict[str, Any]:
    """Return whose word an action waits for, until when, and what follows without it."""
    approval = action_queue.approval_of(incident, row)
    return {
        "who": list(approval.who) if approval else [],
        "until": encode.iso(row.due_at),
        "otherwise": approval.otherwise if approval else "reject",
    }


def _of_event(event: dict[str, Any]) -> dict[str, Any]:
    named = ("source_ip", "user", "endpoint")
    return {
        "name": event["event_type"],
        "severity": event["severity"],
        "state": "reported",
        "message": event["message"],
        "labels": {name: event[name] for name in named if event[name]},
        "created_at": event["timestamp"],
        "resolved_at": None,
    }


def _source(kind: str, details: dict[str, Any] | None) -> dict[str, Any]:
    names = ("name", "severity", "state", "message", "labels", "created_at", "resolved_at")
    if details:
        return {name: details[name] for name in names}
    return {"name": "begun by hand" if kind == "hand" else None, "state": None if kind == "hand" else "forgotten"}


def summary(ctx: Context) -> dict[str, Any]:
    """Return how many are open, by severity, and how long those of the last 30 days took, in
    minutes.
    """
    now = ctx.now()
    with ctx.read() as session:
        rows = [row for row in store.since(session, now - DAYS * 86400) if row.merged_into is None]
        waiting = action_store.waiting_for_approval(session)
    still = [row for row in rows if row.open_key is not None]
    ended = [row for row in rows if row.open_key is None]
    return {
        "open": len(still),
        "unacknowledged": sum(row.acknowledged_at is None for row in still),
        "by_severity": {name: sum(row.severity == name for row in still) for name in SEVERITIES},
        "waiting_for_approval": waiting,
        "resolved_30d": len(ended),
        "mean_minutes_to_acknowledge": _mean([minutes(row.opened_at, row.first_acknowledged_at) for row in rows]),
        "mean_minutes_to_mitigate": _mean([minutes(row.opened_at, row.mitigated_at) for row in rows]),
        "mean_minutes_to_resolve": _mean([minutes(row.opened_at, row.resolved_at) for row in ended]),
        "within_target": _mean([float(_within(row, now)) for row in ended]),
    }


def _mean(values: Sequence[float | None]) -> float | None:
    numbers = [value for value in values if value is not None]
    return round(sum(numbers) / len(numbers), 3) if numbers else None


def postmortem(ctx: Context, incident_id: int) -> str:
    """Return the record of an incident as Markdown, with all facts filled in and the addresses of
    its charts.
    """
    base = (ctx.settings.external_url or "").rstrip("/")
    names = {
        name: f"{base}/api/incidents/{incident_id}/charts/{name}.svg" for name in impact_charts.render(ctx, incident_id)
    }
    return report.write(show(ctx, incident_id), names)


def postmortem_files(ctx: Context, incident_id: int) -> tuple[str, dict[str, str]]:
    """Return the same with its charts beside it: the Markdown, and the SVG text of each file that
    it names.
    """
    charts = impact_charts.render(ctx, incident_id)
    files = {f"INC-{incident_id}-{name}.svg": text for name, text in charts.items()}
    return report.write(show(ctx, incident_id), {name: f"INC-{incident_id}-{name}.svg" for name in charts}), files
