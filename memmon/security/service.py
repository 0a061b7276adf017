"""The verbs of security: record events, restrict, enforce, show."""

from __future__ import annotations

import logging
import socket
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import psutil
from sqlalchemy.orm import Session

from memmon import encode
from memmon.alerts import service as alerts
from memmon.config.sections import Detector
from memmon.context import Context
from memmon.db.tables import RestrictionRow, SecurityEventRow
from memmon.errors import BadInput, NotFound, Permanent, Refused, Transient
from memmon.jobs import Job
from memmon.security import address, client, store
from memmon.security import event as events
from memmon.security.detectors import brute_force, injection
from memmon.security.event import Event
from memmon.state import counters, lease, live, pulse

log = logging.getLogger(__name__)

COMPONENT = "security_monitor"
MAX_EVENTS = 1000
ENFORCE_EVERY = 5.0
KINDS = ("block", "throttle", "disable")


def record(ctx: Context, given: Any, reporter: str) -> tuple[dict[str, Any], list[Job]]:
    """Keep one event or a list; return {ids, refused: [{index, field, message}]} and what follows."""
    many = given if isinstance(given, list) else [given]
    if len(many) > MAX_EVENTS:
        raise BadInput("events", f"more than {MAX_EVENTS} at once")
    accepted: list[Event] = []
    refused: list[dict[str, Any]] = []
    for index, one in enumerate(many):
        try:
            accepted.append(events.parse(one))
        except BadInput as error:
            refused.append({"index": index, "field": error.field, "message": error.message})
    ids: list[int] = []
    jobs: list[Job] = []
    for event in accepted:
        number, more = _record_one(ctx, event, reporter)
        ids.append(number)
        jobs += more
    pulse.beat(ctx.redis, COMPONENT, "ok", ctx.now(), events=len(ids))
    if ids:
        live.publish(ctx.redis, "security", {"ids": ids})
    return {"ids": ids, "refused": refused}, list(dict.fromkeys(jobs))


def _record_one(ctx: Context, event: Event, reporter: str) -> tuple[int, list[Job]]:
    now = ctx.now()
    found = injection.inspect(event.params)
    with ctx.write() as session:
        number = _add(session, event, reporter, now, found)
        attack = _is_brute_force(ctx, session, event, now)
    _count(ctx, event.event_type, event.severity)
    jobs: list[Job] = []
    if found and event.event_type != "injection_attempt":
        families = ", ".join(sorted({one.family for one in found}))
        jobs += _found(ctx, "injection_attempt", event, f"parameters look like {families} injection", now, number)
    elif event.event_type == "injection_attempt":
        jobs += _respond(ctx, "injection_attempt", event, event.message or "injection attempt reported")
    if attack:
        detector = _detector(ctx, "brute_force_attack")
        text = f"at least {detector.threshold} failed logins within {detector.window:g} s"
        jobs += _found(ctx, "brute_force_attack", event, text, now, number)
    elif event.event_type == "brute_force_attack":
        jobs += _respond(ctx, "brute_force_attack", event, event.message or "brute force reported")
    return number, jobs


def _add(session: Session, event: Event, reporter: str, now: float, found: Sequence[injection.Finding]) -> int:
    detail = {
        "method": event.method,
        "status": event.status,
        "user_agent": event.user_agent,
        "params": dict(event.params),
        "content": event.content,
        "reporter": reporter,
    }
    return store.add_event(
        session,
        event_type=event.event_type,
        severity=event.severity or events.SEVERITY[event.event_type],
        source_ip=event.source_ip,
        user=event.user,
        endpoint=event.endpoint,
        message=event.message,
        detail={name: value for name, value in detail.items() if value},
        findings=[one._asdict() for one in found],
        at=event.at(now),
        received_at=now,
    )


def _count(ctx: Context, event_type: str, severity: str | None) -> None:
    labels = {"type": event_type, "severity": severity or events.SEVERITY[event_type]}
    counters.add(ctx.redis, "memmimic_security_events_total", labels)


def _detector(ctx: Context, name: str) -> Detector:
    return next((d for d in ctx.config.detectors.detectors if d.name == name), Detector(name=name, enabled=False))


def _is_brute_force(ctx: Context, session: Session, event: Event, now: float) -> bool:
    """Tell whether this failed login makes an attack of which there is no event yet."""
    detector = _detector(ctx, "brute_force_attack")
    if event.event_type != "auth_failure" or not event.source_ip or not detector.enabled:
        return False
    failed = store.failures(session, event.source_ip, now - detector.window)
    if not brute_force.is_attack(failed, now, detector.threshold, detector.window):
        return False
    # An attack that goes on is told of again each time that its block would have ended.
    return not store.has_event(
        session, event.source_ip, "brute_force_attack", now - min(detector.window, detector.block_for)
    )


