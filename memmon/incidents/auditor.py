"""The auditor: checks each minute in SQL that every incident progresses, and sends an external
heartbeat only when all is well.

An overdue incident is restarted once; if it stays stuck, people are paged. The heartbeat is sent
after an audit without findings, so a dead or failing memmon is noticed by its absence (dead man's
switch).
"""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from memmon import encode, outbound
from memmon.audit import service as audit_service
from memmon.context import Context
from memmon.errors import Permanent, Refused, Transient
from memmon.incidents import action_queue, action_store, clock_skew, paging, store
from memmon.incidents.tables import IncidentAction, IncidentRow
from memmon.jobs import Job
from memmon.state import counters, heartbeat, live

log = logging.getLogger(__name__)

COMPONENT = "incident_auditor"
EVERY = 60.0
LATE = 30.0
"""Seconds beyond its time after which something is overdue: a tick looks each second."""
SILENT = 90.0
"""Seconds after which a part that has not run is taken for dead, beyond twice its interval."""
HEARTBEAT_WITHIN = 10.0
UNHEARD = "its last page reached nobody"


class AuditFinding(NamedTuple):
    """A problem of an incident; incident 0 is memmon itself."""

    incident: int
    description: str


def audit(ctx: Context) -> list[Job]:
    """Audit everything: restart overdue incidents, page for stuck ones, and send the heartbeat when
    there are no findings.
    """
    now = ctx.now()
    back = clock_skew.follow(ctx, now)
    findings, jobs = _incidents(ctx, now)
    if back:
        findings.append(AuditFinding(0, f"the clock was set back by {back:.0f} s"))
    findings += _record(ctx)
    findings += _parts(ctx, now)
    for finding in findings:
        log.error("audit: %s%s", f"incident {finding.incident}: " if finding.incident else "", finding.description)
    if findings:
        counters.add(ctx.redis, "memmon_audit_findings_total", by=len(findings))
    sent = _heartbeat(ctx) if not findings else None
    counters.add(ctx.redis, "memmon_audits_total", {"result": "findings" if findings else "clean"})
    detail: dict[str, Any] = {
        "findings": [{"incident": finding.incident, "what": finding.description} for finding in findings[:20]],
        "heartbeat": sent,
    }
    heartbeat.beat(ctx.redis, COMPONENT, "failed" if findings or sent is False else "ok", now, **detail)
    return jobs


def _incidents(ctx: Context, now: float) -> tuple[list[AuditFinding], list[Job]]:
    with ctx.read() as session:
        numbers = store.overdue(session, now, LATE)
    findings: list[AuditFinding] = []
    jobs: list[Job] = []
    for incident_id in numbers:
        with ctx.write() as session:
            row = store.get(session, incident_id, lock=True)
            if row is None or row.open_key is None:
                continue
            wrong = _wrong(session, row, now)
            findings += [AuditFinding(incident_id, text) for text in wrong]
            jobs += _mend(ctx, session, row, wrong, now)
        live.publish(ctx.redis, "incidents", {"id": incident_id, "state": row.state})
    return findings, list(dict.fromkeys(jobs))


def _wrong(session: Session, row: IncidentRow, now: float) -> list[str]:
    """Return what of an incident is overdue."""
    problems = []
    if row.due_at is None:
        problems.append("it has no next check")
    elif row.due_at < now - LATE:
        problems.append(f"it was due {now - row.due_at:.0f} s ago")
    if row.next_level_at is not None and row.next_level_at < now - LATE:
        problems.append(f"a page is {now - row.next_level_at:.0f} s late")
    if row.next_level_at is None and row.acknowledged_at is None:
        problems.append("nobody has acknowledged it, and nobody would be paged")
    problems += [_late(action, now) for action in action_store.of(session, row.id) if _is_late(action, now)]
    if row.acknowledged_at is None and row.pages and _unheard(session, row):
        problems.append(UNHEARD)
    return problems


def _is_late(action: IncidentAction, now: float) -> bool:
    waiting = action.state in ("waiting", "running", "approval")
    return waiting and (action.due_at is None or action.due_at < now - LATE)


def _late(action: IncidentAction, now: float) -> str:
    if action.due_at is None:
        return f"action {action.number} ({action.action}) would never be done"
    return f"action {action.number} ({action.action}) is {now - action.due_at:.0f} s late"


