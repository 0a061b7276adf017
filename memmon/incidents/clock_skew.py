"""Handles a clock that was set back. Waiting rows would wait longer by that step, so their times
are shifted.

What a worker holds keeps its time: no claim becomes shorter than it was, so that nothing is done by
two. Lines of the record stay as they were signed.
"""

from __future__ import annotations

import socket

from sqlalchemy import delete
from sqlalchemy.orm import Session

from memmon.audit import service as audit
from memmon.context import Context
from memmon.db import upsert
from memmon.incidents import action_store, store
from memmon.incidents.tables import ClockMark, IncidentAction, IncidentRow

LEAST = 60.0
"""Seconds by which clocks of a fleet may differ, and are set, without being noticed."""

SINCE = 120.0
"""Seconds between two audits; newer timestamps may come from before the step."""

FORGOTTEN = 86400.0
"""Seconds after which a host that has not looked is forgotten."""

OF_INCIDENT = (
    *("began_at", "detected_at", "opened_at", "responds_from", "first_acknowledged_at", "acknowledged_at"),
    *("acknowledged_until", "remind_at", "mitigated_at", "next_level_at", "stuck_at"),
)
OF_ACTION = ("created_at", "due_at", "held_since", "started_at", "finished_at")
OF_PROGRESS = ("acted_at", "held_since")


def follow(ctx: Context, now: float, host: str | None = None) -> float:
    """Return by how many seconds the clock of `host` (this one) was set back since the last call, 0
    when it was not; open incidents have followed it. That clocks of hosts differ is no reason to
    move anything.
    """
    host = host or socket.gethostname()
    with ctx.write() as session:
        mark = session.get(ClockMark, host, with_for_update=True)
        by = mark.at - now if mark is not None else 0.0
        upsert.replace(session, ClockMark, [{"host": host, "at": now}], ["host"])
        # Containers come and go.
        session.execute(delete(ClockMark).where(ClockMark.at < now - FORGOTTEN))
        if by <= LEAST:
            return 0.0
        for row in store.open_rows(session):
            _incident(session, row, by, now)
        # Guardrails also count finished runs.
        for action in action_store.open_or_ahead(session, now):
            if not _is_new(action.started_at or action.created_at, now):
                _move(action, OF_ACTION, by, now)
    return by


def _incident(session: Session, row: IncidentRow, by: float, now: float) -> None:
    if _is_new(row.responds_from, now) and audit.entries(session, row.id)[-1].at <= now:
        return  # It was opened since.
    _move(row, OF_INCIDENT, by, now)
    times = {name: row.progress.get(name) for name in OF_PROGRESS}
    row.progress = {**row.progress, **{name: _moved(at, by, now) for name, at in times.items()}}
    row.due_at, row.version = now, row.version + 1
    text = f"the clock was set back by {by:.0f} s, and the times of this incident with it"
    audit.note(session, row.id, now, "audit", "memmon", text, seconds=round(by, 3))


def _move(row: IncidentRow | IncidentAction, names: tuple[str, ...], by: float, now: float) -> None:
    for name in names:
        setattr(row, name, _moved(getattr(row, name), by, now))


def _moved(at: float | None, by: float, now: float) -> float | None:
    return at if at is None or _is_new(at, now) else at - by


def _is_new(at: float, now: float) -> bool:
    return now - SINCE <= at <= now