def _found(ctx: Context, name: str, event: Event, text: str, now: float, cause: int) -> list[Job]:
    """Make a finding an event of its own, and respond."""
    if not _detector(ctx, name).enabled:
        return []
    with ctx.write() as session:
        store.add_event(
            session,
            event_type=name,
            severity="critical",
            source_ip=event.source_ip,
            user=event.user,
            endpoint=event.endpoint,
            message=text,
            detail={"cause": cause, "reporter": "detector"},
            findings=[],
            at=event.at(now),
            received_at=now,
        )
    _count(ctx, name, "critical")
    return _respond(ctx, name, event, text)


def _respond(ctx: Context, name: str, event: Event, text: str) -> list[Job]:
    """Block the address where that is wanted and allowed, and raise the alert."""
    detector = _detector(ctx, name)
    labels = {"source_ip": event.source_ip or "", "endpoint": event.endpoint or "", "category": "security"}
    annotations = {"summary": f"{name} from {event.source_ip or 'unknown'}: {text}"}
    jobs: list[Job] = []
    if detector.block and detector.enabled and event.source_ip:
        try:
            _, jobs = restrict(ctx, "block", event.source_ip, detector.block_for, f"{name}: {text}", "memmon")
            annotations["action"] = f"blocked for {detector.block_for:g} s"
        except Refused as refusal:
            annotations["action"] = f"not blocked: {refusal}"
            log.warning("%s from %s: not blocked: %s", name, event.source_ip, refusal)
    annotations["runbook_url"] = "docs/runbook.md#security-incident"
    return [
        *jobs,
        *alerts.raise_event(ctx, name, "critical", labels, annotations, min(detector.window, detector.block_for)),
    ]


def restrict(
    ctx: Context,
    kind: str,
    subject: str,
    seconds: float,
    reason: str,
    by: str,
    incident_id: int | None = None,
    target: str = "*",
    parameters: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any], list[Job]]:
    """Put a restriction in force for `seconds`; the same one again only lasts longer. Refused says what must never be.

    kind block: subject is an address; throttle: an address or * (parameters endpoint, per_minute); disable: a feature.
    """
    if kind not in KINDS:
        raise BadInput("kind", f"must be one of {', '.join(KINDS)}")
    if not 0 < seconds <= 30 * 86400:
        raise BadInput("seconds", "must be more than nothing and at most 30 days")
    if kind == "block" or (kind == "throttle" and subject != "*"):
        _refuse_never(ctx, subject)
        subject = address.canonical(subject)
    now = ctx.now()
    values = {
        "active": f"{kind}:{target}:{subject}:{(parameters or {}).get('endpoint', '')}"[:400],
        "kind": kind,
        "subject": subject[:255],
        "target": target,
        "parameters": dict(parameters or {}),
        "reason": reason,
        "created_by": by,
        "incident_id": incident_id,
        "created_at": now,
        "until": now + seconds,
        "enforced": {},
    }
    with ctx.write() as session:
        row, new = store.restrict(session, values)
        shown = _shown_restriction(row)
    if new:
        log.warning("%s %s for %g s by %s: %s", kind, subject, seconds, by, reason)
        counters.add(ctx.redis, "memmon_restrictions_total", {"kind": kind})
    live.publish(ctx.redis, "security", {"restriction": shown["id"]})
    return shown, [Job("security.enforce")]


def _refuse_never(ctx: Context, subject: str) -> None:
    section = ctx.config.detectors
    reason = address.why_never(subject, section.allow, section.trusted_proxies, own_addresses())
    if reason:
        counters.add(ctx.redis, "memmon_restrictions_refused_total")
        raise Refused(reason)


@lru_cache(maxsize=1)
def own_addresses() -> tuple[str, ...]:
    """Return the addresses of this host."""
    found = {
        entry.address.split("%", 1)[0]
        for entries in psutil.net_if_addrs().values()
        for entry in entries
        if entry.family in (socket.AF_INET, socket.AF_INET6)
    }
    return tuple(sorted(found))


def lift(ctx: Context, number: int, by: str) -> list[Job]:
    """End a restriction before its time."""
    with ctx.write() as session:
        if store.get(session, number) is None:
            raise NotFound(f"no restriction {number}")
        store.end(session, number, ctx.now())
    log.info("restriction %d lifted by %s", number, by)
    live.publish(ctx.redis, "security", {"restriction": number})
    return [Job("security.enforce")]


