"""The verbs of incidents: open, go on, act. Those of people are in `desk`, what is shown is in `record`."""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy.orm import Session

from memmon import encode
from memmon.alerts import service as alerts
from memmon.config.playbooks import Playbook, Step
from memmon.context import Context
from memmon.db import engine
from memmon.db.tables import IncidentAction, IncidentRow
from memmon.errors import BadQuery, Permanent, Refused, Transient
from memmon.incidents import correlate as correlation
from memmon.incidents import escalation, frozen, pages, playbook, store
from memmon.incidents.actions import ACTIONS
from memmon.incidents.actions.base import Call
from memmon.incidents.checking import check
from memmon.incidents.desk import acknowledge, acknowledge_alert, close, closed, decide, escalate, note, resolve
from memmon.incidents.evidence import forget
from memmon.incidents.playbook import (
    Ask,
    Close,
    Ended,
    Escalate,
    Mitigated,
    Move,
    Note,
    Progress,
    Run,
    Situation,
    Withdraw,
)
from memmon.incidents.record import listing, open_security, postmortem, show, summary
from memmon.jobs import Job
from memmon.metrics import service as metrics
from memmon.routing import service as routing
from memmon.state import counters, lease, live, pulse

__all__ = [
    "acknowledge",
    "acknowledge_alert",
    "act",
    "advance",
    "check",
    "correlate",
    "decide",
    "due",
    "escalate",
    "forget",
    "listing",
    "note",
    "open_security",
    "postmortem",
    "resolve",
    "show",
    "summary",
]

log = logging.getLogger(__name__)

COMPONENT = "incident_response"
CORRELATE_EVERY = 10.0
"""Seconds after which firing alerts are looked at although no message said that one changed."""

SPARE = 10.0
"""Seconds beyond its time limit for which an action is still its worker's."""

KEEP_FOR = 20.0
"""Seconds for which the record of what was done is tried again while the database is away: unknown, it might be done twice."""

LONGEST_WAIT = 10.0

DEATHS = 2
"""How often beyond its attempts an action is begun whose worker died."""

FRESH = 10.0
"""Seconds after which a job of the tick is dropped: what is due is found again each second, and must not pile up."""


def due(ctx: Context) -> list[Job]:
    """Return what is due: incidents to look at, actions to do. What the broker lost is found here."""
    now = ctx.now()
    with ctx.read() as session:
        jobs = [Job("incidents.act", (number,), expires=FRESH) for number in store.due_actions(session, now)]
        jobs += [Job("incidents.advance", (number,), expires=FRESH) for number in store.due(session, now)]
    if lease.claim_period(ctx.redis, "correlate", CORRELATE_EVERY, now):
        jobs.append(Job("incidents.correlate"))
    pulse.beat(ctx.redis, COMPONENT, "ok", now, due=len(jobs))
    return jobs


def correlate(ctx: Context) -> list[Job]:
    """Open incidents for the alerts that fire, or join them to one that is open. An alert is taken once: one that still fires
    after its incident was closed by hand opens no other. A silenced one is left alone. Who waits for the end of its alerts
    is woken when the last one has ended."""
    firing = alerts.firing(ctx)
    ids = {alert["id"] for alert in firing}
    with ctx.read() as session:
        known = store.known_sources(session, "alert", ids)
        over = [number for number, own in store.open_sources(session, "alert").items() if not own & ids]
    touched = []
    for wanted, key, some in _grouped(ctx, [alert for alert in firing if alert["id"] not in known]):
        try:
            touched.append(_take(ctx, wanted, key, some))
        except Transient:
            raise
        except Exception:  # What is wrong with these alerts must not keep the others from their response.
            log.exception("no incident could be opened for %s", key)
    return [Job("incidents.advance", (number,)) for number in dict.fromkeys([*touched, *over])]


