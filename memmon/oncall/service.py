"""The verbs of on-call: who is, who will be, who instead."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from memmon import encode
from memmon.audit import service as audit
from memmon.config.escalation import Schedule
from memmon.context import Context
from memmon.errors import BadInput, NotFound
from memmon.oncall import calendars, ical
from memmon.oncall import schedule as oncall_schedule
from memmon.oncall import store as oncall_store
from memmon.oncall.schedule import Shift

DAY = 86400.0
AHEAD = 14
"""Days that are looked ahead for gaps."""


def current(ctx: Context, session: Session, name: str, at: float) -> Shift:
    """Return who is on call in a schedule at `at`; nobody for a schedule that is in no
    configuration any more.
    """
    schedule = ctx.config.escalation.schedule(name)
    if schedule is None:
        return Shift(at, at, None)
    return oncall_schedule.shift_at(schedule, _given(ctx, session, schedule, at, at + 1), at)


def _given(ctx: Context, session: Session, schedule: Schedule, start: float, end: float) -> list[Shift]:
    """Return the calendar shifts and overrides of a schedule; overrides come last and so take
    precedence.
    """
    calendar = calendars.events(ctx, session, schedule, start, end)
    rows = oncall_store.overrides(session, schedule.name, start, end)
    by_hand = [Shift(row.start, row.end, row.contact, "override") for row in rows]
    return [*calendar, *oncall_schedule.of_overrides(schedule), *by_hand]


def shifts(ctx: Context, name: str, start: float, days: float) -> list[Shift]:
    """Return who is on call for `days` from `start` on; NotFound for a schedule that is not
    there.
    """
    schedule = _known(ctx, name)
    if not 0 < days <= oncall_schedule.LONGEST:
        raise BadInput("days", f"must be more than nothing and at most {oncall_schedule.LONGEST}")
    end = start + days * DAY
    with ctx.read() as session:
        return oncall_schedule.shifts(schedule, _given(ctx, session, schedule, start, end), start, end)


def _known(ctx: Context, name: str) -> Schedule:
    schedule_ = ctx.config.escalation.schedule(name)
    if schedule_ is None:
        names = ", ".join(schedule.name for schedule in ctx.config.escalation.schedules) or "none is configured"
        raise NotFound(f"no schedule {name} in escalation.yml; there are: {names}")
    return schedule_


def overview(ctx: Context) -> list[dict[str, Any]]:
    """Return every schedule with who is on call now, who is next, the gaps of the days that come,
    and how its calendar is.
    """
    now = ctx.now()
    rows = []
    for schedule in ctx.config.escalation.schedules:
        coming = shifts(ctx, schedule.name, now, AHEAD)
        after = next((shift for shift in coming[1:] if shift.contact != coming[0].contact), None)
        rows.append(
            {
                "schedule": schedule.name,
                "timezone": schedule.timezone,
                "now": shift_json(ctx, coming[0]),
                "next": shift_json(ctx, after) if after else None,
                "gaps": [shift_json(ctx, gap) for gap in oncall_schedule.gaps(coming)],
                "calendar": _standing(ctx, schedule, now, now + AHEAD * DAY),
            }
        )
    return rows


def schedule(ctx: Context, name: str, days: float = AHEAD, start: float | None = None) -> dict[str, Any]:
    """Return {schedule, timezone, shifts, gaps, overrides, calendar} for the days that come."""
    start = ctx.now() if start is None else start
    plan = shifts(ctx, name, start, days)
    with ctx.read() as session:
        rows = oncall_store.overrides(session, name, ctx.now(), ctx.now() + 10 * 366 * DAY)
        overrides = [_override(row) for row in rows]
    return {
        "schedule": name,
        "timezone": _known(ctx, name).timezone,
        "shifts": [shift_json(ctx, shift) for shift in plan],
        "gaps": [shift_json(ctx, gap) for gap in oncall_schedule.gaps(plan)],
        "overrides": overrides,
        "calendar": _standing(ctx, _known(ctx, name), start, start + days * DAY),
    }


def _standing(ctx: Context, schedule: Schedule, start: float, end: float) -> dict[str, Any] | None:
    with ctx.read() as session:
        return calendars.standing(ctx, session, schedule, start, end)


def calendar(ctx: Context, name: str, days: float = 90) -> str:
    """Return the shifts that come as an iCalendar text."""
    return ical.write(name, shifts(ctx, name, ctx.now(), days), ctx.now())


def shift_json(ctx: Context, shift: Shift) -> dict[str, Any]:
    """Return a shift as it is shown."""
    contact = ctx.config.escalation.contact(shift.contact) if shift.contact else None
    return {
        "contact": shift.contact,
        "why": shift.why or None,
        "start": encode.iso(shift.start),
        "end": encode.iso(shift.end),
        "phone": contact.phone if contact else "",
        "receivers": list(contact.receivers) if contact else [],
    }


def override(ctx: Context, name: str, contact: str, start: float, end: float, by: str) -> dict[str, Any]:
    """Let `contact` be on call instead of who would be, from `start` to `end` (Unix seconds)."""
    _known(ctx, name)
    if ctx.config.escalation.contact(contact) is None:
        raise BadInput("contact", f"{contact} is no contact in escalation.yml")
    if not start < end <= start + oncall_schedule.LONGEST * DAY:
        raise BadInput("end", f"must be after the start, by {oncall_schedule.LONGEST} days at most")
    if end <= ctx.now():
        raise BadInput("end", "is past already")
    values = {"schedule": name, "contact": contact, "start": start, "end": end, "by": audit.storable(by)}
    with ctx.write() as session:
        row = oncall_store.add_override(session, {**values, "created_at": ctx.now()})
        text = f"{contact} is on call in {name} from {encode.iso(start)} to {encode.iso(end)}"
        audit.note(session, None, ctx.now(), "override", by, text)
        return _override(row)


def withdraw(ctx: Context, override_id: int, by: str) -> None:
    """Take an override back."""
    with ctx.write() as session:
        row = oncall_store.remove_override(session, override_id)
        if row is None:
            raise NotFound(f"no override {override_id}")
        audit.note(session, None, ctx.now(), "override", by, f"{row.contact} is not on call in {row.schedule} instead")


def _override(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "schedule": row.schedule,
        "contact": row.contact,
        "start": encode.iso(row.start),
        "end": encode.iso(row.end),
        "by": row.by,
    }
