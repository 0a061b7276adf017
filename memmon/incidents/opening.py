"""Opening incidents: alerts and events are gathered, put together, and opened as incidents, joined
to one, or opened again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from memmon import encode
from memmon.alerts import service as alerts
from memmon.audit import service as audit
from memmon.config.playbooks import Playbook
from memmon.config.targets import Target
from memmon.context import Context
from memmon.errors import BadInput, Conflict, NotFound, Transient
from memmon.incidents import correlation, escalation, snapshot, store
from memmon.incidents.correlation import Sign
from memmon.incidents.model import Progress
from memmon.incidents.tables import IncidentRow
from memmon.jobs import Job
from memmon.labels import LABEL_NAME
from memmon.routing import route
from memmon.routing import service as routing
from memmon.security import service as security
from memmon.state import counters, live

log = logging.getLogger(__name__)

BY_HAND = "hand"
"""Source kind of an incident that a person opened."""


class OpeningIncident(NamedTuple):
    """What belongs to one incident: `fresh` are the ids that no incident has yet."""

    playbook: Playbook
    key: str
    labels: Mapping[str, str]
    signs: list[Sign]


def correlate(ctx: Context) -> list[Job]:
    """Open incidents for the alerts that fire and the events that came, or join them to one that is
    open. Each is taken once: an alert that still fires after its incident was closed by hand opens
    no other. A silenced one is left alone. Who waits for the end of its alerts is woken when the
    last one has ended.
    """
    signs = _signs(ctx)
    firing = {sign.id for sign in signs if sign.kind == "alert"}
    with ctx.read() as session:
        known_sources = {
            (kind, source_id)
            for kind in dict.fromkeys(sign.kind for sign in signs)
            for source_id in store.known_sources(session, kind, {sign.id for sign in signs if sign.kind == kind})
        }
        over = [
            incident_id
            for incident_id, source_ids in store.open_sources(session, "alert").items()
            if not source_ids & firing
        ]
        fresh = [sign for sign in signs if (sign.kind, sign.id) not in known_sources]
        open_keys = store.open_keys(session) if fresh else set()
    touched = []
    for gathered in _gathered(ctx, signs, fresh, open_keys) if fresh else ():
        try:
            touched.append(_take(ctx, gathered))
        except Transient:
            raise
        # An error with these alerts must not keep the others from their response.
        except Exception:
            log.exception("no incident could be opened for %s", gathered.key)
    return [Job("incidents.advance", (incident_id,)) for incident_id in dict.fromkeys([*touched, *over])]


def _signs(ctx: Context) -> list[Sign]:
    """Return the alerts that fire, and the events that a playbook is about and that count as firing
    still.
    """
    alert_signs = [_of_alert(alert) for alert in alerts.firing(ctx) if alert["source"] != alerts.DRILL]
    windows: dict[str, float] = {}
    for playbook in ctx.config.playbooks.playbooks:
        for condition in (playbook.match, *playbook.correlation.conditions):
            for name in condition.events:
                windows[name] = max(windows.get(name, 0.0), playbook.correlation.window)
    return [*alert_signs, *(_of_event(event) for event in security.events_of(ctx, windows))]


def signs_of(ctx: Context, sources: Sequence[tuple[str, int]]) -> list[Sign]:
    """Return the alerts and events of these kinds and ids that still exist."""
    alert_rows = alerts.by_ids(ctx, [source_id for kind, source_id in sources if kind == "alert"])
    events = security.events_by_ids(ctx, [source_id for kind, source_id in sources if kind == "event"])
    return [*map(_of_alert, alert_rows), *map(_of_event, events)]


def _of_alert(alert: Mapping[str, Any]) -> Sign:
    at = encode.seconds_of(alert["created_at"])
    named, about = (alert["name"], alert["severity"]), (alert["message"], alert["value"])
    return Sign("alert", alert["id"], *named, alert["labels"], at, *about)


def _of_event(event: Mapping[str, Any]) -> Sign:
    named = {"source_ip": event["source_ip"], "user": event["user"], "endpoint": event["endpoint"]}
    labels = {"event_type": event["event_type"], "category": "security", **{n: v for n, v in named.items() if v}}
    text = event["message"] or event["event_type"]
    severity = event["severity"]
    return Sign("event", event["id"], event["event_type"], severity, labels, event["received_at"], text)


def _gathered(ctx: Context, signs: Sequence[Sign], fresh: Sequence[Sign], open_keys: set[str]) -> list[OpeningIncident]:
    """Return the fresh signs grouped by their incident, without suppressed ones and those without a
    playbook. While a playbook waits for further signs, the next matching playbook does not take
    them.
    """
    suppressions = routing.suppressed(ctx)
    left = {(sign.kind, sign.id) for sign in fresh}
    gathered = []
    for playbook in ctx.config.playbooks.playbooks:
        groups: dict[str, OpeningIncident] = {}
        for sign in signs:
            if correlation.takes(playbook, sign) and not _left_alone(suppressions, sign, playbook):
                root = _root(ctx, playbook, sign, signs, open_keys)
                key = correlation.key(playbook, root)
                groups.setdefault(key, OpeningIncident(playbook, key, root, [])).signs.append(sign)
        for group in groups.values():
            mine = [sign for sign in group.signs if (sign.kind, sign.id) in left]
            if mine and (group.key in open_keys or correlation.is_complete(playbook, group.signs)):
                left -= {(sign.kind, sign.id) for sign in mine}
                joined = group.signs if playbook.correlation.conditions else mine
                gathered.append(group._replace(signs=joined))
    return gathered


def _left_alone(suppressions: Mapping[int, Any], sign: Sign, playbook: Playbook) -> bool:
    """Return True if an alert gets no response: it is silenced, in maintenance, or a consequence of
    another failure that has its own incident. Inhibition suppresses only notifications.
    """
    kinds = {"silence", "maintenance", *(() if playbook.correlation.topology else ("dependency",))}
    return sign.kind == "alert" and any(suppression.kind in kinds for suppression in suppressions.get(sign.id, ()))


def _root(
    ctx: Context, playbook: Playbook, sign: Sign, signs: Sequence[Sign], open_keys: set[str]
) -> Mapping[str, str]:
    """Return the labels that the incident of a sign goes by: those of what its target depends on,
    where that has trouble itself.
    """
    own_target = _target(ctx, sign.labels) if playbook.correlation.topology else None
    if own_target is None:
        return sign.labels
    for name in ctx.config.targets.upstream(own_target.name):
        target = ctx.config.targets.get(name)
        if target is None:
            continue
        labels = {**sign.labels, **target.own_labels}
        troubled = any(correlation.takes(playbook, sign) and _target(ctx, sign.labels) == target for sign in signs)
        if troubled or correlation.key(playbook, labels) in open_keys:
            return labels
    return sign.labels


def _target(ctx: Context, labels: Mapping[str, str]) -> Target | None:
    instance, job = labels.get("instance"), labels.get("job")
    same = (
        target for target in ctx.config.targets.targets if target.identity == instance and job in (None, "", target.job)
    )
    return next(same, None) if instance else None


def _take(ctx: Context, gathered: OpeningIncident) -> int:
    """Join signs to the incident that is open for them, open one, or open one again that has ended
    a moment ago; return its id.
    """
    now, how = ctx.now(), "joined"
    with ctx.write() as session:
        while (
            row := store.open_for(session, gathered.key) or store.part_of(session, gathered.key)
        ) is None:  # It may close between the two statements.
            lately = store.lately(session, gathered.key, now - gathered.playbook.reopen)
            if lately is not None:
                _reopen(session, lately, now)
                row, how = lately, "reopened"
                break
            if store.insert(session, new_row(ctx, gathered, now)):
                how = "opened"
        if how == "opened":
            audit.note(session, row.id, now, "opened", "memmon", f"opened by playbook {gathered.playbook.name}")
        elif how == "reopened":
            audit.note(session, row.id, now, "opened", "memmon", f"opened again: the same came back ({row.reopened})")
        fresh = False
        for sign in gathered.signs:
            if store.add_source(session, row.id, sign.kind, sign.id, now):
                fresh = True
                text = f"{sign.name} [{sign.severity}] {sign.message}"
                audit.note(session, row.id, now, sign.kind, "memmon", text, id=sign.id, value=sign.value)
                row.due_at = now
        # A decision in progress has not seen these signs, and a finished response did not cover
        # them.
        row.version += 1
        if how == "joined" and fresh:  # Another worker may have taken them a moment ago.
            row.progress = {**row.progress, "joined": True}
        incident_id = row.id
    if how != "joined":
        announce(ctx, row, how)
    live.publish(ctx.redis, "incidents", {"id": incident_id, "state": row.state})
    return incident_id


def announce(ctx: Context, row: IncidentRow, how: str) -> None:
    """Count and log an incident that was opened or opened again."""
    log.warning("incident %d %s: %s", row.id, how, row.title)
    name = "memmimic_incidents_total" if how == "opened" else "memmon_incidents_reopened_total"
    counters.add(ctx.redis, name, {"severity": row.severity})
    if how == "opened":
        pairs = {"severity": row.severity}
        counters.observe(
            ctx.redis, "memmon_incident_time_to_detect_seconds", pairs, max(0.0, row.opened_at - row.began_at)
        )


def new_row(ctx: Context, gathered: OpeningIncident, now: float) -> dict[str, Any]:
    """Return the row of a new incident for the gathered signs."""
    first = min(gathered.signs, key=lambda sign: sign.at, default=None)
    labels = {**(first.labels if first else {}), **gathered.labels}
    began = min((_began(ctx, sign) for sign in gathered.signs), default=now)
    detected = first.at if first else now
    return values(ctx, gathered.playbook, gathered.key, labels, now) | {
        "began_at": min(began, now),
        "detected_at": min(detected, now),
    }


def _began(ctx: Context, sign: Sign) -> float:
    """Return when what an alert is about began: when it was seen first, before it fired."""
    if sign.kind != "alert":
        return sign.at
    alert_rows = alerts.by_ids(ctx, [sign.id])
    return encode.seconds_of(alert_rows[0]["active_at"]) if alert_rows else sign.at


def values(ctx: Context, playbook: Playbook, key: str, labels: Mapping[str, str], now: float) -> dict[str, Any]:
    """Return the row of an incident that is opened now."""
    chain = next((c for c in ctx.config.escalation.chains if c.name == playbook.chain), snapshot.EVERYBODY)
    return {
        "key": key,
        "open_key": key,
        "version": 1,
        "title": audit.storable(correlation.fill(playbook.title, labels)[:500]),
        "severity": playbook.severity,
        "state": "open",
        "playbook": playbook.model_dump(mode="json", by_alias=True),
        "chain": chain.model_dump(mode="json", by_alias=True),
        "labels": {name: audit.storable(value) for name, value in labels.items()},
        "progress": Progress()._asdict(),
        "mttr_target_minutes": playbook.mttr_target / 60,
        "began_at": now,
        "detected_at": now,
        "opened_at": now,
        "responds_from": now,
        "reopened": 0,
        "due_at": now,
        "level": 0,
        "pages": 0,
        "next_level_at": escalation.first_at(chain, now),
    }


def _reopen(session: Session, row: IncidentRow, now: float) -> None:
    """Start a new response in a closed incident; its timeline continues."""
    done = snapshot.progress(row.progress).round + 1
    row.open_key, row.state, row.reopened = row.key, "open", row.reopened + 1
    row.progress = Progress(round=done, first=done)._asdict()
    row.resolved_at = row.resolved_by = row.mitigated_at = row.stuck_at = None
    row.acknowledged_at = row.acknowledged_by = row.acknowledged_until = row.remind_at = None
    row.responds_from = row.due_at = now
    row.level, row.next_level_at = 0, escalation.first_at(snapshot.chain(row.chain), now)
    session.flush()


def begin(ctx: Context, name: str, labels: Mapping[str, str], by: str, dry_run: bool = False) -> tuple[int, list[Job]]:
    """Open an incident by hand, for the playbook `name` and these labels; return its id and what
    follows. A dry run does nothing, pages nobody and takes no alert. NotFound for a playbook that
    is not there, Conflict where one is open for the same labels.
    """
    playbook = next((playbook for playbook in ctx.config.playbooks.playbooks if playbook.name == name), None)
    if playbook is None:
        names = ", ".join(playbook.name for playbook in ctx.config.playbooks.playbooks)
        raise NotFound(f"no playbook {name}; there are: {names}")
    for label in labels:
        if not LABEL_NAME.fullmatch(label):
            raise BadInput("labels", f"{label!r} is not a label name")
    playbook = playbook.model_copy(update={"dry_run": dry_run or playbook.dry_run})
    now = ctx.now()
    incident_labels = {"alertname": f"run of {name}", **labels}
    key = route.short(correlation.key(playbook, labels) + (" dry run" if dry_run else ""), correlation.LONGEST_KEY)
    with ctx.write() as session:
        row_values = values(ctx, playbook, key, incident_labels, now)
        # A trial run pages nobody.
        row_values["playbook"] |= {"silent": True} if dry_run else {}
        if not store.insert(session, row_values):
            raise Conflict(f"an incident is open for {key}")
        row = store.open_for(session, key)
        assert row is not None
        store.add_source(session, row.id, BY_HAND, 0, now)
        text = f"playbook {name} begun by hand" + (", as a dry run" if playbook.dry_run else "")
        audit.note(session, row.id, now, "opened", by, text)
    announce(ctx, row, "opened")
    return row.id, [Job("incidents.advance", (row.id,))]
