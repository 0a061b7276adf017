"""Runs actions: a worker claims one within the guardrails, runs it and records the result.
`action_queue` creates them.
"""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from memmon.audit import service as audit
from memmon.config.playbooks import Approval
from memmon.context import Context
from memmon.db import advisory_lock, engine
from memmon.errors import MemmonError, Refused, Transient
from memmon.incidents import action_store, actions, deadline, guardrails, paging, snapshot, store
from memmon.incidents.action_queue import SPARE, approval_of, job, step_of, takes_back
from memmon.incidents.actions.base import Action, ActionCall, NotYet, Subject
from memmon.incidents.guardrails import Hold, PastAction, Refusal
from memmon.incidents.tables import IncidentAction, IncidentRow
from memmon.jobs import Job
from memmon.state import counters, live

log = logging.getLogger(__name__)

KEEP_FOR = 20.0
"""Seconds for which writing a result is retried while the database is away; an unwritten action
might run twice.
"""

LONGEST_WAIT = 60.0

DEATHS = 2
"""How often beyond its attempts an action is begun whose worker died."""


class ClaimedAction(NamedTuple):
    """An action that this worker has claimed."""

    row: IncidentAction
    call: ActionCall
    is_open: bool
    is_dry: bool
    takes_back: bool
    action: Action | None


def act(ctx: Context, action_id: int) -> list[Job]:
    """Do one action: claim it within its limits, do it, record it. Who loses the claim does
    nothing.
    """
    began = ctx.now()
    with ctx.write() as session:
        row = action_store.get(session, action_id)
        if row is None:
            return []
        incident = store.get(session, row.incident_id, lock=True)
        assert incident is not None  # Actions go with their incident.
        session.refresh(row)  # The process that held the incident may have claimed it.
        if row.state == "approval":
            return _unanswered(ctx, session, incident, row, began)
        taken = _take(ctx, session, incident, row, began)
    if not isinstance(taken, ClaimedAction):
        return taken
    outcome, output = _do(ctx, taken)
    if isinstance(outcome, NotYet):
        return _postpone(ctx, taken.row, outcome)
    return _finish(ctx, taken.row, began, outcome, output)


def _unanswered(ctx: Context, session: Session, incident: IncidentRow, row: IncidentAction, now: float) -> list[Job]:
    """Handle an action whose approval has timed out."""
    if incident.open_key is None or row.due_at is None or row.due_at > now:
        return []
    approval = approval_of(incident, row) or Approval()
    text = f"nobody has said whether {row.action} may be done"
    if approval.otherwise == "escalate":
        values: dict[str, Any] = {"due_at": now + approval.within}
        if not action_store.change(session, row.id, "approval", row.attempts, **values):
            return []
        audit.note(
            session, incident.id, now, "escalated", "memmon", f"{text}: the next level is paged", number=row.number
        )
        incident.version += 1
        paging.level(ctx, session, incident, text, hurry=True)
        paging.ask(ctx, session, incident, row, approval, incident.pages)
        return [Job("notify.tick")]
    approve = approval.otherwise == "approve"
    values = (
        {"state": "waiting", "due_at": now} if approve else {"state": "rejected", "due_at": None, "finished_at": now}
    )
    if not action_store.change(session, row.id, "approval", row.attempts, **values):
        return []
    outcome_text = "it is done, as the playbook says" if approve else "it is left undone, as the playbook says"
    incident.due_at, incident.version = now, incident.version + 1
    audit.note(session, incident.id, now, "approval", "memmon", f"{text}: {outcome_text}", number=row.number)
    return [job(row.id, row.timeout) if approve else Job("incidents.advance", (incident.id,))]