def _grouped(ctx: Context, fresh: list[dict[str, Any]]) -> list[tuple[Playbook, str, list[dict[str, Any]]]]:
    """Return the alerts by the incident that they belong to, without those that are muted or that no playbook takes."""
    muted = _left_alone(ctx) if fresh else frozenset()
    found: dict[str, tuple[Playbook, str, list[dict[str, Any]]]] = {}
    for alert in fresh:
        wanted = correlation.playbook_for(ctx.config.playbooks.playbooks, alert)
        if wanted and alert["id"] not in muted and alert["source"] != alerts.DRILL:
            key = correlation.key(wanted, alert["labels"])
            found.setdefault(key, (wanted, key, []))[2].append(alert)
    return list(found.values())


def _left_alone(ctx: Context) -> frozenset[int]:
    """Return the alerts that nothing is done about: silenced, in maintenance, or the consequence of another failure. One that
    another alert inhibits is only not told."""
    kinds = {"silence", "maintenance", "dependency"}
    return frozenset(n for n, held in routing.suppressed(ctx).items() if any(one.kind in kinds for one in held))


def _take(ctx: Context, wanted: Playbook, key: str, some: list[dict[str, Any]]) -> int:
    """Join the alerts to the incident that is open for them, or open one; return its id."""
    now, fresh = ctx.now(), False
    with ctx.write() as session:
        while (row := store.open_for(session, key)) is None:  # It may close between the two statements.
            fresh = store.insert(session, _opened(ctx, wanted, some[0], key, now))
        if fresh:
            store.note(session, row.id, now, "opened", "memmon", f"opened by playbook {wanted.name}")
        for alert in some:
            if store.add_source(session, row.id, "alert", alert["id"], now):
                text = f"{alert['name']} [{alert['severity']}] {alert['message']}"
                store.note(session, row.id, now, "alert", "memmon", text, alert=alert["id"], value=alert["value"])
                row.due_at = now
        # Whoever is deciding at this moment has not seen these alerts, and a response that has ended was not for them.
        row.version += 1
        if not fresh:
            row.progress = {**row.progress, "joined": True}
        number = row.id
    if fresh:
        log.warning("incident %d opened: %s", number, row.title)
        counters.add(ctx.redis, "memmimic_incidents_total", {"severity": row.severity})
    live.publish(ctx.redis, "incidents", {"id": number, "state": row.state})
    return number


def _opened(ctx: Context, wanted: Playbook, alert: dict[str, Any], key: str, now: float) -> dict[str, Any]:
    chain = next((c for c in ctx.config.escalation.chains if c.name == wanted.chain), frozen.EVERYBODY)
    return {
        "open_key": key,
        "version": 1,
        "title": store.storable(correlation.fill(wanted.title, alert["labels"])[:500]),
        "severity": wanted.severity,
        "state": "open",
        "playbook": wanted.model_dump(mode="json", by_alias=True),
        "chain": chain.model_dump(mode="json", by_alias=True),
        "labels": alert["labels"],
        "progress": Progress()._asdict(),
        "mttr_target_minutes": wanted.mttr_target / 60,
        "detected_at": encode.seconds_of(alert["created_at"]),
        "opened_at": now,
        "due_at": now,
        "level": 0,
        "next_level_at": escalation.first_at(chain, now),
    }


def advance(ctx: Context, number: int) -> list[Job]:
    """Do what an incident needs now: page who is due, take the next step, look at recovery, or close it."""
    answers: dict[str, bool] = {}
    with ctx.read() as session:
        row = store.get(session, number)
        if row is None or row.open_key is None:
            return []
        situation = _situation(ctx, session, row)
    while isinstance(found := playbook.advance(situation, answers, ctx.now()), Ask):
        answers[found.expr] = _holds(ctx, correlation.fill_query(found.expr, row.labels))
    if not (frozen.is_readable(row.playbook) or found.progress.manual):
        found = playbook.lost(found)
    return _apply(ctx, row.id, row.version, situation, found)


def _situation(ctx: Context, session: Session, row: IncidentRow) -> Situation:
    ids = [source.source_id for source in store.sources(session, row.id) if source.kind == "alert"]
    progress = frozen.progress(row.progress)
    done = [action for action in store.actions(session, row.id) if action.round == progress.round]
    return Situation(
        opened_at=row.opened_at,
        playbook=frozen.playbook(row.playbook),
        progress=progress,
        actions={(a.stage, a.step): Ended(a.state, a.finished_at) for a in done},
        firing=any(alert["state"] == "firing" for alert in alerts.some(session, ids)),
        watched=_watched(ctx, row.labels),
    )


