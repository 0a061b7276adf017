"""The verbs of restrictions: put in force, tell the clients that enforce them, end."""

from __future__ import annotations

import logging
import socket
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil

from memmon import encode
from memmon.config.targets import Target
from memmon.context import Context
from memmon.errors import BadInput, NotFound, Permanent, Refused, Transient
from memmon.jobs import Job
from memmon.security import address, client, store
from memmon.security.event import SEVERITY
from memmon.security.tables import RestrictionRow
from memmon.state import counters, heartbeat, lease, live

log = logging.getLogger(__name__)

COMPONENT = "security_monitor"
ENFORCE_EVERY = 5.0
COUNTERS_EVERY = 300.0
CALLS = 16
MAX_SECONDS = 30 * 86400.0
KINDS = ("block", "throttle", "disable")


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
    """Put a restriction in force for `seconds`; the same one again only lasts longer. Refused says
    what must never be.

    kind block: subject is an address; throttle: an address or * (parameters endpoint, per_minute);
    disable: a feature.
    """
    columns = values(ctx.now(), kind, subject, seconds, reason, by, incident_id, target, parameters)
    if kind == "block" or (kind == "throttle" and subject != "*"):
        never = why_never(ctx, columns["subject"])
        if never:
            counters.add(ctx.redis, "memmon_restrictions_refused_total")
            raise Refused(never)
    with ctx.write() as session:
        row, new = store.restrict(session, columns)
        restriction = shown_as(row)
    return restriction, announce(ctx, restriction, new)


