"""The verbs of people: acknowledge, snooze, take over, resolve, escalate, note, approve, merge, split."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy.orm import Session

from memmon import encode
from memmon.alerts import service as alerts
from memmon.context import Context
from memmon.db.tables import IncidentAction, IncidentRow
from memmon.errors import BadInput, Conflict, NotFound, Refused
from memmon.incidents import correlate, frozen, ledger, pages, record, recovery, store, writing
from memmon.incidents.model import Ended, Place, Progress, Run
from memmon.jobs import Job
from memmon.state import counters, live

log = logging.getLogger(__name__)

Answer = tuple[dict[str, Any], list[Job]]

LONGEST_SNOOZE = 7 * 86400.0


def acknowledge(ctx: Context, number: int, by: str, comment: str = "") -> Answer:
    """Say that somebody is at it; nobody else is paged from here on. They are reminded, and where nothing more is heard of them the
    chain goes on. The automatic response goes on."""
    with _changing(ctx, number) as (session, row):
        if row.acknowledged_at:
            raise Conflict(f"incident {number} was acknowledged by {row.acknowledged_by} already")
        _acknowledge(ctx, row, by)
        ledger.note(session, number, ctx.now(), "acknowledged", by, comment or "acknowledged")
    _count_acknowledged(ctx, row)
    return _told(ctx, number), []


def take_over(ctx: Context, number: int, by: str, comment: str = "") -> Answer:
    """Be the one who is at it, whoever was before."""
    with _changing(ctx, number) as (session, row):
        before = row.acknowledged_by
        _acknowledge(ctx, row, by)
        said = f"took over from {before}" if before else "took over"
        ledger.note(session, number, ctx.now(), "acknowledged", by, f"{said}: {comment}" if comment else said)
    _count_acknowledged(ctx, row)
    return _told(ctx, number), []


def snooze(ctx: Context, number: int, by: str, seconds: float, comment: str = "") -> Answer:
    """Page nobody for a while; after it the chain goes on."""
    if not 0 < seconds <= LONGEST_SNOOZE:
        raise BadInput("seconds", "must be more than nothing and at most 7 days")
    with _changing(ctx, number) as (session, row):
        _acknowledge(ctx, row, by)
        row.acknowledged_until, row.remind_at = ctx.now() + seconds, None
        text = f"snoozed until {encode.iso(row.acknowledged_until)}" + (f": {comment}" if comment else "")
        ledger.note(session, number, ctx.now(), "acknowledged", by, text)
    _count_acknowledged(ctx, row)
    return _told(ctx, number), []


def _acknowledge(ctx: Context, row: IncidentRow, by: str) -> None:
    now, chain = ctx.now(), pages.chain_of(row)
    row.acknowledged_at, row.acknowledged_by, row.next_level_at = now, ledger.storable(by), None
    row.first_acknowledged_at = row.first_acknowledged_at or now
    row.acknowledged_until, row.remind_at = now + chain.unacknowledge, now + chain.remind


def _count_acknowledged(ctx: Context, row: IncidentRow) -> None:
    if row.first_acknowledged_at == row.acknowledged_at and row.acknowledged_at is not None:
        seconds = row.acknowledged_at - row.opened_at
        pairs = {"severity": row.severity}
        counters.observe(ctx.redis, "memmon_incident_time_to_acknowledge_seconds", pairs, seconds)


def heed(ctx: Context, session: Session, row: IncidentRow) -> bool:
    """See to an acknowledgement, within a transaction: remind, or let the chain go on where nothing more was heard. Tell
    whether something was sent or changed."""
    now, chain = ctx.now(), pages.chain_of(row)
    if row.acknowledged_until is not None and row.acknowledged_until <= now:
        text = f"nothing more was heard of {row.acknowledged_by}: the chain goes on"
        ledger.note(session, row.id, now, "unacknowledged", "memmon", text)
        row.acknowledged_at = row.acknowledged_by = row.acknowledged_until = row.remind_at = None
        row.next_level_at = now
        return True
    if row.remind_at is not None and row.remind_at <= now:
        pages.remind(ctx, session, row, int(now))
        row.remind_at = now + chain.remind
        return True
    return False


def _active(ctx: Context, row: IncidentRow) -> None:
    """Somebody does something: the time after which nothing was heard begins anew."""
    if row.acknowledged_at and row.remind_at is not None:
        chain = pages.chain_of(row)
        row.acknowledged_until, row.remind_at = ctx.now() + chain.unacknowledge, ctx.now() + chain.remind


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
    """Close an incident by hand; what had not begun is left undone, and what is to be taken back at the end is."""
    with _changing(ctx, number) as (session, row):
        jobs = _take_back(ctx, session, row)
        close(ctx, session, row, by, comment or "resolved by hand")
    closed(ctx, row)
    return _told(ctx, number), [*jobs, Job("notify.tick")]


def _take_back(ctx: Context, session: Session, row: IncidentRow) -> list[Job]:
    progress = frozen.progress(row.progress)
    done = {
        Place(one.stage, one.step, one.undo): Ended(one.state, one.finished_at)
        for one in store.actions(session, row.id)
        if one.round == progress.round
    }
    jobs: list[Job] = []
    for stage, step, undone in recovery.to_take_back(frozen.playbook(row.playbook), done, "end"):
        if undone is None:
            jobs += writing.write(ctx, session, row, Run(stage, step, undo=True), progress.round, ctx.now())
    return jobs


def close(ctx: Context, session: Session, row: IncidentRow, by: str, reason: str) -> None:
    """Close an incident within a transaction, and tell everybody who was paged; `closed` follows once it is committed."""
    now = ctx.now()
    row.state, row.open_key, row.due_at, row.next_level_at = "resolved", None, None, None
    row.acknowledged_until = row.remind_at = row.stuck_at = None
    row.resolved_at, row.resolved_by = now, ledger.storable(by)
    row.mitigated_at = row.mitigated_at or now
    store.cancel_actions(session, row.id, now)
    ledger.note(session, row.id, now, "resolved", by, reason)
    pages.over(ctx, session, row)


def closed(ctx: Context, row: IncidentRow) -> None:
    """Count an incident that was closed."""
    pairs = {"severity": row.severity}
    counters.add(ctx.redis, "memmon_incidents_resolved_total", pairs)
    for name, at in (("mitigate", row.mitigated_at), ("resolve", row.resolved_at)):
        if at is not None:
            counters.observe(ctx.redis, f"memmon_incident_time_to_{name}_seconds", pairs, max(0.0, at - row.opened_at))
    late = (row.mitigated_at or ctx.now()) - row.opened_at > row.mttr_target_minutes * 60
    if late:
        counters.add(ctx.redis, "memmon_incidents_over_target_total", pairs)
    log.info("incident %d resolved by %s", row.id, row.resolved_by)


def escalate(ctx: Context, number: int, by: str, comment: str = "") -> Answer:
    """Page the next level at once."""
    with _changing(ctx, number) as (session, row):
        _active(ctx, row)
        ledger.note(session, number, ctx.now(), "escalated", by, comment or "escalated by hand")
        pages.level(ctx, session, row, f"escalated by {by}", hurry=True)
    return _told(ctx, number), [Job("notify.tick")]


def note(ctx: Context, number: int, by: str, comment: str) -> Answer:
    """Add a line to the timeline; that may also be done after the end."""
    if not comment.strip():
        raise BadInput("comment", "must not be empty")
    with ctx.write() as session:
        row = store.get(session, number, lock=True)
        if row is None:
            raise NotFound(f"no incident {number}")
        _active(ctx, row)
        ledger.note(session, number, ctx.now(), "note", by, comment)
    return _told(ctx, number), []


def decide(
    ctx: Context, number: int, action: int, approve: bool, by: str, comment: str = "", known_as: Collection[str] = ()
) -> Answer:
    """Let an action that waits for approval be done, or not. Refused for somebody whose word it does not wait for; `known_as`
    are the names that whoever decides is known by, for certain."""
    now = ctx.now()
    with _changing(ctx, number) as (session, row):
        found = _action(session, number, action)
        wanted = writing.approval_of(row, found)
        if wanted and wanted.who and not set(wanted.who) & {*known_as}:
            raise Refused(f"action {action} waits for the word of {' or '.join(wanted.who)}")
        state = "waiting" if approve else "rejected"
        values = {"state": state, "due_at": now if approve else None, "finished_at": None if approve else now}
        if not store.change_action(session, found.id, "approval", found.attempts, **values):
            raise Conflict(f"action {action} is {found.state}, and does not wait for approval")
        _active(ctx, row)
        row.due_at = now
        text = f"{found.action} {'approved' if approve else 'rejected'}" + (f": {comment}" if comment else "")
        ledger.note(session, number, now, "approval", by, text, number=action)
        job = writing.job(found.id, found.timeout) if approve else Job("incidents.advance", (number,))
    return _told(ctx, number), [job]


def _action(session: Session, number: int, action: int) -> IncidentAction:
    found = next((one for one in store.actions(session, number) if one.number == action), None)
    if found is None:
        raise NotFound(f"incident {number} has no action {action}")
    return found


def merge(ctx: Context, number: int, into: int, by: str, comment: str = "") -> Answer:
    """Make an incident part of another one: its sources are that one's from here on, and it is closed."""
    if number == into:
        raise BadInput("into", "must be another incident")
    now = ctx.now()
    with ctx.write() as session:
        rows = {
            one: _open(session, one) for one in sorted((number, into))
        }  # In one order: two merges must not wait for each other.
        row, other = rows[number], rows[into]
        found = [(one.kind, one.source_id) for one in store.sources(session, number)]
        store.move_sources(session, number, into, found, now)
        other.progress = {**other.progress, "joined": True}
        other.due_at = now
        row.merged_into = into
        text = f"merged into incident {into}" + (f": {comment}" if comment else "")
        ledger.note(
            session,
            into,
            now,
            "merged",
            by,
            f"incident {number} is part of this one" + (f": {comment}" if comment else ""),
        )
        jobs = _take_back(ctx, session, row)
        close(ctx, session, row, by, text)
    closed(ctx, row)
    live.publish(ctx.redis, "incidents", {"id": number, "state": "resolved"})
    return _told(ctx, into), [*jobs, Job("incidents.advance", (into,)), Job("notify.tick")]