def _watched(ctx: Context, labels: dict[str, str]) -> bool:
    """Tell whether the instance of an incident is a target still: one that was taken out of the configuration, or that was never
    in it, gives no samples that could say that it has recovered."""
    instance, job = labels.get("instance"), labels.get("job")
    same = [target for target in ctx.config.targets.targets if target.identity == instance]
    return not instance or any(job in (None, target.job) for target in same)


def _holds(ctx: Context, expr: str) -> bool:
    """Tell whether `expr` has a result. One that cannot be asked holds not: nothing is done on a guess."""
    try:
        return bool(metrics.instant(ctx, expr))
    except BadQuery as error:
        log.error("playbook expression %s could not be evaluated: %s", expr, error)
        return False


def _apply(ctx: Context, number: int, version: int, before: Situation, move: Move) -> list[Job]:
    """Write down what was decided, all or nothing."""
    now, jobs = ctx.now(), []
    state = playbook.state_of(before.playbook, move.progress)
    with ctx.write() as session:
        changed = {"progress": move.progress._asdict(), "state": state, "due_at": move.due_at}
        if not store.swap(session, number, version, **changed):
            return []  # Another worker got there first.
        row = store.get(session, number)
        assert row is not None
        paged = row.next_level_at is not None and row.next_level_at <= now
        if paged:
            pages.level(ctx, session, row, "not acknowledged" if row.level else "opened")
        for command in move.commands:
            match command:
                case Note(kind, text):
                    store.note(session, number, now, kind, "memmon", text)
                case Run():
                    jobs += _write_action(session, row, command, move.progress.round, now)
                case Escalate(reason):
                    store.note(session, number, now, "escalated", "memmon", reason)
                    # Whoever acknowledged it is at it already, and nobody is paged twice at once.
                    if not (row.acknowledged_at or (paged and pages.is_last(row))):
                        pages.level(ctx, session, row, reason)
                        paged = True
                case Withdraw(stage, step):
                    store.withdraw(session, number, stage, step, now)
                case Mitigated():
                    row.mitigated_at = row.mitigated_at or now
                case Close(reason):
                    row.mitigated_at = row.mitigated_at or move.progress.held_since
                    close(ctx, session, row, "memmon", reason)
                    paged = True
        told = {"id": number, "state": row.state, "level": row.level}
    if row.open_key is None:
        closed(ctx, row)
    if move.commands or paged or state != playbook.state_of(before.playbook, before.progress):
        live.publish(ctx.redis, "incidents", told)
    return [*jobs, Job("notify.tick")] if paged else jobs


def _write_action(session: Session, row: IncidentRow, run: Run, number: int, now: float) -> list[Job]:
    """Write the step down as an action of round `number`: due, waiting for approval, or undoable for want of a label."""
    step = run.step
    values: dict[str, Any] = {
        "incident_id": row.id,
        "key": f"{row.id}/{run.stage.name}/{run.number}" + (f"/{number}" if number else ""),
        "round": number,
        "stage": run.stage.name,
        "step": run.number,
        "action": step.action,
        "parameters": dict(step.parameters),
        "state": "approval" if step.approval else "waiting",
        "attempts": 0,
        "max_attempts": step.attempts,
        "created_at": now,
        "due_at": None if step.approval else now,
        "results": [],
    }
    try:
        values["parameters"] = correlation.fill_parameters(step.parameters, row.labels)
    except Permanent as error:
        result = {"at": now, "seconds": 0.0, "outcome": "permanent", "output": str(error)}
        values |= {"state": "failed", "due_at": None, "finished_at": now, "results": [result]}
    written = store.add_action(session, values)
    if written is None:
        return []
    if written.state == "failed":
        row.due_at = now
        store.note(session, row.id, now, "action", "memmon", f"{step.action} failed: {values['results'][0]['output']}")
        return [Job("incidents.advance", (row.id,))]
    if step.approval:
        store.note(
            session, row.id, now, "approval", "memmon", f"{step.action} waits for approval", number=written.number
        )
        return []
    return [Job("incidents.act", (written.id,))]


