"""The verbs of health: what is due, check it, and report."""

from __future__ import annotations

import logging
import math
import time
from typing import Any

from memmon import encode
from memmon import labels as label_sets
from memmon.config.sections import Check
from memmon.config.targets import Target
from memmon.context import Context
from memmon.db.tables import HealthResult
from memmon.errors import BadQuery, Transient
from memmon.health import score, store
from memmon.health.model import VALUE, Finding, worst
from memmon.health.probes import OF_HOSTS, PROBES
from memmon.jobs import Job
from memmon.metrics import service as metrics
from memmon.samples import Metadata, Sample
from memmon.state import lease, live, pulse

log = logging.getLogger(__name__)

COMPONENT = "health_monitor"
METADATA = {
    "memmimic_health_score": Metadata("gauge", "Health of the instance between 0 and 1"),
    "memmimic_health_check_status": Metadata("gauge", "1 healthy, 0.7 degraded, 0.3 unhealthy, 0 critical"),
}


def due(ctx: Context) -> list[Job]:
    """Return the checks of a new round, or none while this period's are under way."""
    interval, now = ctx.settings.health_check_interval, ctx.now()
    if not lease.claim_period(ctx.redis, "health", interval, now):
        return []
    number = math.floor(now / interval)
    return [Job("health.check", (target.name, check.name, number)) for target, check in _planned(ctx)]


def _planned(ctx: Context) -> list[tuple[Target, Check]]:
    checks = [check for check in ctx.config.checks.checks if check.enabled and check.name in PROBES]
    return [
        (target, check)
        for target in ctx.config.targets.targets
        for check in checks
        if target.kind == ("host" if check.name in OF_HOSTS else "memmimic")
    ]


def check(ctx: Context, target_name: str, check_name: str, number: int) -> None:
    """Do one check, keep what it found, and judge the round once it is complete."""
    planned = {(target.name, check.name): (target, check) for target, check in _planned(ctx)}
    if (target_name, check_name) not in planned:
        return  # The configuration changed since the tick.
    target, definition = planned[target_name, check_name]
    began = time.perf_counter()
    finding = _find(ctx, target, definition)
    took = (time.perf_counter() - began) * 1000
    record(ctx, target_name, check_name, number, finding, took)


def _find(ctx: Context, target: Target, definition: Check) -> Finding:
    try:
        return PROBES[definition.name](ctx, target, definition)
    except (Transient, BadQuery) as error:
        return Finding("critical", f"the check could not be done: {error}")


def cut(ctx: Context, target_name: str, check_name: str, number: int, seconds: float) -> None:
    """Keep that a check hung and was ended after `seconds`."""
    finding = Finding("critical", f"the check did not end within {seconds:g} s and was cut")
    record(ctx, target_name, check_name, number, finding, seconds * 1000)


def time_limit(ctx: Context, check_name: str) -> float:
    """Return the seconds that a check may take."""
    return next((check.timeout for check in ctx.config.checks.checks if check.name == check_name), 5.0)


def record(ctx: Context, target_name: str, check_name: str, number: int, finding: Finding, took_ms: float) -> None:
    """Keep what a check found; the last one of a round judges it."""
    now = ctx.now()
    with ctx.write() as session:
        store.save_result(
            session,
            round=number,
            target=target_name,
            name=check_name,
            status=finding.status,
            message=finding.message,
            response_time_ms=took_ms,
            detail=finding.detail,
            at=now,
        )
        rows = store.results(session, target_name, number)
        wanted = {check.name for target, check in _planned(ctx) if target.name == target_name}
        complete = wanted <= {row.name for row in rows}
        if complete:
            value = _judge(ctx, session, target_name, number, rows, now)
    pulse.beat(ctx.redis, COMPONENT, "ok", now, check=check_name, target=target_name)
    if complete:
        _publish(ctx, target_name, value, rows, now)


def _judge(ctx: Context, session: Any, target_name: str, number: int, rows: Any, now: float) -> float:
    value = score.score({row.name: row.status for row in rows}, _weights(ctx))
    store.save_round(
        session,
        target=target_name,
        round=number,
        status=worst([row.status for row in rows]),
        score=value,
        healthy_checks=sum(row.status == "healthy" for row in rows),
        total_checks=len(rows),
        response_time_ms=max(row.response_time_ms for row in rows),
        at=now,
    )
    return value


