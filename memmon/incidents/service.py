"""Public interface of incidents: due work, and the next step of an incident. Opening is in
`opening`, actions in `executor`, people's commands in `responders` and `merging`, reads in
`queries`.
"""

from __future__ import annotations

import logging

from sqlalchemy.orm import Session

from memmon.alerts import service as alerts
from memmon.audit import service as audit_service
from memmon.audit.service import accept, verify
from memmon.context import Context
from memmon.errors import BadQuery
from memmon.incidents import action_queue, action_store, correlation, paging, playbook, responders, snapshot, store
from memmon.incidents.auditor import audit, last_audit
from memmon.incidents.evidence import forget
from memmon.incidents.executor import act
from memmon.incidents.impact_charts import render
from memmon.incidents.merging import merge, split
from memmon.incidents.model import (
    AddNote,
    Ask,
    Close,
    Command,
    Decision,
    Ended,
    Escalate,
    Mitigated,
    Run,
    Situation,
    StepKey,
    Withdraw,
    state_of,
)
from memmon.incidents.opening import BY_HAND, begin, correlate
from memmon.incidents.queries import listing, open_security, postmortem, postmortem_files, show, summary
from memmon.incidents.responders import (
    Answer,
    acknowledge,
    acknowledge_alert,
    decide,
    escalate,
    note,
    resolve,
    snooze,
    take_over,
)
from memmon.incidents.stats import playbook_history, stats
from memmon.incidents.tables import IncidentAction, IncidentRow
from memmon.incidents.validation import check
from memmon.jobs import Job
from memmon.metrics import service as metrics
from memmon.oncall import calendars
from memmon.security import service as security
from memmon.state import heartbeat, lease, live

__all__ = [
    "Answer",
    "accept",
    "acknowledge",
    "acknowledge_alert",
    "act",
    "advance",
    "audit",
    "begin",
    "check",
    "correlate",
    "decide",
    "due",
    "escalate",
    "forget",
    "forget_record",
    "last_audit",
    "listing",
    "merge",
    "note",
    "open_security",
    "playbook_history",
    "postmortem",
    "postmortem_files",
    "render",
    "resolve",
    "show",
    "snooze",
    "split",
    "stats",
    "summary",
    "take_over",
    "verify",
]

log = logging.getLogger(__name__)

COMPONENT = "incident_response"
CORRELATE_EVERY = 10.0
"""Seconds after which firing alerts are correlated even without a message about a change."""

FRESH = 10.0
"""Seconds after which a tick's job expires: due work is found again each second and must not pile
up.
"""


def due(ctx: Context) -> list[Job]:
    """Return the due jobs: incidents to advance, actions to run. Jobs that the broker lost are
    found here.
    """
    now = ctx.now()
    with ctx.read() as session:
        jobs = [action_queue.job(action_id, timeout, FRESH) for action_id, timeout in action_store.due(session, now)]
        jobs += [Job("incidents.advance", (incident_id,), expires=FRESH) for incident_id in store.due(session, now)]
    if lease.claim_period(ctx.redis, "correlate", CORRELATE_EVERY, now):
        jobs.append(Job("incidents.correlate"))
    jobs += [Job("incidents.calendar", (name,), expires=calendars.AGAIN) for name in calendars.due(ctx)]
    heartbeat.beat(ctx.redis, COMPONENT, "ok", now, due=len(jobs))
    return jobs


def advance(ctx: Context, incident_id: int) -> list[Job]:
    """Do what an incident needs now: page who is due, take the next step, look at recovery, or
    close it.
    """
    answers: dict[str, bool] = {}
    with ctx.read() as session:
        row = store.get(session, incident_id)
        if row is None or row.open_key is None:
            return []
        situation = _situation(ctx, session, row)
    while isinstance(decision := playbook.advance(situation, answers, ctx.now()), Ask):
        answers[decision.expr] = _holds(ctx, correlation.fill_query(decision.expr, row.labels))
    if not (snapshot.is_readable(row.playbook) or decision.progress.manual):
        decision = playbook.lost(decision)
    runs = [command for command in decision.commands if isinstance(command, Run)]
    chosen = {(run.stage.name, run.step_number): _chosen(ctx, run, row.labels) for run in runs}
    return _apply(ctx, row.id, row.version, situation, decision, chosen)


def _chosen(ctx: Context, run: Run, labels: dict[str, str]) -> str | None:
    """Return the target that a step's `where` chooses now: that of the first series; None where it
    has none or finds none.
    """
    expr = run.step.parameters.get("where")
    if not expr or run.undo:
        return None
    try:
        points = metrics.instant(ctx, correlation.fill_query(str(expr), labels))
    except BadQuery as error:
        log.error("%s could not be evaluated: %s", expr, error)
        return None
    at = dict(points[0].labels) if points else {}
    targets = ctx.config.targets.targets
    return next((t.name for t in targets if (t.job, t.identity) == (at.get("job"), at.get("instance"))), None)