def due(ctx: Context) -> list[Job]:
    """End what is over, and let the state in force be told again, so that a restarted client has it back."""
    now = ctx.now()
    with ctx.write() as session:
        over = [row.id for row in store.in_force(session) if row.until <= now and store.end(session, row.id, now)]
    if over:
        live.publish(ctx.redis, "security", {"ended": over})
    pulse.beat(ctx.redis, COMPONENT, "ok", now, ended=len(over))
    return [Job("security.enforce")] if over or lease.claim_period(ctx.redis, "enforce", ENFORCE_EVERY, now) else []


def enforce(ctx: Context) -> None:
    """Tell every client the whole state in force for its target; keep how that went. The tick tells it again."""
    now = ctx.now()
    targets = [target for target in ctx.config.targets.targets if target.client]
    with ctx.read() as session:
        rows = [row for row in store.in_force(session) if row.until > now]
    results: dict[str, dict[str, Any]] = {}
    for target in targets:
        wanted = [row for row in rows if row.target in ("*", target.name)]
        try:
            client.call(target, "PUT", "restrictions", desired(wanted))
            results[target.name] = {"at": now, "error": None}
        except (Transient, Permanent) as error:
            log.warning("restrictions of %s could not be enforced: %s", target.name, error)
            results[target.name] = {"at": now, "error": str(error)}
    with ctx.write() as session:
        for row in rows:
            state = {name: found for name, found in results.items() if row.target in ("*", name)}
            if _changed(row.enforced, state):
                store.enforced(session, row.id, state)


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Tell whether more changed than the time: a row is not written every few seconds for nothing."""
    return {n: s.get("error") for n, s in before.items()} != {n: s.get("error") for n, s in after.items()}


def desired(rows: Sequence[RestrictionRow]) -> dict[str, list[dict[str, Any]]]:
    """Return the state in force as clients take it."""
    found: dict[str, list[dict[str, Any]]] = {"blocked": [], "throttled": [], "disabled": []}
    for row in rows:
        if row.kind == "block":
            found["blocked"].append({"address": row.subject, "until": row.until})
        elif row.kind == "throttle":
            limits = {"endpoint": "*", "per_minute": 30, **row.parameters}
            found["throttled"].append({"subject": row.subject, "until": row.until, **limits})
        else:
            found["disabled"].append({"feature": row.subject, "until": row.until})
    return found


def restrictions(ctx: Context) -> list[dict[str, Any]]:
    """Return the restrictions in force."""
    with ctx.read() as session:
        return [_shown_restriction(row) for row in store.in_force(session) if row.until > ctx.now()]


def _shown_restriction(row: RestrictionRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "kind": row.kind,
        "subject": row.subject,
        "target": row.target,
        "parameters": row.parameters,
        "reason": row.reason,
        "created_by": row.created_by,
        "incident_id": row.incident_id,
        "created_at": encode.iso(row.created_at),
        "until": encode.iso(row.until),
        "enforced": row.enforced,
    }


def overview(ctx: Context, limit: int = 100) -> dict[str, Any]:
    """Return summary, recent events and what is blocked; the door adds the open incidents, which are above this room."""
    now = ctx.now()
    with ctx.read() as session:
        rows = [_shown_event(row) for row in store.recent(session, limit)]
        counted = store.counts(session, now - 86400)
    held = restrictions(ctx)
    by_type: dict[str, int] = {}
    by_severity: dict[str, int] = {}
    for event_type, severity, count in counted:
        by_type[event_type] = by_type.get(event_type, 0) + count
        by_severity[severity] = by_severity.get(severity, 0) + count
    return {
        "summary": {
            "events_24h": sum(by_type.values()),
            "events_by_type": by_type,
            "events_by_severity": by_severity,
            "blocked": sum(one["kind"] == "block" for one in held),
            "restrictions": len(held),
        },
        "recent_events": rows,
        "blocked": [one for one in held if one["kind"] == "block"],
        "restrictions": held,
    }


def _shown_event(row: SecurityEventRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "event_type": row.event_type,
        "severity": row.severity,
        "source_ip": row.source_ip,
        "user": row.user,
        "endpoint": row.endpoint,
        "message": row.message,
        "timestamp": encode.iso(row.at),
        "findings": row.findings,
        **{name: value for name, value in row.detail.items() if name != "reporter"},
        "reporter": row.detail.get("reporter"),
    }