def values(
    now: float,
    kind: str,
    subject: str,
    seconds: float,
    reason: str,
    by: str,
    incident_id: int | None = None,
    target: str = "*",
    parameters: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the row of a restriction; raise BadInput for one that cannot be."""
    if kind not in KINDS:
        raise BadInput("kind", f"must be one of {', '.join(KINDS)}")
    if not 0 < seconds <= MAX_SECONDS:
        raise BadInput("seconds", "must be more than nothing and at most 30 days")
    if not subject or len(subject) > 255:
        raise BadInput("subject", "must have 1 to 255 characters")
    if kind == "block" or (kind == "throttle" and subject != "*"):
        try:
            subject = address.canonical(subject)
        except ValueError as error:
            raise BadInput("subject", str(error)) from None
    return {
        "active": f"{kind}:{target}:{subject}:{(parameters or {}).get('endpoint', '')}"[:400],
        "kind": kind,
        "subject": subject,
        "target": target,
        "parameters": dict(parameters or {}),
        "reason": reason,
        "created_by": by,
        "incident_id": incident_id,
        "created_at": now,
        "until": now + seconds,
        "enforced": {},
    }


def announce(ctx: Context, restriction: dict[str, Any], new: bool) -> list[Job]:
    """Count and publish a restriction that is committed; return what follows from it."""
    if new:
        kind = restriction["kind"]
        log.warning(
            "%s %s until %s by %s: %s",
            kind,
            restriction["subject"],
            restriction["until"],
            restriction["created_by"],
            restriction["reason"],
        )
        counters.add(ctx.redis, "memmon_restrictions_total", {"kind": kind})
    live.publish(ctx.redis, "security", {"restriction": restriction["id"]})
    return [Job("security.enforce")]


def why_never(ctx: Context, subject: str) -> str | None:
    """Return why an address must never be restricted, or None."""
    section = ctx.config.detectors
    return address.why_never(subject, section.allow, section.trusted_proxies, own_addresses())


def own_addresses() -> tuple[str, ...]:
    """Return the addresses of this host."""
    networks = {
        entry.address.split("%", 1)[0]
        for entries in psutil.net_if_addrs().values()
        for entry in entries
        if entry.family in (socket.AF_INET, socket.AF_INET6)
    }
    return tuple(sorted(networks))


def lift(ctx: Context, restriction_id: int, by: str) -> list[Job]:
    """End a restriction before its time."""
    with ctx.write() as session:
        if store.get(session, restriction_id) is None:
            raise NotFound(f"no restriction {restriction_id}")
        store.end(session, restriction_id, ctx.now())
    log.info("restriction %d lifted by %s", restriction_id, by)
    live.publish(ctx.redis, "security", {"restriction": restriction_id})
    return [Job("security.enforce")]


def due(ctx: Context) -> list[Job]:
    """Lift expired restrictions, and enforce the others again, so that a restarted client has
    them.
    """
    now = ctx.now()
    with ctx.read() as session:
        ended = [row.id for row in store.in_force(session) if row.until <= now]
    over: list[int] = []
    if ended:
        with ctx.write() as session:
            over = [restriction_id for restriction_id in ended if store.end(session, restriction_id, now)]
    if over:
        live.publish(ctx.redis, "security", {"ended": over})
    if lease.claim_period(ctx.redis, "security-counters", COUNTERS_EVERY, now):
        _begin_counters(ctx)
    heartbeat.beat(ctx.redis, COMPONENT, "ok", now, ended=len(over))
    return [Job("security.enforce")] if over or lease.claim_period(ctx.redis, "enforce", ENFORCE_EVERY, now) else []


def _begin_counters(ctx: Context) -> None:
    """Let every kind of event have a counter that stands at 0: an increase needs two samples, and
    the first attack is one too.
    """
    for name, severity in SEVERITY.items():
        counters.add(ctx.redis, "memmimic_security_events_total", {"type": name, "severity": severity}, 0)


def enforce(ctx: Context) -> None:
    """Tell every client the whole state in force for its target; keep how that went. The tick tells
    it again.
    """
    now = ctx.now()
    targets = [target for target in ctx.config.targets.targets if target.client]
    with ctx.read() as session:
        rows = [row for row in store.in_force(session) if row.until > now]
    with ThreadPoolExecutor(max_workers=CALLS) as pool:  # One that hangs holds nobody else up.
        errors = list(pool.map(lambda target: _tell(target, rows), targets))
    results = {target.name: {"at": now, "error": error} for target, error in zip(targets, errors, strict=True)}
    changed: dict[int, dict[str, Any]] = {}
    for row in rows:
        state = {name: enforcement for name, enforcement in results.items() if row.target in ("*", name)}
        if _changed(row.enforced, state):
            changed[row.id] = state
    if changed:
        with ctx.write() as session:
            for restriction_id, state in changed.items():
                store.enforced(session, restriction_id, state)


def _tell(target: Target, rows: Sequence[RestrictionRow]) -> str | None:
    """Send one client the restrictions of its target; return the error."""
    restrictions_ = [row for row in rows if row.target in ("*", target.name)]
    try:
        client.call(target, "PUT", "restrictions", desired(restrictions_))
    except (Transient, Permanent) as error:
        log.warning("restrictions of %s could not be enforced: %s", target.name, error)
        return str(error)
    return None


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Tell whether more changed than the time: a row is not written every few seconds for
    nothing.
    """
    return {n: s.get("error") for n, s in before.items()} != {n: s.get("error") for n, s in after.items()}


def desired(rows: Sequence[RestrictionRow]) -> dict[str, list[dict[str, Any]]]:
    """Return the state in force as clients take it."""
    state: dict[str, list[dict[str, Any]]] = {"blocked": [], "throttled": [], "disabled": []}
    for row in rows:
        if row.kind == "block":
            state["blocked"].append({"address": row.subject, "until": row.until})
        elif row.kind == "throttle":
            limits = {"endpoint": "*", "per_minute": 30, **row.parameters}
            state["throttled"].append({"subject": row.subject, "until": row.until, **limits})
        else:
            state["disabled"].append({"feature": row.subject, "until": row.until})
    return state


def restrictions(ctx: Context) -> list[dict[str, Any]]:
    """Return the restrictions in force."""
    with ctx.read() as session:
        return [shown_as(row) for row in store.in_force(session) if row.until > ctx.now()]


def shown_as(row: RestrictionRow) -> dict[str, Any]:
    """Return a restriction as it is shown."""
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