def act(ctx: Context, number: int) -> list[Job]:
    """Do one action: claim it, do it, record it. Who loses the claim does nothing."""
    now = ctx.now()
    with ctx.write() as session:
        row = store.action(session, number)
        if row is None:
            return []
        incident = store.get(session, row.incident_id)
        assert incident is not None  # Actions go with their incident.
        timeout = _timeout(incident, row)
        if not store.claim(session, number, now, now + timeout + SPARE):
            return []  # Another worker has it, or it is done.
        session.refresh(row)
        call = Call(incident.id, incident.labels, row.parameters, row.key, timeout)
    outcome, output = _do(ctx, row, call, incident.open_key is not None)
    return _finish(ctx, row, now, outcome, output)


def _timeout(incident: IncidentRow, row: IncidentAction) -> float:
    stages = frozen.playbook(incident.playbook).stages
    steps = (stage.steps[row.step] for stage in stages if stage.name == row.stage and row.step < len(stage.steps))
    return next((step.timeout for step in steps), Step(action=row.action).timeout)


def _do(ctx: Context, row: IncidentAction, call: Call, is_open: bool) -> tuple[str, str]:
    """Return outcome (done, transient, permanent, refused, rejected or lost) and what was done or said."""
    action = ACTIONS.get(row.action)
    if action is None:
        return "permanent", f"there is no action {row.action}"
    left = row.results[-1] if row.results and row.results[-1]["outcome"] == "begun" else None
    try:
        if left is not None and (found := action.probe(ctx, call, left["before"])) is not None:
            return "done", f"{found}; its first worker died after it"
        if not is_open:
            return "rejected", "the incident was over before it"
        if row.attempts > row.max_attempts + DEATHS:
            return "permanent", "given up: its worker died each time"
        begun = {"at": ctx.now(), "outcome": "begun", "before": action.before(ctx, call)}
        with ctx.write() as session:
            kept = [*(one for one in row.results if one["outcome"] != "begun"), begun]
            if not store.change_action(session, row.id, "running", row.attempts, results=kept):
                return "lost", ""
        return "done", action.act(ctx, call)
    except Refused as error:
        return "refused", str(error)
    except Permanent as error:
        return "permanent", str(error)
    except Transient as error:
        return "transient", str(error)
    except Exception as error:  # It has failed too, and must not be begun again for ever.
        log.exception("incident %d: %s failed as nobody foresaw", row.incident_id, row.action)
        return "permanent", f"{type(error).__name__}: {error}"


def _finish(ctx: Context, row: IncidentAction, began: float, outcome: str, output: str) -> list[Job]:
    """Record an attempt; a transient failure waits for the next one while there is one left."""
    if outcome == "lost":
        return []  # It took so long that another worker has it now.
    now = ctx.now()
    again = outcome == "transient" and row.attempts < row.max_attempts
    state = "waiting" if again else (outcome if outcome in ("done", "refused", "rejected") else "failed")
    result = {"at": began, "seconds": round(now - began, 3), "outcome": outcome, "output": output[:4000]}
    kept = [one for one in row.results if one["outcome"] != "begun"]
    wait = min(LONGEST_WAIT, 2.0 ** (row.attempts - 1))

    def keep() -> bool:
        with ctx.write() as session:
            values = {"state": state, "results": [*kept, result], "due_at": now + wait if again else None}
            values["finished_at"] = None if again else now
            if not store.change_action(session, row.id, "running", row.attempts, **values):
                return False
            text = f"{row.action} {'failed, will be tried again' if again else state}: {output}"
            store.note(session, row.incident_id, now, "action", "memmon", text, number=row.number, attempt=row.attempts)
            store.wake(session, row.incident_id, now)
            return True

    if not engine.insist(keep, KEEP_FOR):
        return []
    counters.add(ctx.redis, "memmon_actions_total", {"action": row.action, "outcome": outcome})
    log.info("incident %d: %s %s: %s", row.incident_id, row.action, outcome, output)
    live.publish(ctx.redis, "incidents", {"id": row.incident_id, "action": row.number, "state": state})
    return [] if again else [Job("incidents.advance", (row.incident_id,))]
