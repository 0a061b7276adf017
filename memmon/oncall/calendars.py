"""The verbs of on-call calendars: files of the configuration, and addresses that are asked every
quarter of an hour.

Of an address the last good copy is kept in SQL: who is paged must not depend on whether it answers
at this moment.
"""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from memmon import encode, outbound
from memmon.audit import service as audit
from memmon.config.escalation import Schedule
from memmon.context import Context
from memmon.errors import BadInput, MemmonError, Permanent, Transient
from memmon.oncall import ical
from memmon.oncall import store as oncall_store
from memmon.oncall.schedule import Shift
from memmon.state import counters, lease

log = logging.getLogger(__name__)

EVERY = 900.0
AGAIN = 60.0
"""Seconds until an address that gave no calendar is asked again."""
WITHIN = 10.0


def due(ctx: Context) -> list[str]:
    """Return the schedules whose calendars are due for a fetch, at most once a minute."""
    urls = {
        schedule.name: schedule.calendar_url for schedule in ctx.config.escalation.schedules if schedule.calendar_url
    }
    now = ctx.now()
    if not urls or not lease.claim_period(ctx.redis, "calendars", AGAIN, now):
        return []
    due_schedules = []
    with ctx.read() as session:
        for name, url in urls.items():
            row = oncall_store.calendar(session, name, url)
            # Each minute's look comes a moment early or late; a time ahead is of a clock that was
            # set back.
            if row is None or not 0 <= now - row.tried_at < (AGAIN if row.error else EVERY) - AGAIN / 2:
                due_schedules.append(name)
    return due_schedules


def fetch(ctx: Context, name: str) -> None:
    """Get the calendar of a schedule, and keep it where it is one; else the copy that is there
    stays, and why is said.
    """
    schedule = ctx.config.escalation.schedule(name)
    url = schedule.calendar_url if schedule else None
    if url is None:
        return
    values: dict[str, Any] = {"schedule": name, "url": url, "tried_at": ctx.now()}
    try:
        values |= {"text": _got(url), "fetched_at": ctx.now(), "error": ""}
    except MemmonError as error:
        log.warning("the calendar of %s could not be fetched: %s", name, error)
        counters.add(ctx.redis, "memmon_calendars_failed_total", {"schedule": name})
        values["error"] = audit.storable(str(error)[:500])
    with ctx.write() as session:
        row = oncall_store.calendar(session, name, url)
        stored = {"text": row.text if row else "", "fetched_at": row.fetched_at if row else None}
        oncall_store.save_calendar(session, {**stored, **values})
        oncall_store.forget_calendars(session, [s.name for s in ctx.config.escalation.schedules if s.calendar_url])


def _got(url: str) -> str:
    """Return the text of the calendar at an address of the operator's, which may be a private
    one.
    """
    answer = outbound.request("GET", url, headers={"Accept": "text/calendar"}, timeout=WITHIN, allow_private=True)
    host = urlsplit(url).hostname
    if answer.status == 429 or answer.status >= 500:
        raise Transient(f"{host} answered with {answer.status}")
    if answer.status != 200:
        why = ", and redirects are not followed" if 300 <= answer.status < 400 else ""
        raise Permanent(f"{host} answered with {answer.status}{why}")
    if len(answer.body) >= outbound.MAX_ANSWER_BYTES:
        raise Permanent(f"{host}: the calendar is larger than {outbound.MAX_ANSWER_BYTES} bytes")
    text = audit.storable(answer.body.decode(errors="replace"))
    try:
        ical.left_out(text)
    except BadInput as error:
        raise Permanent(f"{host}: its answer {error.message}") from error
    return text


def events(ctx: Context, session: Session, schedule: Schedule, start: float, end: float) -> list[Shift]:
    """Return the shifts of the calendar between `start` and `end`. Events without a contact's name
    are skipped, since calendars hold other events too.
    """
    names = {contact.name.casefold(): contact.name for contact in ctx.config.escalation.contacts}
    shifts = _all(session, schedule, start, end)
    return [shift._replace(contact=names[_word(shift)]) for shift in shifts if _word(shift) in names]


def _word(event: Shift) -> str:
    return (event.contact or "").casefold()


def _all(session: Session, schedule: Schedule, start: float, end: float) -> list[Shift]:
    text = _text(session, schedule)
    try:
        return ical.read(text, schedule.timezone, start, end) if text else []
    except Exception:  # A broken calendar must not stop paging: the rotations apply.
        log.exception("the calendar of %s cannot be read", schedule.name)
        return []


def _text(session: Session, schedule: Schedule) -> str | None:
    if schedule.calendar_url is None:
        return schedule.calendar
    row = oncall_store.calendar(session, schedule.name, schedule.calendar_url)
    return row.text if row else None


def standing(ctx: Context, session: Session, schedule: Schedule, start: float, end: float) -> dict[str, Any] | None:
    """Return {source, fetched_at, error, left_out} of a schedule's calendar: its origin, the last
    successful fetch, the error since then, and the events between `start` and `end` that name no
    contact. None without a calendar.
    """
    if schedule.ical is None:
        return None
    url, text = schedule.calendar_url, _text(session, schedule)
    row = oncall_store.calendar(session, schedule.name, url) if url else None
    contacts = {contact.name.casefold() for contact in ctx.config.escalation.contacts}
    unknown_names = {shift.contact for shift in _all(session, schedule, start, end) if _word(shift) not in contacts}
    missing = "it was not fetched yet" if url and row is None else ""
    return {
        "source": urlsplit(url).hostname if url else schedule.ical,
        "fetched_at": encode.iso(row.fetched_at) if row else None,
        "error": (row.error if row else missing) or None,
        "left_out": [
            *(ical.left_out(text) if text else ()),
            *(f"{name_}: is no contact" for name_ in sorted(map(str, unknown_names))),
        ],
    }
