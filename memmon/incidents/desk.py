"""The verbs of people: acknowledge, resolve, escalate, note, approve."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy.orm import Session

from memmon.alerts import service as alerts
from memmon.context import Context
from memmon.db.tables import IncidentRow
from memmon.errors import BadInput, Conflict, NotFound
from memmon.incidents import pages, record, store
from memmon.jobs import Job
from memmon.state import counters, live

log = logging.getLogger(__name__)

Answer = tuple[dict[str, Any], list[Job]]


def acknowledge(ctx: Context, number: int, by: str, comment: str = "") -> Answer:
    """Say that somebody is at it; nobody else is paged from here on. The automatic response goes on."""
    with _changing(ctx, number) as (session, row):
        if row.acknowledged_at:
            raise Conflict(f"incident {number} was acknowledged by {row.acknowledged_by} already")
        row.acknowledged_at, row.acknowledged_by, row.next_level_at = ctx.now(), store.storable(by), None
        store.note(session, number, ctx.now(), "acknowledged", by, comment or "acknowledged")
    return _told(ctx, number), []


def acknowledge_alert(
    ctx: Context, number: int, by: str, comment: str = "", seconds: float | None = None
) -> dict[str, Any]:
    """Say that somebody cares about a firing alert, see `alerts.acknowledge`; return it. With it an open incident is acknowledged,
    so that nobody else is paged, once somebody cares about all its alerts that fire."""
    shown = alerts.acknowledge(ctx, number, by, comment, seconds)
    cared = {one["id"] for one in alerts.firing(ctx) if one["status"] == "acknowledged"}
    firing = {one for one, _, _ in alerts.firing_labels(ctx)}
    with ctx.read() as session:
        mine = [
            incident
            for incident, own in store.open_sources(session, "alert").items()
            if number in own and own & firing <= cared
        ]
    for incident in mine:
        with suppress(Conflict):  # Somebody has acknowledged it already.
            acknowledge(ctx, incident, by, comment or f"alert {number} was acknowledged")
    return shown


def resolve(ctx: Context, number: int, by: str, comment: str = "") -> Answer:
    """Close an incident by hand; what had not begun is left undone."""
    with _changing(ctx, number) as (session, row):
        close(ctx, session, row, by, comment or "resolved by hand")
    closed(ctx, row)
    return _told(ctx, number), [Job("notify.tick")]


def close(ctx: Context, session: Session, row: IncidentRow, by: str, reason: str) -> None:
    """Close an incident within a transaction, and tell everybody who was paged; `closed` follows once it is committed."""
    now = ctx.now()
    row.state, row.open_key, row.due_at, row.next_level_at = "resolved", None, None, None
    row.resolved_at, row.resolved_by = now, store.storable(by)
    row.mitigated_at = row.mitigated_at or now
    store.cancel_actions(session, row.id, now)
    store.note(session, row.id, now, "resolved", by, reason)
    pages.over(ctx, session, row)


def closed(ctx: Context, row: IncidentRow) -> None:
    """Count an incident that was closed."""
    counters.add(ctx.redis, "memmon_incidents_resolved_total", {"severity": row.severity})
    log.info("incident %d resolved by %s", row.id, row.resolved_by)


def escalate(ctx: Context, number: int, by: str, comment: str = "") -> Answer:
    """Page the next level at once."""
    with _changing(ctx, number) as (session, row):
        store.note(session, number, ctx.now(), "escalated", by, comment or "escalated by hand")
        pages.level(ctx, session, row, f"escalated by {by}")
    return _told(ctx, number), [Job("notify.tick")]


def note(ctx: Context, number: int, by: str, comment: str) -> Answer:
    """Add a line to the timeline; that may also be done after the end."""
    if not comment.strip():
        raise BadInput("comment", "must not be empty")
    with ctx.write() as session:
        if store.get(session, number) is None:
            raise NotFound(f"no incident {number}")
        store.note(session, number, ctx.now(), "note", by, comment)
    return _told(ctx, number), []


def decide(ctx: Context, number: int, action: int, approve: bool, by: str, comment: str = "") -> Answer:
    """Let an action that waits for approval be done, or not."""
    now = ctx.now()
    with _changing(ctx, number) as (session, row):
        found = next((one for one in store.actions(session, number) if one.number == action), None)
        if found is None:
            raise NotFound(f"incident {number} has no action {action}")
        state = "waiting" if approve else "rejected"
        values = {"state": state, "due_at": now if approve else None, "finished_at": None if approve else now}
        if not store.change_action(session, found.id, "approval", found.attempts, **values):
            raise Conflict(f"action {action} is {found.state}, and does not wait for approval")
        row.due_at = now
        text = f"{found.action} {'approved' if approve else 'rejected'}" + (f": {comment}" if comment else "")
        store.note(session, number, now, "approval", by, text, number=action)
        job = Job("incidents.act", (found.id,)) if approve else Job("incidents.advance", (number,))
    return _told(ctx, number), [job]


@contextmanager
def _changing(ctx: Context, number: int) -> Iterator[tuple[Session, IncidentRow]]:
    """An incident that is open, locked against other changes until the end."""
    with ctx.write() as session:
        row = store.get(session, number, lock=True)
        if row is None:
            raise NotFound(f"no incident {number}")
        if row.open_key is None:
            raise Conflict(f"incident {number} is resolved")
        row.version += 1
        yield session, row


def _told(ctx: Context, number: int) -> dict[str, Any]:
    shown = record.show(ctx, number)
    live.publish(ctx.redis, "incidents", {"id": number, "state": shown["state"]})
    return shown