def _unheard(session: Session, row: IncidentRow) -> bool:
    """Tell whether every message of the last page has failed for good."""
    messages = store.pages(session, row.id, f"page:{row.id}:{row.pages - 1}")
    return bool(messages) and all(message.state == "failed" for message in messages)


def _mend(ctx: Context, session: Session, row: IncidentRow, wrong: list[str], now: float) -> list[Job]:
    """Start an incident again, and page for one that was started again before and has not gone on,
    or that reached nobody.
    """
    late = [problem for problem in wrong if problem != UNHEARD]
    if not late:
        row.stuck_at = None  # The incident progresses.
    jobs: list[Job] = []
    stuck = row.stuck_at is not None and row.stuck_at < now - LATE
    if late and not stuck:
        jobs += _start_again(session, row, now)
        if row.stuck_at is None:
            audit_service.note(session, row.id, now, "audit", "memmon", f"{', '.join(late)}: started again")
            counters.add(ctx.redis, "memmon_incidents_stuck_total")
            row.stuck_at = now
    if UNHEARD in wrong or (stuck and not _paged_lately(session, row, now)):
        problem_text = ", ".join(wrong if stuck else [UNHEARD])
        audit_service.note(
            session, row.id, now, "audit", "memmon", f"{problem_text}: the next level is paged", paged=True
        )
        row.version += 1
        paging.level(ctx, session, row, problem_text, hurry=True)
        jobs.append(Job("notify.tick"))
    return jobs


def _paged_lately(session: Session, row: IncidentRow, now: float) -> bool:
    """Return True if people were paged for a stuck incident within the repeat time of its last
    level.
    """
    since = now - paging.chain_of(row).repeat
    lines = audit_service.entries(session, row.id)
    return any(line.kind == "audit" and line.detail.get("paged") and since < line.at <= now for line in lines)


def _start_again(session: Session, row: IncidentRow, now: float) -> list[Job]:
    row.due_at, row.version = now, row.version + 1
    if row.next_level_at is None and row.acknowledged_at is None:
        row.next_level_at = now
    jobs = [Job("incidents.advance", (row.id,))]
    for action in action_store.of(session, row.id):
        if action.due_at is None and action.state in ("waiting", "running"):
            action.due_at = now
        if action.state in ("waiting", "running") and (action.due_at or 0) <= now:
            jobs.append(action_queue.job(action.id, action.timeout))
    return jobs


def _record(ctx: Context) -> list[AuditFinding]:
    """Verify the audit log entries since the last audit."""
    report = audit_service.verify(ctx, whole=False)
    return [
        AuditFinding(problem["incident_id"] or 0, f"line {problem['seq']} of the record {problem['what']}")
        for problem in report["problems"][:10]
    ]


def _parts(ctx: Context, now: float) -> list[AuditFinding]:
    """Look whether what an incident needs has run lately: evaluation, notification, response."""
    settings = ctx.settings
    intervals = {"alert_manager": settings.alert_evaluation_interval, "incident_response": 1.0}
    last = heartbeat.read(ctx.redis)
    findings = []
    for name, interval in intervals.items():
        seen = last.get(name, {}).get("last_run")
        if seen is None:
            findings.append(AuditFinding(0, f"{name} has never run"))
        elif now - float(seen) > SILENT + 2 * interval:
            findings.append(AuditFinding(0, f"{name} ran {now - float(seen):.0f} s ago"))
    return findings


def last_audit(ctx: Context) -> dict[str, Any]:
    """Return how the last audit went: {last_run, status, findings, heartbeat}; nothing where there
    was none yet.
    """
    last = heartbeat.read(ctx.redis).get(COMPONENT, {})
    return {**last, "last_run": encode.iso(last["last_run"])} if last else {}


def _heartbeat(ctx: Context) -> bool | None:
    """Send the heartbeat; return None when no URL is configured and False when it failed."""
    url = ctx.settings.heartbeat_url
    if url is None:
        return None
    try:
        body = {"instance": ctx.settings.instance, "at": encode.iso(ctx.now())}
        answer = outbound.request("POST", url, json=body, timeout=HEARTBEAT_WITHIN, allow_private=True)
        if answer.status < 300:
            return True
        log.warning("the heartbeat was answered with %d", answer.status)
    except (Transient, Permanent, Refused) as error:
        log.warning("the heartbeat could not be sent: %s", error)
    counters.add(ctx.redis, "memmon_heartbeats_failed_total")
    return False
