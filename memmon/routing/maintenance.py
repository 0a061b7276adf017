"""The verbs of maintenance windows: plan, approve, end early, show what comes."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from memmon import encode
from memmon.context import Context
from memmon.errors import BadInput, Conflict, NotFound
from memmon.promql.matcher import Matcher
from memmon.routing import recurrence, store
from memmon.routing.matcher import checked, op_of, to_json
from memmon.routing.mute import MaintenanceWindow
from memmon.routing.recurrence import WindowSchedule
from memmon.routing.tables import MaintenanceRow
from memmon.state import live

log = logging.getLogger(__name__)


def plan(
    ctx: Context,
    name: str,
    matchers: Sequence[Matcher],
    schedule: Mapping[str, Any],
    by: str,
    comment: str = "",
    needs_approval: bool = False,
) -> dict[str, Any]:
    """Create a window with the given schedule (see `recurrence.schedule`); while it needs approval
    it suppresses nothing.
    """
    now = ctx.now()
    if not name:
        raise BadInput("name", "must not be empty")
    matchers = [checked(*matcher) for matcher in matchers]
    if all(matcher.accepts(()) for matcher in matchers):
        raise BadInput("matchers", "at least one matcher must not match an empty label")
    when = recurrence.schedule(schedule, now)
    last = when.start + when.duration if when.kind == "once" else when.until
    if not recurrence.occurrences(when, now, 1):
        raise BadInput("start", "no occurrence of it is still to come")
    row = MaintenanceRow(
        name=name,
        matchers=[to_json(matcher) for matcher in matchers],
        schedule=when._asdict(),
        created_by=by,
        created_at=now,
        comment=comment,
        approved_by=None if needs_approval else by,
        approved_at=None if needs_approval else now,
        ended={},
        until=None if last is None else last + when.duration,
    )
    with ctx.write() as session:
        session.add(row)
        session.flush()
        window = window_json(row, now)
    log.info("maintenance %s by %s: %s", row.id, by, name)
    live.publish(ctx.redis, "alerts", {"maintenance": row.id})
    return window


def approve(ctx: Context, window_id: int, by: str) -> dict[str, Any]:
    """Approve a window that another person planned."""
    with ctx.write() as session:
        row = _get(session, window_id)
        if row.approved_at is not None:
            raise Conflict(f"maintenance {window_id} is approved already")
        if row.created_by == by:
            raise Conflict(f"maintenance {window_id} must be approved by a person other than {by}, who planned it")
        row.approved_by, row.approved_at = by, ctx.now()
        window = window_json(row, ctx.now())
    live.publish(ctx.redis, "alerts", {"maintenance": window_id})
    return window


def end(ctx: Context, window_id: int, by: str) -> dict[str, Any]:
    """End the occurrence that holds now; later ones come as they would."""
    now = ctx.now()
    with ctx.write() as session:
        row = _get(session, window_id)
        current_window = _window(row, now)
        if current_window is None:
            raise Conflict(f"maintenance {window_id} does not hold now")
        row.ended = {**row.ended, str(current_window.start): {"at": now, "by": by}}
        window = window_json(row, now)
    live.publish(ctx.redis, "alerts", {"maintenance": window_id})
    return window


def cancel(ctx: Context, window_id: int) -> None:
    """Forget a window with all its occurrences to come."""
    with ctx.write() as session:
        session.delete(_get(session, window_id))
    live.publish(ctx.redis, "alerts", {"maintenance": window_id})


def preview(schedule: Mapping[str, Any], now: float, limit: int = 10) -> list[dict[str, Any]]:
    """Return the next occurrences of a schedule that nobody has saved yet."""
    return [
        _occurrence(*occurrence)
        for occurrence in recurrence.occurrences(recurrence.schedule(schedule, now), now, limit)
    ]


def windows(ctx: Context) -> list[dict[str, Any]]:
    """Return every window that holds or will come again, with its next occurrences."""
    now = ctx.now()
    with ctx.read() as session:
        return [window_json(row, now) for row in store.maintenances(session, now)]


def get(ctx: Context, window_id: int) -> dict[str, Any]:
    """Return one window."""
    with ctx.read() as session:
        return window_json(_get(session, window_id), ctx.now())


def in_force(session: Session, now: float) -> list[MaintenanceWindow]:
    """Return the windows that hold now."""
    windows_ = (_window(row, now) for row in store.maintenances(session, now) if row.approved_at is not None)
    return [window for window in windows_ if window is not None]


def _get(session: Session, window_id: int) -> MaintenanceRow:
    row = session.get(MaintenanceRow, window_id, with_for_update=True)
    if row is None:
        raise NotFound(f"no maintenance {window_id}")
    return row


def _window(row: MaintenanceRow, now: float) -> MaintenanceWindow | None:
    occurrence = recurrence.current(WindowSchedule(**row.schedule), now)
    if occurrence is None or str(occurrence.start) in row.ended:
        return None
    matchers = tuple(Matcher(matcher["name"], op_of(matcher), matcher["value"]) for matcher in row.matchers)
    return MaintenanceWindow(row.id, row.name, matchers, occurrence.start, occurrence.end)


def window_json(row: MaintenanceRow, now: float) -> dict[str, Any]:
    """Return a window as the API shows it."""
    when = WindowSchedule(**row.schedule)
    current_window = _window(row, now) if row.approved_at is not None else None
    state = "awaiting approval" if row.approved_at is None else "active" if current_window else "planned"
    following = [o for o in recurrence.occurrences(when, now, 5) if str(o.start) not in row.ended]
    if not following:
        state = "over"
    return {
        "id": row.id,
        "name": row.name,
        "state": state,
        "matchers": row.matchers,
        "schedule": {name: value for name, value in row.schedule.items() if value not in (None, "")},
        "created_by": row.created_by,
        "created_at": encode.iso(row.created_at),
        "comment": row.comment,
        "approved_by": row.approved_by,
        "approved_at": encode.iso(row.approved_at),
        "next": [_occurrence(*occurrence) for occurrence in following],
        "ended_early": row.ended,
    }


def _occurrence(start: float, end: float) -> dict[str, Any]:
    return {"start": encode.iso(start), "end": encode.iso(end)}