def _take(
    ctx: Context, session: Session, incident: IncidentRow, row: IncidentAction, now: float
) -> ClaimedAction | list[Job]:
    """Claim an action, unless another worker has it or a limit forbids it."""
    if row.state not in ("waiting", "running") or row.due_at is None or row.due_at > now:
        return []  # Another worker has it, or it is done.
    is_first = row.attempts == 0 and row.before is None
    if is_first and not row.undo and incident.open_key is not None:
        verdict = _verdict(ctx, session, row, now)
        if isinstance(verdict, Hold):
            return _hold(session, incident, row, verdict, now)
        if isinstance(verdict, Refusal):
            return _refuse(ctx, session, incident, row, verdict, now)
    if not action_store.claim(session, row.id, now, now + row.timeout + SPARE):
        return []
    session.refresh(row)
    playbook = snapshot.playbook(incident.playbook)
    step = step_of(incident, row)
    is_dry = ctx.config.playbooks.dry_run or playbook.dry_run or step.dry_run
    before = row.before or {}
    call = ActionCall(incident.id, incident.labels, row.parameters, row.key, row.timeout, before, row.created_at)
    is_open, action = incident.open_key is not None, actions.get(row.action)
    return ClaimedAction(row, call, is_open, is_dry, takes_back(step, row.undo), action)


def _verdict(ctx: Context, session: Session, row: IncidentAction, now: float) -> Hold | Refusal | None:
    section = ctx.config.playbooks
    subject = _subject(ctx, session, row)
    never = guardrails.forbidden(section.never, row.action, subject)
    if never:
        return never
    limit = section.limit(row.action)
    # Two that are taken at once must see each other.
    advisory_lock.take(session, f"act:{row.action}")
    past_actions = [
        PastAction(
            past_action.subject,
            past_action.kin,
            past_action.state,
            past_action.started_at or now,
            None if past_action.state == "running" else past_action.finished_at,
        )
        for past_action in action_store.past(session, row.action, now - guardrails.reach(limit), row.id)
        if past_action.state == "running"
        or (past_action.state in ("done", "failed") and past_action.before is not None)
    ]
    return guardrails.judge(limit, subject, past_actions, now, row.held_since)


def _subject(ctx: Context, session: Session, row: IncidentAction) -> Subject:
    """Return what an action is done to, and of how many it is one as things stand now."""
    action = actions.get(row.action)
    incident = store.get(session, row.incident_id)
    call = ActionCall(row.incident_id, incident.labels if incident else {}, row.parameters, row.key, row.timeout)
    size = action.subject(ctx, call).size if action else 1
    return Subject(row.subject, row.target, row.kin, size)


def _hold(session: Session, incident: IncidentRow, row: IncidentAction, hold: Hold, now: float) -> list[Job]:
    first = row.held_since is None
    row.due_at, row.held_since = hold.at, row.held_since or now
    if first:
        audit.note(session, incident.id, now, "held", "memmon", f"{row.action} waits: {hold.why}", number=row.number)
    return []


def _refuse(
    ctx: Context, session: Session, incident: IncidentRow, row: IncidentAction, refusal: Refusal, now: float
) -> list[Job]:
    result = {"at": now, "seconds": 0.0, "outcome": "refused", "output": refusal.why}
    row.state, row.due_at, row.finished_at, row.results = "refused", None, now, [result]
    incident.due_at, incident.version = now, incident.version + 1
    text = f"{row.action} refused: {refusal.why}"
    audit.note(session, incident.id, now, "action", "memmon", text, number=row.number, state="refused")
    counters.add(ctx.redis, "memmon_actions_total", {"action": row.action, "outcome": "refused"})
    log.warning("incident %d: %s", incident.id, text)
    return [Job("incidents.advance", (incident.id,))]


def _do(ctx: Context, taken: ClaimedAction) -> tuple[Any, str]:
    """Return the outcome (done, dry_run, transient, permanent, refused, rejected, lost, or NotYet)
    and the output.
    """
    row = taken.row
    if taken.action is None:
        return "permanent", f"there is no action {row.action}"
    try:
        with deadline.within(row.timeout):
            return _attempt(ctx, taken, taken.action)
    except NotYet as later:
        return later, str(later)
    except Refused as error:
        return "refused", str(error)
    except Transient as error:
        return "transient", str(error)
    except MemmonError as error:
        return "permanent", str(error)
    except Exception as error:  # It has failed too, and must not be begun again for ever.
        log.exception("incident %d: %s failed unexpectedly", row.incident_id, row.action)
        return "permanent", f"{type(error).__name__}: {error}"


