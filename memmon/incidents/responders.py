"""Commands of people: acknowledge, snooze, take over, resolve, escalate, note, approve. Merging and
splitting are in `merging`.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy.orm import Session

from memmon import encode
from memmon.alerts import service as alerts
from memmon.audit import service as audit
from memmon.context import Context
from memmon.errors import BadInput, Conflict, NotFound, Refused
from memmon.incidents import action_queue, action_store, paging, queries, recovery, snapshot, store
from memmon.incidents.model import Ended, Run, StepKey
from memmon.incidents.tables import IncidentAction, IncidentRow
from memmon.jobs import Job
from memmon.state import counters, live

log = logging.getLogger(__name__)

Answer = tuple[dict[str, Any], list[Job]]

LONGEST_SNOOZE = 7 * 86400.0


def acknowledge(ctx: Context, incident_id: int, by: str, comment: str = "") -> Answer:
    """Acknowledge the incident. Nobody else is paged; the person is reminded, and escalation
    resumes without activity. The automated response continues.
    """
    with changing(ctx, incident_id) as (session, row):
        if row.acknowledged_at:
            raise Conflict(f"incident {incident_id} was acknowledged by {row.acknowledged_by} already")
        _acknowledge(ctx, row, by)
        audit.note(session, incident_id, ctx.now(), "acknowledged", by, comment or "acknowledged")
    _count_acknowledged(ctx, row)
    return publish_change(ctx, incident_id), []


def take_over(ctx: Context, incident_id: int, by: str, comment: str = "") -> Answer:
    """Take over the incident from the person who acknowledged it."""
    with changing(ctx, incident_id) as (session, row):
        before = row.acknowledged_by
        _acknowledge(ctx, row, by)
        text = f"took over from {before}" if before else "took over"
        audit.note(session, incident_id, ctx.now(), "acknowledged", by, f"{text}: {comment}" if comment else text)
    _count_acknowledged(ctx, row)
    return publish_change(ctx, incident_id), []


def snooze(ctx: Context, incident_id: int, by: str, seconds: float, comment: str = "") -> Answer:
    """Pause pages for a while; escalation resumes afterwards."""
    if not 0 < seconds <= LONGEST_SNOOZE:
        raise BadInput("seconds", "must be more than nothing and at most 7 days")
    with changing(ctx, incident_id) as (session, row):
        _acknowledge(ctx, row, by)
        row.acknowledged_until, row.remind_at = ctx.now() + seconds, None
        text = f"snoozed until {encode.iso(row.acknowledged_until)}" + (f": {comment}" if comment else "")
        audit.note(session, incident_id, ctx.now(), "acknowledged", by, text)
    _count_acknowledged(ctx, row)
    return publish_change(ctx, incident_id), []


def _acknowledge(ctx: Context, row: IncidentRow, by: str) -> None:
    now, chain = ctx.now(), paging.chain_of(row)
    row.acknowledged_at, row.acknowledged_by, row.next_level_at = now, audit.storable(by), None
    row.first_acknowledged_at = row.first_acknowledged_at or now
    row.acknowledged_until, row.remind_at = now + chain.unacknowledge, now + chain.remind


def _count_acknowledged(ctx: Context, row: IncidentRow) -> None:
    if row.first_acknowledged_at == row.acknowledged_at and row.acknowledged_at is not None:
        seconds = row.acknowledged_at - row.opened_at
        pairs = {"severity": row.severity}
        counters.observe(ctx.redis, "memmon_incident_time_to_acknowledge_seconds", pairs, seconds)


def expire_acknowledgement(ctx: Context, session: Session, row: IncidentRow) -> bool:
    """See to an acknowledgement, within a transaction: remind, or let the chain go on where nothing
    more was heard. Tell whether something was sent or changed.
    """
    now, chain = ctx.now(), paging.chain_of(row)
    if row.acknowledged_until is not None and row.acknowledged_until <= now:
        text = f"no activity of {row.acknowledged_by}: escalation resumes"
        audit.note(session, row.id, now, "unacknowledged", "memmon", text)
        row.acknowledged_at = row.acknowledged_by = row.acknowledged_until = row.remind_at = None
        row.next_level_at = now
        return True
    if row.remind_at is not None and row.remind_at <= now:
        paging.remind(ctx, session, row, int(now))
        row.remind_at = now + chain.remind
        return True
    return False


def record_activity(ctx: Context, row: IncidentRow) -> None:
    """Record activity of a person: the time without activity starts again."""
    if row.acknowledged_at and row.remind_at is not None:
        chain = paging.chain_of(row)
        row.acknowledged_until, row.remind_at = ctx.now() + chain.unacknowledge, ctx.now() + chain.remind


def acknowledge_alert(
    ctx: Context, alert_id: int, by: str, comment: str = "", seconds: float | None = None
) -> dict[str, Any]:
    """Acknowledge a firing alert, see `alerts.acknowledge`, and return it. Once all firing alerts
    of an open incident are acknowledged, the incident is acknowledged too, so that nobody else is
    paged.
    """
    alert = alerts.acknowledge(ctx, alert_id, by, comment, seconds)
    cared = {alert["id"] for alert in alerts.firing(ctx) if alert["status"] == "acknowledged"}
    firing = {firing_id for firing_id, _, _ in alerts.firing_labels(ctx)}
    with ctx.read() as session:
        mine = [
            incident
            for incident, alert_ids in store.open_sources(session, "alert").items()
            if alert_id in alert_ids and alert_ids & firing <= cared
        ]
    for incident in mine:
        with suppress(Conflict):  # The incident is acknowledged already.
            acknowledge(ctx, incident, by, comment or f"alert {alert_id} was acknowledged")
    return alert


def resolve(ctx: Context, incident_id: int, by: str, comment: str = "") -> Answer:
    """Close an incident by hand. Waiting actions are cancelled, and rollbacks due at the end
    run.
    """
    with changing(ctx, incident_id) as (session, row):
        jobs = create_end_rollbacks(ctx, session, row)
        close(ctx, session, row, by, comment or "resolved by hand")
    closed(ctx, row)
    return publish_change(ctx, incident_id), [*jobs, Job("notify.tick")]


def create_end_rollbacks(ctx: Context, session: Session, row: IncidentRow) -> list[Job]:
    """Write down the rollbacks that the end of an incident asks for, within a transaction."""
    progress = snapshot.progress(row.progress)
    done = {
        StepKey(action.stage, action.step, action.undo): Ended(action.state, action.finished_at)
        for action in action_store.of(session, row.id)
        if action.round == progress.round
    }
    jobs: list[Job] = []
    for stage, step, undone in recovery.to_take_back(snapshot.playbook(row.playbook), done, "end"):
        if undone is None:
            jobs += action_queue.write(ctx, session, row, Run(stage, step, undo=True), progress.round, ctx.now())
    return jobs


def close(ctx: Context, session: Session, row: IncidentRow, by: str, reason: str) -> None:
    """Close an incident within a transaction, and tell everybody who was paged; `closed` follows
    once it is committed.
    """
    now = ctx.now()
    row.state, row.open_key, row.due_at, row.next_level_at = "resolved", None, None, None
    row.acknowledged_until = row.remind_at = row.stuck_at = None
    row.resolved_at, row.resolved_by = now, audit.storable(by)
    row.mitigated_at = row.mitigated_at or now
    action_store.cancel(session, row.id, now)
    audit.note(session, row.id, now, "resolved", by, reason)
    paging.over(ctx, session, row)


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


def escalate(ctx: Context, incident_id: int, by: str, comment: str = "") -> Answer:
    """Page the next level at once."""
    with changing(ctx, incident_id) as (session, row):
        record_activity(ctx, row)
        audit.note(session, incident_id, ctx.now(), "escalated", by, comment or "escalated by hand")
        paging.level(ctx, session, row, f"escalated by {by}", hurry=True)
    return publish_change(ctx, incident_id), [Job("notify.tick")]


def note(ctx: Context, incident_id: int, by: str, comment: str) -> Answer:
    """Add a line to the timeline; that may also be done after the end."""
    if not comment.strip():
        raise BadInput("comment", "must not be empty")
    with ctx.write() as session:
        row = store.get(session, incident_id, lock=True)
        if row is None:
            raise NotFound(f"no incident {incident_id}")
        record_activity(ctx, row)
        audit.note(session, incident_id, ctx.now(), "note", by, comment)
    return publish_change(ctx, incident_id), []


def decide(
    ctx: Context,
    incident_id: int,
    action: int,
    approve: bool,
    by: str,
    comment: str = "",
    known_as: Collection[str] = (),
) -> Answer:
    """Approve or reject a waiting action. Refused for a person who may not approve it; `known_as`
    are the verified names of that person.
    """
    now = ctx.now()
    with changing(ctx, incident_id) as (session, row):
        action_row = _action(session, incident_id, action)
        approval = action_queue.approval_of(row, action_row)
        if approval and approval.who and not set(approval.who) & {*known_as}:
            raise Refused(f"action {action} waits for the word of {' or '.join(approval.who)}")
        state = "waiting" if approve else "rejected"
        values = {"state": state, "due_at": now if approve else None, "finished_at": None if approve else now}
        if not action_store.change(session, action_row.id, "approval", action_row.attempts, **values):
            raise Conflict(f"action {action} is {action_row.state}, and does not wait for approval")
        record_activity(ctx, row)
        row.due_at = now
        text = f"{action_row.action} {'approved' if approve else 'rejected'}" + (f": {comment}" if comment else "")
        audit.note(session, incident_id, now, "approval", by, text, number=action)
        job = (
            action_queue.job(action_row.id, action_row.timeout) if approve else Job("incidents.advance", (incident_id,))
        )
    return publish_change(ctx, incident_id), [job]


def _action(session: Session, incident_id: int, action: int) -> IncidentAction:
    action_row = next(
        (candidate for candidate in action_store.of(session, incident_id) if candidate.number == action), None
    )
    if action_row is None:
        raise NotFound(f"incident {incident_id} has no action {action}")
    return action_row


def still_open(session: Session, incident_id: int) -> IncidentRow:
    """Return an incident that is open, locked against other changes."""
    row = store.get(session, incident_id, lock=True)
    if row is None:
        raise NotFound(f"no incident {incident_id}")
    if row.open_key is None:
        raise Conflict(f"incident {incident_id} is resolved")
    row.version += 1
    return row


@contextmanager
def changing(ctx: Context, incident_id: int) -> Iterator[tuple[Session, IncidentRow]]:
    """An incident that is open, locked against other changes until the end."""
    with ctx.write() as session:
        yield session, still_open(session, incident_id)


def publish_change(ctx: Context, incident_id: int) -> dict[str, Any]:
    """Publish a change of the incident to the live feed, and return the incident."""
    show = queries.show(ctx, incident_id)
    live.publish(ctx.redis, "incidents", {"id": incident_id, "state": show["state"]})
    return show
