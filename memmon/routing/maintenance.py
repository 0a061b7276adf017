"""The verbs of maintenance windows: plan, approve, end early, show what comes."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from memmon import encode
from memmon.context import Context
from memmon.db.tables import MaintenanceRow
from memmon.errors import BadInput, Conflict, NotFound
from memmon.promql.matcher import Matcher
from memmon.routing import recurrence, store
from memmon.routing.matcher import checked, op_of, to_json
from memmon.routing.mute import Window
from memmon.routing.recurrence import Schedule
from memmon.state import live

log = logging.getLogger(__name__)


def plan(
    ctx: Context,
    name: str,
    matchers: Sequence[Matcher],
    given: Mapping[str, Any],
    by: str,
    comment: str = "",
    needs_approval: bool = False,
) -> dict[str, Any]:
    """Make a window that comes as `given` says (`recurrence.schedule`); one that needs approval mutes nothing before it has it."""
    now = ctx.now()
    if not name:
        raise BadInput("name", "must not be empty")
    matchers = [checked(*one) for one in matchers]
    if all(matcher.accepts(()) for matcher in matchers):
        raise BadInput("matchers", "at least one matcher must not match an empty label")
    when = recurrence.schedule(given, now)
    last = when.start + when.duration if when.kind == "once" else when.until
    if not recurrence.occurrences(when, now, 1):
        raise BadInput("start", "no occurrence of it is still to come")
    row = MaintenanceRow(
        name=name,
        matchers=[to_json(one) for one in matchers],
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
        made = shown(row, now)
    log.info("maintenance %s by %s: %s", row.id, by, name)
    live.publish(ctx.redis, "alerts", {"maintenance": row.id})
    return made


def approve(ctx: Context, number: int, by: str) -> dict[str, Any]:
    """Agree to a window of somebody else's."""
    with ctx.write() as session:
        row = _get(session, number)
        if row.approved_at is not None:
            raise Conflict(f"maintenance {number} is approved already")
        if row.created_by == by:
            raise Conflict(f"maintenance {number} must be approved by somebody else than {by}, who planned it")
        row.approved_by, row.approved_at = by, ctx.now()
        found = shown(row, ctx.now())
    live.publish(ctx.redis, "alerts", {"maintenance": number})
    return found


def end(ctx: Context, number: int, by: str) -> dict[str, Any]:
    """End the occurrence that holds now; later ones come as they would."""
    now = ctx.now()
    with ctx.write() as session:
        row = _get(session, number)
        held = _window(row, now)
        if held is None:
            raise Conflict(f"maintenance {number} does not hold now")
        row.ended = {**row.ended, str(held.start): {"at": now, "by": by}}
        found = shown(row, now)
    live.publish(ctx.redis, "alerts", {"maintenance": number})
    return found


def cancel(ctx: Context, number: int) -> None:
    """Forget a window with all its occurrences to come."""
    with ctx.write() as session:
        session.delete(_get(session, number))
    live.publish(ctx.redis, "alerts", {"maintenance": number})


def preview(given: Mapping[str, Any], now: float, limit: int = 10) -> list[dict[str, Any]]:
    """Return the next occurrences of a schedule that nobody has saved yet."""
    return [_occurrence(*one) for one in recurrence.occurrences(recurrence.schedule(given, now), now, limit)]


def windows(ctx: Context) -> list[dict[str, Any]]:
    """Return every window that holds or will come again, with its next occurrences."""
    now = ctx.now()
    with ctx.read() as session:
        return [shown(row, now) for row in store.maintenances(session, now)]


def get(ctx: Context, number: int) -> dict[str, Any]:
    """Return one window."""
    with ctx.read() as session:
        return shown(_get(session, number), ctx.now())


def in_force(session: Session, now: float) -> list[Window]:
    """Return the windows that hold now."""
    found = (_window(row, now) for row in store.maintenances(session, now) if row.approved_at is not None)
    return [one for one in found if one is not None]


def _get(session: Session, number: int) -> MaintenanceRow:
    row = session.get(MaintenanceRow, number, with_for_update=True)
    if row is None:
        raise NotFound(f"no maintenance {number}")
    return row


def _window(row: MaintenanceRow, now: float) -> Window | None:
    held = recurrence.current(Schedule(**row.schedule), now)
    if held is None or str(held.start) in row.ended:
        return None
    matchers = tuple(Matcher(one["name"], op_of(one), one["value"]) for one in row.matchers)
    return Window(row.id, row.name, matchers, held.start, held.end)


def shown(row: MaintenanceRow, now: float) -> dict[str, Any]:
    """Return a window as the API shows it."""
    when = Schedule(**row.schedule)
    held = _window(row, now) if row.approved_at is not None else None
    state = "awaiting approval" if row.approved_at is None else "active" if held else "planned"
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
        "next": [_occurrence(*one) for one in following],
        "ended_early": row.ended,
    }


def _occurrence(start: float, end: float) -> dict[str, Any]:
    return {"start": encode.iso(start), "end": encode.iso(end)}
