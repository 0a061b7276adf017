"""Creates action runs from decisions: rows that are due, or wait for approval."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from memmon import encode
from memmon.audit import service as audit
from memmon.config.playbooks import Approval, Step
from memmon.context import Context
from memmon.errors import Permanent
from memmon.incidents import action_store, actions, correlation, paging, snapshot
from memmon.incidents.actions.base import ActionCall
from memmon.incidents.model import Run
from memmon.incidents.tables import IncidentAction, IncidentRow
from memmon.jobs import Job

SPARE = 10.0
"""Seconds beyond its time limit for which an action is still its worker's."""


def job(action_id: int, timeout: float, expires: float | None = None) -> Job:
    """Return the job that does an action; it is cut when it has not ended by itself soon after its
    time limit.
    """
    return Job("incidents.act", (action_id,), expires=expires, limit=timeout + SPARE / 2)


def write(
    ctx: Context,
    session: Session,
    row: IncidentRow,
    run: Run,
    round_number: int,
    now: float,
    target: str | None = None,
) -> list[Job]:
    """Create the action run of a step in round `number`, or its rollback: due, waiting for
    approval, or refused for a missing label. `target` is the target selected by the step's `where`
    query.
    """
    step, stage = run.step, run.stage.name
    key = (
        f"{row.id}/{stage}/{run.step_number}"
        + (f"/{round_number}" if round_number else "")
        + ("/undo" if run.undo else "")
    )
    values: dict[str, Any] = {
        "incident_id": row.id,
        "key": key,
        "round": round_number,
        "stage": stage,
        "step": run.step_number,
        "undo": run.undo,
        "action": step.action,
        "parameters": dict(step.parameters),
        "state": "waiting",
        "attempts": 0,
        "max_attempts": step.attempts,
        "timeout": step.timeout,
        "created_at": now,
        "due_at": now,
        "results": [],
    }
    approval = None if run.undo else step.approval
    try:
        values |= _undoing(session, row, run, round_number) if run.undo else {}
        if not takes_back(step, run.undo):  # Rendered parameters never change.
            values["parameters"] = correlation.fill_parameters(values["parameters"], row.labels)
        if "where" in values["parameters"] and not run.undo:
            values["parameters"] |= {"target": _needed(target, values["parameters"]["where"])}
        values |= _subject(ctx, row, values)
    except Permanent as error:
        result = {"at": now, "seconds": 0.0, "outcome": "permanent", "output": str(error)}
        values |= {"state": "failed", "due_at": None, "finished_at": now, "results": [result]}
    if approval and values["state"] == "waiting":
        values |= {"state": "approval", "due_at": now + approval.within}
    written = action_store.add(session, values)
    if written is None:
        return []
    if written.state == "failed":
        row.due_at = now
        text = f"{step.action} failed: {values['results'][0]['output']}"
        audit.note(session, row.id, now, "action", "memmon", text, number=written.number, state="failed")
        return [Job("incidents.advance", (row.id,))]
    if approval and written.state == "approval":
        text = f"{step.action} waits for approval" + (f" by {' or '.join(approval.who)}" if approval.who else "")
        text += f" until {encode.iso(now + approval.within)}, else {approval.otherwise}"
        audit.note(session, row.id, now, "approval", "memmon", text, number=written.number)
        paging.ask(ctx, session, row, written, approval, 0)
        return [Job("notify.tick")]
    return [job(written.id, step.timeout)]


def takes_back(step: Step, undo: bool) -> bool:
    """Tell whether it is a step's own opposite that is done, and not another action in its
    place.
    """
    return undo and step.rollback is not None and step.rollback.action is None


def _needed(target: str | None, where: str) -> str:
    if target is None:
        raise Permanent(f"no target is where {where}")
    return target


def _undoing(session: Session, row: IncidentRow, run: Run, round_number: int) -> dict[str, Any]:
    """Return the rollback of an action: its own undo with the state before it, or another
    action.
    """
    undo = run.step.rollback
    if undo is None:
        raise Permanent(f"{run.step.action} has no rollback")
    if undo.action is not None:
        return {"action": undo.action, "parameters": dict(undo.parameters)}
    place = (run.stage.name, run.step_number, round_number, False)
    done_action = next(
        (a for a in action_store.of(session, row.id) if (a.stage, a.step, a.round, a.undo) == place), None
    )
    if done_action is None:
        raise Permanent(f"{run.step.action} was not done")
    return {"parameters": done_action.parameters, "before": done_action.before}


def _subject(ctx: Context, row: IncidentRow, values: dict[str, Any]) -> dict[str, str]:
    action = actions.get(values["action"])
    if action is None:
        return {}
    call = ActionCall(row.id, row.labels, values["parameters"], values["key"], values["timeout"])
    subject = action.subject(ctx, call)
    return {"subject": subject.name[:255], "target": subject.target[:255], "kin": subject.kin[:255]}


def step_of(incident: IncidentRow, row: IncidentAction) -> Step:
    stages = snapshot.playbook(incident.playbook).stages
    steps = (stage.every.get(row.step) for stage in stages if stage.name == row.stage)
    return next((step for step in steps if step is not None), Step(action=row.action))


def approval_of(incident: IncidentRow, row: IncidentAction) -> Approval | None:
    """Return whose word an action waits for, by the playbook that was frozen into its incident."""
    return step_of(incident, row).approval