def _situation(ctx: Context, session: Session, row: IncidentRow) -> Situation:
    progress, book = snapshot.progress(row.progress), snapshot.playbook(row.playbook)
    done = [action for action in action_store.of(session, row.id) if action.round == progress.round]
    return Situation(
        opened_at=row.responds_from,
        playbook=book,
        progress=progress,
        actions={StepKey(a.stage, a.step, a.undo): Ended(_state(a), a.finished_at) for a in done},
        firing=_firing(ctx, session, row, progress.stage < len(book.stages), book.correlation.window),
        watched=_watched(ctx, row.labels),
    )


def _state(action: IncidentAction) -> str:
    is_held = action.state == "waiting" and action.held_since is not None and not action.attempts
    return "held" if is_held else action.state


def _firing(ctx: Context, session: Session, row: IncidentRow, responding: bool, window: float) -> bool:
    """Tell whether a source fires still: an alert that does, an event of the last while; a run by
    hand while it responds.
    """
    ids: dict[str, list[int]] = {}
    for source in store.sources(session, row.id):
        ids.setdefault(source.kind, []).append(source.source_id)
    if BY_HAND in ids and responding:
        return True
    if any(alert["state"] == "firing" for alert in alerts.alerts_by_id(session, ids.get("alert", []))):
        return True
    return any(event["received_at"] > ctx.now() - window for event in security.events_by_ids(ctx, ids.get("event", [])))


def _watched(ctx: Context, labels: dict[str, str]) -> bool:
    """Return True if the incident's instance is still a target. A removed or unknown instance has
    no samples that could show a recovery.
    """
    instance, job = labels.get("instance"), labels.get("job")
    same = [target for target in ctx.config.targets.targets if target.identity == instance]
    return not instance or any(job in (None, target.job) for target in same)


def _holds(ctx: Context, expr: str) -> bool:
    """Return True if `expr` has a result. A failing query counts as False: no action follows a
    guess.
    """
    try:
        return bool(metrics.instant(ctx, expr))
    except BadQuery as error:
        log.error("playbook expression %s could not be evaluated: %s", expr, error)
        return False


def _apply(
    ctx: Context,
    incident_id: int,
    version: int,
    before: Situation,
    move: Decision,
    chosen: dict[tuple[str, int], str | None],
) -> list[Job]:
    """Store a decision in one transaction."""
    now, jobs = ctx.now(), []
    state = state_of(before.playbook, move.progress)
    with ctx.write() as session:
        changed = {"progress": move.progress._asdict(), "state": state, "due_at": move.due_at}
        if not store.swap(session, incident_id, version, **changed):
            return []  # Another worker got there first.
        row = store.get(session, incident_id)
        assert row is not None
        heeded = responders.expire_acknowledgement(ctx, session, row)
        paged = row.next_level_at is not None and row.next_level_at <= now
        if paged:
            paging.level(ctx, session, row, "not acknowledged" if row.level else "opened")
        stored = _Stored(ctx, session, row, move, chosen)
        for command in move.commands:
            jobs += stored.apply(command, paged)
            paged = paged or stored.paged
        update = {"id": incident_id, "state": row.state, "level": row.level}
    if row.open_key is None:
        responders.closed(ctx, row)
    if move.commands or paged or heeded or state != state_of(before.playbook, before.progress):
        live.publish(ctx.redis, "incidents", update)
    return [*jobs, Job("notify.tick")] if paged or heeded else jobs


class _Stored:
    """Stores the commands of one decision in the transaction of its incident."""

    def __init__(
        self,
        ctx: Context,
        session: Session,
        row: IncidentRow,
        move: Decision,
        chosen: dict[tuple[str, int], str | None],
    ):
        self.ctx, self.session, self.row, self.move, self.chosen = ctx, session, row, move, chosen
        self.now = ctx.now()
        self.paged = False

    def apply(self, command: Command, paged: bool) -> list[Job]:
        """Store one command; return its jobs. With `paged` a page was sent already."""
        row = self.row
        match command:
            case AddNote(kind, text):
                audit_service.note(self.session, row.id, self.now, kind, "memmon", text)
            case Run(stage, step):
                target = self.chosen[stage.name, step]
                return action_queue.write(
                    self.ctx, self.session, row, command, self.move.progress.round, self.now, target
                )
            case Escalate(reason):
                self._escalate(reason, paged)
            case Withdraw(name, step):
                action_store.withdraw(self.session, row.id, name, step, self.now)
            case Mitigated():
                row.mitigated_at = row.mitigated_at or self.now
            case Close(reason):
                row.mitigated_at = row.mitigated_at or self.move.progress.held_since
                responders.close(self.ctx, self.session, row, "memmon", reason)
                self.paged = True
        return []

    def _escalate(self, reason: str, paged: bool) -> None:
        audit_service.note(self.session, self.row.id, self.now, "escalated", "memmon", reason)
        # The acknowledging person responds already, and nobody is paged twice at once.
        if not (self.row.acknowledged_at or (paged and paging.is_last(self.row))):
            paging.level(self.ctx, self.session, self.row, reason, hurry=True)
            self.paged = True


def forget_record(ctx: Context) -> int:
    """Forget the oldest lines of the record, those of incidents that are kept no more; return how
    many.
    """
    before = ctx.now() - ctx.settings.security_retention_hours * 3600
    return audit_service.forget(ctx, before, store.ids())
