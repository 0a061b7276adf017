"""The verbs of security: record events with what follows from them, show. Those of restrictions are
in `restriction`.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from memmon import encode
from memmon.alerts import service as alerts
from memmon.alerts.machine import Transition
from memmon.config.sections import Detector
from memmon.context import Context
from memmon.db import advisory_lock
from memmon.errors import BadInput
from memmon.jobs import Job
from memmon.security import event as events
from memmon.security import restrictions as security_restrictions
from memmon.security import store
from memmon.security.detectors import brute_force, injection
from memmon.security.event import SecurityEvent
from memmon.security.restrictions import desired, due, enforce, lift, restrict, restrictions
from memmon.security.tables import SecurityEventRow
from memmon.state import counters, live

__all__ = [
    "desired",
    "due",
    "enforce",
    "events_by_ids",
    "events_of",
    "lift",
    "overview",
    "record",
    "restrict",
    "restrictions",
]

log = logging.getLogger(__name__)

MAX_EVENTS = 1000
BRUTE_FORCE, INJECTION = "brute_force_attack", "injection_attempt"


def record(ctx: Context, document: Any, reporter: str) -> tuple[dict[str, Any], list[Job]]:
    """Keep one event or a list; return {ids, refused: [{index, field, message}]} and what
    follows.
    """
    documents = document if isinstance(document, list) else [document]
    if len(documents) > MAX_EVENTS:
        raise BadInput("events", f"more than {MAX_EVENTS} at once")
    accepted: list[SecurityEvent] = []
    refused: list[dict[str, Any]] = []
    for index, document_ in enumerate(documents):
        try:
            accepted.append(events.parse(document_))
        except BadInput as error:
            refused.append({"index": index, "field": error.field, "message": error.message})
    ids: list[int] = []
    jobs: list[Job] = []
    for event in accepted:
        event_id, event_jobs = _record_one(ctx, event, reporter)
        ids.append(event_id)
        jobs += event_jobs
    if ids:
        live.publish(ctx.redis, "security", {"ids": ids})
    return {"ids": ids, "refused": refused}, list(dict.fromkeys(jobs))


def _record_one(ctx: Context, event: SecurityEvent, reporter: str) -> tuple[int, list[Job]]:
    """Keep an event with all that follows from it, or nothing: a worker that dies leaves no attack
    without its block.
    """
    now = ctx.now()
    findings = injection.inspect(event.params)
    flagged = injection.inspect({"content": event.content}) if event.content else []
    done = Done(Counter(), [], [])
    with ctx.write() as session:
        if event.source_ip:
            # Two failures at once must see each other.
            advisory_lock.take(session, f"security:{event.source_ip}")
        event_id = _add(session, event, reporter, now, [*findings, *flagged], done)
        for name, text in _attacks(ctx, session, event, findings, now):
            if name != event.event_type:
                _add_finding(session, name, event, text, now, event_id, done)
            _respond(ctx, session, name, event, text, now, bool(findings) or not event.content, done)
    for (event_type, severity), count in done.counted.items():
        counters.add(ctx.redis, "memmimic_security_events_total", {"type": event_type, "severity": severity}, count)
    jobs = [job for put in done.restricted for job in security_restrictions.announce(ctx, *put)]
    return event_id, [*jobs, *alerts.announce(ctx, done.raised)]


class Done(NamedTuple):
    """Effects of one transaction that are counted and published after the commit."""

    counted: Counter[tuple[str, str]]
    restricted: list[tuple[dict[str, Any], bool]]
    raised: list[Transition]


def _attacks(
    ctx: Context, session: Session, event: SecurityEvent, findings: Sequence[injection.InjectionFinding], now: float
) -> Iterator[tuple[str, str]]:
    """Return the attacks that the event shows, or is itself, and in words how."""
    if findings and _detector(ctx, INJECTION).enabled:
        families = ", ".join(sorted({finding.family for finding in findings}))
        yield INJECTION, f"parameters look like {families} injection"
    elif event.event_type == INJECTION:
        yield INJECTION, event.message or "injection attempt reported"
    if event.event_type == BRUTE_FORCE:
        yield BRUTE_FORCE, event.message or "brute force reported"
    elif _is_brute_force(ctx, session, event, now):
        detector = _detector(ctx, BRUTE_FORCE)
        yield BRUTE_FORCE, f"at least {detector.threshold} failed logins within {detector.window:g} s"


def _add(
    session: Session,
    event: SecurityEvent,
    reporter: str,
    now: float,
    findings: Sequence[injection.InjectionFinding],
    done: Done,
) -> int:
    severity = event.severity or events.SEVERITY[event.event_type]
    done.counted[event.event_type, severity] += 1
    detail = {
        "method": event.method,
        "status": event.status,
        "user_agent": event.user_agent,
        "params": {name: value[: events.MAX_KEPT] for name, value in event.params.items()},
        "content": event.content[: events.MAX_KEPT] if event.content else None,
        "reporter": reporter,
    }
    return store.add_event(
        session,
        event_type=event.event_type,
        severity=severity,
        source_ip=event.source_ip,
        user=event.user,
        endpoint=event.endpoint,
        message=event.message,
        detail={name: value for name, value in detail.items() if value},
        findings=[finding._asdict() for finding in findings],
        at=event.at(now),
        received_at=now,
    )


def _detector(ctx: Context, name: str) -> Detector:
    return next((d for d in ctx.config.detectors.detectors if d.name == name), Detector(name=name, enabled=False))


def _is_brute_force(ctx: Context, session: Session, event: SecurityEvent, now: float) -> bool:
    """Tell whether this failed login makes an attack of which there is no event yet."""
    detector = _detector(ctx, BRUTE_FORCE)
    if event.event_type != "auth_failure" or not event.source_ip or not detector.enabled:
        return False
    failed = store.failures(session, event.source_ip, now - detector.window)
    if not brute_force.is_attack(failed, now, detector.threshold, detector.window):
        return False
    # A continuing attack raises its alert again each time its block would have ended.
    return not store.has_event(session, event.source_ip, BRUTE_FORCE, now - min(detector.window, detector.block_for))


def _add_finding(
    session: Session, name: str, event: SecurityEvent, text: str, now: float, cause: int, done: Done
) -> None:
    """Make a finding an event of its own."""
    done.counted[name, "critical"] += 1
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


def _respond(
    ctx: Context, session: Session, name: str, event: SecurityEvent, text: str, now: float, may_block: bool, done: Done
) -> None:
    """Block the address if the detector blocks and the address may be blocked, and raise the alert.
    A memory's text never blocks: its author may quote an attack.
    """
    detector = _detector(ctx, name)
    annotations = {"summary": f"{name} from {event.source_ip or 'unknown'}: {text}"}
    if event.endpoint:
        annotations["endpoint"] = event.endpoint
    if detector.block and detector.enabled and event.source_ip and may_block:
        never = security_restrictions.why_never(ctx, event.source_ip)
        annotations["action"] = f"not blocked: {never}" if never else f"blocked for {detector.block_for:g} s"
        if never:
            log.warning("%s from %s: not blocked: %s", name, event.source_ip, never)
        else:
            seconds = min(detector.block_for, security_restrictions.MAX_SECONDS)
            block = security_restrictions.values(now, "block", event.source_ip, seconds, f"{name}: {text}", "memmon")
            row, new = store.restrict(session, block)
            done.restricted.append((security_restrictions.shown_as(row), new))
    annotations["runbook_url"] = "docs/runbook.md#security-incident"
    # No label holds what the attacker wrote: each new text would be another alert.
    labels = {"source_ip": event.source_ip or "", "category": "security"}
    ttl = min(detector.window, detector.block_for)
    done.raised.extend(alerts.raise_in(session, name, "critical", labels, annotations, ttl, now))


def events_of(ctx: Context, windows: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return the events of the types `windows` within their seconds, oldest first: id, event_type,
    severity, source_ip, user, endpoint, message, received_at (Unix seconds).
    """
    if not windows:
        return []
    now = ctx.now()
    names = ("id", "event_type", "severity", "source_ip", "user", "endpoint", "message", "received_at")
    with ctx.read() as session:
        rows = store.since(session, list(windows), now - max(windows.values()))
        fresh = [row for row in rows if row.received_at > now - windows[row.event_type]]
        return [{name: getattr(row, name) for name in names} for row in fresh]


def events_by_ids(ctx: Context, ids: Sequence[int]) -> list[dict[str, Any]]:
    """Return those of the events that are kept, as they are shown, with `received_at` (Unix
    seconds).
    """
    if not ids:
        return []
    with ctx.read() as session:
        return [{**_shown_event(row), "received_at": row.received_at} for row in store.by_ids(session, ids)]


def overview(ctx: Context, limit: int = 100) -> dict[str, Any]:
    """Return summary, recent events and restrictions; the view adds the open incidents, which
    belong to a higher room.
    """
    now = ctx.now()
    with ctx.read() as session:
        rows = [_shown_event(row) for row in store.recent(session, limit)]
        counted = store.counts(session, now - 86400)
    in_force = restrictions(ctx)
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
            "blocked": sum(restriction["kind"] == "block" for restriction in in_force),
            "restrictions": len(in_force),
        },
        "recent_events": rows,
        "blocked": [restriction for restriction in in_force if restriction["kind"] == "block"],
        "restrictions": in_force,
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