def _attempt(ctx: Context, taken: ClaimedAction, action: Action) -> tuple[str, str]:
    """Run one attempt of an action, or return why it does not run."""
    row, call = taken.row, taken.call
    crashed = bool(row.results) and row.results[-1]["outcome"] == "begun"
    if crashed and not taken.takes_back and (probe_result := action.probe(ctx, call)) is not None:
        return "done", f"{probe_result}; its first worker died after it"
    if not taken.is_open and not row.undo:
        return "rejected", "the incident was over before it"
    if row.attempts > row.max_attempts + DEATHS:
        return "permanent", "given up: its worker died each time"
    if taken.is_dry:
        return "dry_run", f"would {'roll back ' if row.undo else ''}{row.action} {row.subject}".strip()
    if not _begin(ctx, row, action, call):
        return "lost", ""
    call = call._replace(before=row.before or {})
    if not taken.takes_back:
        return "done", action.act(ctx, call)
    if action.undo is None:
        return "permanent", f"{row.action} cannot be rolled back"
    return "done", action.undo(ctx, call)


def _begin(ctx: Context, row: IncidentAction, action: Action, call: ActionCall) -> bool:
    """Record the start of the action and the state before it; return False when another worker
    claimed it.
    """
    if row.before is None:
        row.before = action.before(ctx, call)
    begun = {"at": ctx.now(), "outcome": "begun"}
    results = [*(result for result in row.results if result["outcome"] != "begun"), begun]
    with ctx.write() as session:
        return action_store.change(session, row.id, "running", row.attempts, results=results, before=row.before)


def _postpone(ctx: Context, row: IncidentAction, later: NotYet) -> list[Job]:
    """Let an action wait without a worker; that was no attempt."""
    finished_results = [result for result in row.results if result["outcome"] != "begun"]
    values = {"state": "waiting", "due_at": later.at, "results": finished_results, "attempts": row.attempts - 1}
    with ctx.write() as session:
        action_store.change(session, row.id, "running", row.attempts, **values)
    return []


def _finish(ctx: Context, row: IncidentAction, began: float, outcome: str, output: str) -> list[Job]:
    """Record an attempt; a transient failure waits for the next one while there is one left."""
    if outcome == "lost":
        return []  # It took so long that another worker has it now.
    now = ctx.now()
    again = outcome == "transient" and row.attempts < row.max_attempts
    ended = outcome if outcome in ("done", "dry_run", "refused", "rejected") else "failed"
    state = "waiting" if again else ended
    result = {
        "at": began,
        "seconds": round(now - began, 3),
        "outcome": outcome,
        "output": audit.storable(output[:4000]),
    }
    finished_results = [result for result in row.results if result["outcome"] != "begun"]

    def keep() -> float | None:
        with ctx.write() as session:
            incident = store.get(session, row.incident_id, lock=True)
            wait = min(LONGEST_WAIT, _backoff(incident, row) * 2.0 ** (row.attempts - 1))
            values = {"state": state, "results": [*finished_results, result], "due_at": now + wait if again else None}
            values["finished_at"] = None if again else now
            if not action_store.change(session, row.id, "running", row.attempts, **values):
                return None
            store.wake(session, row.incident_id, now)
            name = f"{row.action}, rolled back," if row.undo else row.action
            text = f"{name} {'failed, will be tried again' if again else state.replace('_', ' ')}: {output}"
            detail = {"number": row.number, "attempt": row.attempts, "state": state, "subject": row.subject}
            audit.note(session, row.incident_id, now, "action", "memmon", text, **detail)
            return incident.opened_at if incident else now

    opened_at = engine.insist(keep, KEEP_FOR)
    if opened_at is None:
        return []
    counters.add(ctx.redis, "memmon_actions_total", {"action": row.action, "outcome": outcome})
    counters.observe(ctx.redis, "memmon_action_duration_seconds", {"action": row.action}, now - began)
    if row.number == 1 and not again:
        counters.observe(ctx.redis, "memmon_incident_first_action_seconds", {}, now - opened_at)
    log.info("incident %d: %s %s: %s", row.incident_id, row.action, outcome, output)
    live.publish(ctx.redis, "incidents", {"id": row.incident_id, "action": row.number, "state": state})
    return [] if again else [Job("incidents.advance", (row.incident_id,))]


def _backoff(incident: IncidentRow | None, row: IncidentAction) -> float:
    return step_of(incident, row).backoff if incident else 1.0