def _publish(ctx: Context, target_name: str, value: float, rows: Any, now: float) -> None:
    """Make the verdict a metric, so that rules can ask for it, and tell the page."""
    target = ctx.config.targets.get(target_name)
    if target:
        own = target.own_labels
        samples = [Sample(label_sets.of({**own, label_sets.NAME: "memmimic_health_score"}), value)]
        for row in rows:
            named = {**own, label_sets.NAME: "memmimic_health_check_status", "check": row.name}
            samples.append(Sample(label_sets.of(named), VALUE[row.status]))
        interval = ctx.settings.health_check_interval
        metrics.ingest(ctx, f"health:{target_name}", samples, METADATA, now, interval)
    live.publish(ctx.redis, "health", {"target": target_name, "score": value, "at": now})


def _weights(ctx: Context) -> dict[str, float]:
    return {check.name: check.weight for check in ctx.config.checks.checks}


def _current(ctx: Context, instance: str | None = None) -> list[HealthResult]:
    """Return the newest result of each check that is still planned and not too old to speak of now."""
    planned = {(target.name, check.name): target for target, check in _planned(ctx)}
    with ctx.read() as session:
        rows = store.newest(session, ctx.now() - max(90.0, 5 * ctx.settings.health_check_interval))
    return [
        row
        for row in rows
        if (row.target, row.name) in planned and instance in (None, planned[row.target, row.name].identity, row.target)
    ]


def report(ctx: Context, instance: str | None = None) -> dict[str, Any]:
    """Return the body of GET /api/health from the newest stored results; status `unknown` before the first."""
    rows = _current(ctx, instance)
    identities = {target.name: target.identity for target in ctx.config.targets.targets}
    return {
        "status": worst([row.status for row in rows]) if rows else "unknown",  # type: ignore[misc]
        "score": score.score(_worst_by_check(rows), _weights(ctx)) if rows else None,
        "overall_response_time_ms": max((row.response_time_ms for row in rows), default=None),
        "healthy_checks": sum(row.status == "healthy" for row in rows),
        "total_checks": len(rows),
        "timestamp": encode.iso(max((row.at for row in rows), default=None)),
        "checks": [
            {
                "name": row.name,
                "status": row.status,
                "message": row.message,
                "response_time_ms": row.response_time_ms,
                "metadata": row.detail,
                "timestamp": encode.iso(row.at),
                "instance": identities.get(row.target, row.target),
            }
            for row in rows
        ],
    }


def _worst_by_check(rows: list[HealthResult]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for row in rows:
        found[row.name] = worst([row.status, found[row.name]]) if row.name in found else row.status  # type: ignore[list-item]
    return found


def why(ctx: Context) -> list[dict[str, Any]]:
    """Return what the score lost: check, points (0-1), message; the largest first."""
    rows: list[Any] = _current(ctx)
    worst_rows: dict[str, Any] = {}
    for row in rows:
        if row.name not in worst_rows or VALUE[row.status] < VALUE[worst_rows[row.name].status]:
            worst_rows[row.name] = row
    found = score.losses([(row.name, row.status, row.message) for row in worst_rows.values()], _weights(ctx))
    return [loss._asdict() for loss in found]


def history(ctx: Context, hours: float) -> list[dict[str, Any]]:
    """Return the verdicts of the last `hours`, the oldest first."""
    names = {target.name: target.identity for target in ctx.config.targets.targets}
    with ctx.read() as session:
        return [
            {
                "timestamp": encode.iso(row.at),
                "instance": names.get(row.target, row.target),
                "status": row.status,
                "score": row.score,
                "healthy_checks": row.healthy_checks,
                "total_checks": row.total_checks,
                "response_time_ms": row.response_time_ms,
            }
            for row in store.rounds(session, ctx.now() - hours * 3600)
        ]


def recent(ctx: Context, count: int = 60) -> dict[str, list[dict[str, Any]]]:
    """Return the last `count` results of each check, the oldest first; over several targets the worst of a round."""
    since = ctx.now() - (count + 1) * ctx.settings.health_check_interval
    bars: dict[str, dict[int, dict[str, Any]]] = {}
    with ctx.read() as session:
        for row in store.recent(session, since):
            by_round = bars.setdefault(row.name, {})
            known = by_round.get(row.round)
            if known is None or VALUE[row.status] < VALUE[known["status"]]:
                by_round[row.round] = {"status": row.status, "at": encode.iso(row.at), "ms": row.response_time_ms}
    return {name: [rows[number] for number in sorted(rows)][-count:] for name, rows in bars.items()}
