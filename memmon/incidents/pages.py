"""Telling people of an incident: the levels of its chain, and that it is over."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from memmon import encode
from memmon.config.playbooks import Chain, Level
from memmon.context import Context
from memmon.db.tables import IncidentRow
from memmon.errors import NotFound
from memmon.incidents import escalation, frozen, store
from memmon.notify import service as notify
from memmon.routing import route


def level(ctx: Context, session: Session, row: IncidentRow, reason: str) -> None:
    """Page the next level of an incident's chain, in the transaction that writes down that it was."""
    now = ctx.now()
    due = escalation.page(chain_of(row), row.level, row.opened_at, now)
    name = f"level {due.number + 1}" if due.number < len(chain_of(row).levels) else "again"
    title = f"{name}, {due.level.name}: {_name(row)}"
    told, unknown = _send(ctx, session, row, receivers_of(ctx, due.level), "page", title, f"page:{row.id}:{due.number}")
    text = f"{name}, {due.level.name}: paged {', '.join(told) or 'nobody'} ({reason})"
    text += f"; contact {due.level.contact}" if due.level.contact else ""
    text += f"; not in routes.yml: {', '.join(unknown)}" if unknown else ""
    store.note(session, row.id, now, "page", "memmon", text, level=due.number + 1, receivers=told)
    row.level = due.number + 1
    row.next_level_at = None if row.acknowledged_at else due.next_at


def over(ctx: Context, session: Session, row: IncidentRow) -> None:
    """Tell everybody who was paged that it is over."""
    levels = chain_of(row).levels[: max(1, row.level)]
    receivers = tuple(dict.fromkeys(name for one in levels for name in receivers_of(ctx, one)))
    title = f"resolved: {_name(row)}"
    _send(ctx, session, row, receivers, "incident", title, f"incident:{row.id}:resolved", "resolved")


def tell(ctx: Context, number: int, receivers: list[str] | None, key: str) -> list[str]:
    """Page `receivers`, or the first level, which gets that page once; return who was told. NotFound when none of them is in
    routes.yml."""
    with ctx.write() as session:
        row = store.get(session, number)
        if row is None:
            raise NotFound(f"no incident {number}")
        wanted = receivers or receivers_of(ctx, chain_of(row).levels[0])
        key = key if receivers else f"page:{number}:0"
        told, unknown = _send(ctx, session, row, tuple(wanted), "page", _name(row), key)
    if not told:
        raise NotFound(f"no receiver {', '.join(unknown) or 'at all'} in routes.yml")
    return told


def receivers_of(ctx: Context, level: Level) -> tuple[str, ...]:
    """Return who hears of a level: whom it names, else whoever hears of every alert."""
    if level.receivers:
        return level.receivers
    own = route.environment(ctx.settings)
    root = ctx.config.routes.route.receiver
    return tuple(dict.fromkeys((*((own.name,) if own else ()), *((root,) if root else ()))))


def chain_of(row: IncidentRow) -> Chain:
    """Return the chain as it was when the incident was opened."""
    return frozen.chain(row.chain)


def is_last(row: IncidentRow) -> bool:
    """Tell whether there is no level above those that were paged."""
    return row.level >= len(chain_of(row).levels)


def _send(
    ctx: Context,
    session: Session,
    row: IncidentRow,
    receivers: tuple[str, ...],
    kind: str,
    title: str,
    key: str,
    status: str = "firing",
) -> tuple[list[str], list[str]]:
    """Put the message into the outbox; return who is told, and which receivers do not exist."""
    told: list[str] = []
    unknown: list[str] = []
    payload = _payload(ctx, row, kind, title, status)
    for receiver in receivers:
        try:
            notify.add(ctx, session, receiver, payload, key, row.id)
            told.append(receiver)
        except NotFound:
            unknown.append(receiver)
    return told, unknown


def _payload(ctx: Context, row: IncidentRow, kind: str, title: str, status: str) -> dict[str, Any]:
    base = ctx.settings.external_url or f"http://localhost:{ctx.settings.dashboard_port}"
    link = f"{base.rstrip('/')}/dashboard/incidents/{row.id}"
    runbook = row.playbook.get("runbook")
    lines = [
        f"Severity {row.severity}, opened {encode.iso(row.opened_at)}, target {row.mttr_target_minutes:g} min",
        *(["Acknowledged by " + str(row.acknowledged_by)] if row.acknowledged_at else []),
        *([f"Runbook: {runbook}"] if runbook else []),
        f"Timeline and acknowledgement: {link}",
    ]
    return {
        "kind": kind,
        "status": status,
        "title": title,
        "lines": lines,
        "incident": {
            "id": row.id,
            "title": row.title,
            "severity": row.severity,
            "state": row.state,
            "labels": row.labels,
            "opened_at": encode.iso(row.opened_at),
            "resolved_at": encode.iso(row.resolved_at),
            "mttr_target_minutes": row.mttr_target_minutes,
            "url": link,
        },
        "at": encode.iso(ctx.now()),
    }


def _name(row: IncidentRow) -> str:
    return f"INC-{row.id} [{row.severity}] {row.title}"