def split(ctx: Context, number: int, sources: Sequence[int], by: str, comment: str = "") -> Answer:
    """Open another incident for some of the alerts or events of one, given by their ids; the playbook begins for it anew."""
    now = ctx.now()
    with _changing(ctx, number) as (session, row):
        _active(ctx, row)
        found = [(one.kind, one.source_id) for one in store.sources(session, number)]
        wanted = [one for one in found if one[1] in set(sources)]
        missing = set(sources) - {one[1] for one in wanted}
        if missing or not wanted:
            raise BadInput(
                "sources", f"incident {number} has no source {', '.join(map(str, sorted(missing))) or 'at all'}"
            )
        if len(wanted) == len(found):
            raise BadInput("sources", "one at least must stay")
        key = correlate.short(f"{row.key} split from {number} at {now}")
        names = ("title", "severity", "playbook", "chain", "labels", "mttr_target_minutes", "began_at", "detected_at")
        kept = {name: getattr(row, name) for name in names}
        first = now + pages.chain_of(row).levels[0].after
        fresh = {"key": key, "open_key": key, "version": 1, "state": "open", "progress": Progress()._asdict()}
        times = {"opened_at": now, "responds_from": now, "due_at": now, "next_level_at": first}
        store.insert(session, {**kept, **fresh, **times, "level": 0, "pages": 0, "reopened": 0})
        other = store.open_for(session, key)
        assert other is not None
        store.move_sources(session, number, other.id, wanted, now)
        row.due_at = now
        said = f": {comment}" if comment else ""
        ledger.note(session, other.id, now, "opened", by, f"split from incident {number}{said}")
        ledger.note(
            session, number, now, "split", by, f"{len(wanted)} of its sources are incident {other.id} now{said}"
        )
    counters.add(ctx.redis, "memmimic_incidents_total", {"severity": other.severity})
    return _told(ctx, other.id), [Job("incidents.advance", (other.id,)), Job("incidents.advance", (number,))]


def _open(session: Session, number: int) -> IncidentRow:
    """Return an incident that is open, locked against other changes."""
    row = store.get(session, number, lock=True)
    if row is None:
        raise NotFound(f"no incident {number}")
    if row.open_key is None:
        raise Conflict(f"incident {number} is resolved")
    row.version += 1
    return row


@contextmanager
def _changing(ctx: Context, number: int) -> Iterator[tuple[Session, IncidentRow]]:
    """An incident that is open, locked against other changes until the end."""
    with ctx.write() as session:
        yield session, _open(session, number)


def _told(ctx: Context, number: int) -> dict[str, Any]:
    shown = record.show(ctx, number)
    live.publish(ctx.redis, "incidents", {"id": number, "state": shown["state"]})
    return shown
