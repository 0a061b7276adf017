"""Telling people of an incident: the levels of its chain, what waits for their word, reminders, and
that it is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from memmon import encode, secret
from memmon.audit import service as audit
from memmon.config.escalation import Chain, Level
from memmon.config.playbooks import Approval
from memmon.context import Context
from memmon.errors import NotFound
from memmon.incidents import escalation, links, snapshot, store
from memmon.incidents.links import Link
from memmon.incidents.tables import IncidentAction, IncidentRow
from memmon.notify import service as notify
from memmon.oncall import service as oncall
from memmon.routing import interval, route


class People(NamedTuple):
    """Recipients of a level: receivers, and the names of their contacts."""

    receivers: tuple[str, ...]
    names: tuple[str, ...]


def level(ctx: Context, session: Session, row: IncidentRow, reason: str, hurry: bool = False) -> None:
    """Page the next level of an incident's chain in the transaction that records it; with `hurry`
    regardless of its time.
    """
    now, chain = ctx.now(), chain_of(row)
    due = escalation.page(chain, row.level, row.responds_from, now, _applies(ctx, row, now), hurry)
    name = "again" if due.again else f"level {due.level_index + 1}"
    people = people_of(ctx, session, due.level, now)
    title = f"{name}, {due.level.name}: {_name(row)}"
    receivers, unknown = _send(
        ctx, session, row, people.receivers, _Message("page", title, f"page:{row.id}:{row.pages}")
    )
    if row.playbook.get("silent"):
        text = f"{name}, {due.level.name}: would page {', '.join(people.receivers) or 'nobody'} ({reason})"
    else:
        text = f"{name}, {due.level.name}: paged {', '.join(receivers) or 'nobody'} ({reason})"
    text += f"; on call: {', '.join(people.names)}" if people.names else ""
    text += f"; contact {due.level.contact}" if due.level.contact else ""
    text += f"; not in routes.yml: {', '.join(unknown)}" if unknown else ""
    audit.note(
        session,
        row.id,
        now,
        "page",
        "memmon",
        text,
        level=due.level_index + 1,
        receivers=receivers,
        key=f"page:{row.id}:{row.pages}",
    )
    row.level = max(row.level, due.level_index + 1)
    row.pages += 1
    row.next_level_at = None if row.acknowledged_at else due.next_at


def _applies(ctx: Context, row: IncidentRow, now: float) -> escalation.Applies:
    """Return whether a level is for this incident at this moment. Hours that are in no
    configuration any more hold: nobody must be missed for a name.
    """
    time_intervals = {
        **ctx.config.routes.intervals,
        **{time_interval.name: time_interval for time_interval in ctx.config.escalation.time_intervals},
    }

    def open_now(name: str) -> bool:
        time_interval = time_intervals.get(name)
        return time_interval is None or any(
            interval.contains(interval_range, now) for interval_range in time_interval.time_intervals
        )

    return lambda level: (
        (not level.severities or row.severity in level.severities)
        and (not level.hours or any(open_now(name) for name in level.hours))
    )


def over(ctx: Context, session: Session, row: IncidentRow) -> None:
    """Tell everybody who was paged that it is over."""
    receivers = _heard(ctx, session, row)
    title = f"resolved: {_name(row)}"
    key = f"incident:{row.id}:resolved:{row.reopened}"
    _send(ctx, session, row, receivers, _Message("incident", title, key, "resolved"))


def _heard(ctx: Context, session: Session, row: IncidentRow) -> tuple[str, ...]:
    """Return who was paged, or would be paged first."""
    levels = chain_of(row).levels[: max(1, row.level)]
    receivers = (name for level in levels for name in people_of(ctx, session, level, ctx.now()).receivers)
    return tuple(dict.fromkeys((*store.receivers_paged(session, row.id), *receivers)))


def remind(ctx: Context, session: Session, row: IncidentRow, times: int) -> None:
    """Remind the acknowledging person if they are a contact, else the receivers that were paged."""
    person = ctx.config.escalation.contact(row.acknowledged_by or "")
    receivers = person.receivers if person else _heard(ctx, session, row)
    title = f"reminder, acknowledged by {row.acknowledged_by}: {_name(row)}"
    notified, _ = _send(ctx, session, row, receivers, _Message("page", title, f"remind:{row.id}:{times}"))
    audit.note(session, row.id, ctx.now(), "reminder", "memmon", f"reminded {', '.join(notified) or 'nobody'}")


def ask(
    ctx: Context, session: Session, row: IncidentRow, action: IncidentAction, approval: Approval, turn: int
) -> None:
    """Tell those whose word an action waits for, with links to give it."""
    persons = [contact for name in approval.who if (contact := ctx.config.escalation.contact(name))]
    receivers: Sequence[str] = [name for contact in persons for name in contact.receivers]
    if not receivers:
        level = chain_of(row).levels[max(0, min(row.level, len(chain_of(row).levels)) - 1)]
        receivers = people_of(ctx, session, level, ctx.now()).receivers
    action_text = f"{action.action} {action.subject}".strip()
    title = f"approval needed: {action_text}, {_name(row)}"
    _send(ctx, session, row, receivers, _Message("page", title, f"approval:{action.id}:{turn}", action=action))


def page(ctx: Context, incident_id: int, receivers: list[str] | None, key: str) -> list[str]:
    """Page `receivers`, or the first level once; return the paged receivers. NotFound when none of
    them is in routes.yml.
    """
    with ctx.write() as session:
        row = store.get(session, incident_id)
        if row is None:
            raise NotFound(f"no incident {incident_id}")
        requested = receivers or people_of(ctx, session, chain_of(row).levels[0], ctx.now()).receivers
        key = key if receivers else f"page:{incident_id}:0"
        paged, unknown = _send(ctx, session, row, requested, _Message("page", _name(row), key))
    if not paged:
        raise NotFound(f"no receiver {', '.join(unknown) or 'at all'} in routes.yml")
    return paged


def page_next(ctx: Context, incident_id: int, key: str) -> str:
    """Page the next level now, once per action `key`, unless the incident is acknowledged; return a
    summary.
    """
    with ctx.write() as session:
        row = store.get(session, incident_id, lock=True)
        if row is None:
            raise NotFound(f"no incident {incident_id}")
        if row.acknowledged_at:
            return f"{row.acknowledged_by} acknowledged it: nobody else is paged"
        if any(
            entry.kind == "escalated" and entry.detail.get("key") == key
            for entry in audit.entries(session, incident_id)
        ):
            return "the next level was paged before its first worker died"
        audit.note(
            session, incident_id, ctx.now(), "escalated", "memmon", "a criterion of the playbook is met", key=key
        )
        row.version += 1
        level(ctx, session, row, "a criterion of the playbook is met", hurry=True)
        return f"paged level {row.level}"


def people_of(ctx: Context, session: Session, level: Level, now: float) -> People:
    """Return the recipients of a level: its receivers, contacts and on-call persons; without any,
    the receivers of all alerts.
    """
    shifts = [oncall.current(ctx, session, name, now) for name in level.on_call]
    names = [*level.contacts, *(shift.contact for shift in shifts if shift.contact)]
    persons = [contact for name in names if (contact := ctx.config.escalation.contact(name))]
    receivers = (*level.receivers, *(name for contact in persons for name in contact.receivers))
    if not receivers:
        environment_receivers = route.environment(ctx.settings)
        root = ctx.config.routes.route.receiver
        receivers = (*((environment_receivers.name,) if environment_receivers else ()), *((root,) if root else ()))
    return People(tuple(dict.fromkeys(receivers)), tuple(dict.fromkeys(contact.name for contact in persons)))


def chain_of(row: IncidentRow) -> Chain:
    """Return the chain as it was when the incident was opened."""
    return snapshot.chain(row.chain)


def is_last(row: IncidentRow) -> bool:
    """Return True if every level was paged."""
    return row.level >= len(chain_of(row).levels)


class _Message(NamedTuple):
    """A message about an incident. `key` deduplicates it; `action` waits for approval."""

    kind: str
    title: str
    key: str
    status: str = "firing"
    action: IncidentAction | None = None


def _send(
    ctx: Context, session: Session, row: IncidentRow, receivers: Iterable[str], message: _Message
) -> tuple[list[str], list[str]]:
    """Put the message into the outbox; return the notified and the unknown receivers. A manual dry
    run notifies nobody.
    """
    if row.playbook.get("silent"):
        return [], []
    notified: list[str] = []
    unknown: list[str] = []
    for receiver in receivers:
        try:
            notify.add(ctx, session, receiver, _payload(ctx, row, message, receiver), message.key, row.id)
            notified.append(receiver)
        except NotFound:
            unknown.append(receiver)
    return notified, unknown


def _payload(ctx: Context, row: IncidentRow, message: _Message, receiver: str) -> dict[str, Any]:
    action = message.action
    base = (ctx.settings.external_url or f"http://localhost:{ctx.settings.dashboard_port}").rstrip("/")
    link = f"{base}/dashboard/incidents/{row.id}"
    runbook = row.playbook.get("runbook")
    acts = _links(ctx, base, row, receiver, action) if message.status == "firing" else {}
    lines = [
        f"Severity {row.severity}, opened {encode.iso(row.opened_at)}, target {row.mttr_target_minutes:g} min",
        *(["Acknowledged by " + str(row.acknowledged_by)] if row.acknowledged_at else []),
        *([f"Action: {action.action} {encode.dumps(action.parameters)}"] if action else []),
        *([f"Runbook: {runbook}"] if runbook else []),
        *(f"{verb.capitalize()}: {address}" for verb, address in acts.items()),
        f"Timeline: {link}",
    ]
    return {
        "kind": message.kind,
        "status": message.status,
        "title": message.title,
        "lines": lines,
        "links": acts,
        "incident": {
            "id": row.id,
            "title": row.title,
            "severity": row.severity,
            "state": row.state,
            "labels": row.labels,
            "opened_at": encode.iso(row.opened_at),
            "resolved_at": encode.iso(row.resolved_at),
            "mttr_target_minutes": row.mttr_target_minutes,
            "url": link,
        },
        "at": encode.iso(ctx.now()),
    }


def _links(ctx: Context, base: str, row: IncidentRow, receiver: str, action: IncidentAction | None) -> dict[str, str]:
    """Return the links with which the recipient acts without signing in."""
    key, until = secret.key(ctx.settings, "link"), int(ctx.now() + links.HOLDS)
    verbs = ("approve", "reject") if action else () if row.acknowledged_at else ("acknowledge",)
    action_number = action.number if action else 0
    return {
        verb: f"{base}/act/{links.write(key, Link(verb, row.id, action_number, receiver, until))}" for verb in verbs
    }


def _name(row: IncidentRow) -> str:
    return f"INC-{row.id} [{row.severity}] {row.title}"
