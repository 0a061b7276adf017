"""Public interface of health: due checks, check execution, and reports."""

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
from memmon.errors import BadQuery, Transient
from memmon.health import score, store
from memmon.health.model import VALUE, CheckResult, worst
from memmon.health.probes import OF_HOSTS, PROBES
from memmon.health.tables import HealthResult
from memmon.jobs import Job
from memmon.metrics import service as metrics
from memmon.samples import Metadata, Sample
from memmon.state import heartbeat, lease, live

log = logging.getLogger(__name__)

COMPONENT = "health_monitor"
GRACE = 1.0
"""Seconds beyond a check's own time limit after which its task is cut."""

LOST_AFTER = 15.0
"""Seconds beyond three time limits after which a result comes no more: it may wait twice its limit,
and run once.
"""

LOST_WITHIN = 3600.0
MAX_HISTORY = 1000
METADATA = {
    "memmimic_health_score": Metadata("gauge", "Health of the instance between 0 and 1"),
    "memmimic_health_check_status": Metadata("gauge", "1 healthy, 0.7 degraded, 0.3 unhealthy, 0 critical"),
}


def due(ctx: Context) -> list[Job]:
    """Return the checks of a new round, or none while this period's are under way."""
    interval, now = ctx.settings.health_check_interval, ctx.now()
    _close_lost(ctx, now)  # May fail with SQL, and then the period must not have been taken.
    if not lease.claim_period(ctx.redis, "health", interval, now):
        return []
    round_number = int(
        math.floor(now / interval) * interval
    )  # The start of the period: it rises even when the interval changes.
    return [_job(target, check, round_number) for target, check in _planned(ctx)]


def _job(target: Target, definition: Check, round_number: int) -> Job:
    limit = definition.timeout + GRACE
    return Job("health.check", (target.name, definition.name, round_number), expires=max(10.0, 2 * limit), limit=limit)


def _close_lost(ctx: Context, now: float) -> None:
    """Judge the rounds whose missing checks can no longer come: a monitor does not hide that it
    could not look.
    """
    limits = [definition.timeout for _, definition in _planned(ctx)]
    late = now - 3 * max(limits, default=5.0) - LOST_AFTER
    for name, expected in _wanted(ctx).items():
        with ctx.read() as session:
            open_rounds = store.unjudged(session, name, late - LOST_WITHIN, late)
        for round_number, there in open_rounds.items():
            for missing in sorted(expected - there):
                log.warning("health check %s of %s gave no result", missing, name)
                record(ctx, name, missing, round_number, CheckResult("critical", "no result: its task was lost"), 0.0)


def _wanted(ctx: Context) -> dict[str, set[str]]:
    """Return the checks of each target."""
    checks_by_target: dict[str, set[str]] = {}
    for target, definition in _planned(ctx):
        checks_by_target.setdefault(target.name, set()).add(definition.name)
    return checks_by_target


def _planned(ctx: Context) -> list[tuple[Target, Check]]:
    """Return every MemMimic with all checks, so that one score holds all that its health depends
    on; where none is configured, the host with them.
    """
    all_targets = ctx.config.targets.targets
    watched = [target for target in all_targets if target.kind == "memmimic"]
    watched = watched or [target for target in all_targets if target.kind == "host"][:1]
    checks = [check for check in ctx.config.checks.checks if check.enabled]
    return [(target, check) for target in watched for check in checks]


def check(ctx: Context, target_name: str, check_name: str, round_number: int) -> None:
    """Run one check, store its result, and judge the round once it is complete."""
    planned: dict[tuple[str, str], tuple[Target, Check]]
    planned = {(target.name, check.name): (target, check) for target, check in _planned(ctx)}
    if (target_name, check_name) not in planned:
        return  # The configuration changed since the tick.
    target, definition = planned[target_name, check_name]
    began = time.perf_counter()
    finding = _find(ctx, target, definition)
    took = (time.perf_counter() - began) * 1000
    record(ctx, target_name, check_name, round_number, finding, took)


def _find(ctx: Context, target: Target, definition: Check) -> CheckResult:
    if target.kind != "memmimic" and definition.name not in OF_HOSTS:
        return CheckResult("degraded", "no MemMimic is configured: set MEMMIMIC_DB_PATH or write targets.yml")
    try:
        return PROBES[definition.name](ctx, target, definition)
    except (Transient, BadQuery, OSError) as error:
        return CheckResult("critical", f"the check could not be done: {error}")


def cut(ctx: Context, target_name: str, check_name: str, round_number: int) -> None:
    """Keep that a check hung and was ended by its job's limit."""
    seconds = next((check.timeout for check in ctx.config.checks.checks if check.name == check_name), 5.0) + GRACE
    finding = CheckResult("critical", f"the check did not end within {seconds:g} s and was cut")
    record(ctx, target_name, check_name, round_number, finding, seconds * 1000)


def record(
    ctx: Context, target_name: str, check_name: str, round_number: int, finding: CheckResult, took_ms: float
) -> None:
    """Keep what a check found; the last one of a round judges it."""
    now = ctx.now()
    with ctx.write() as session:
        store.save_result(
            session,
            round=round_number,
            target=target_name,
            name=check_name,
            status=finding.status,
            message=finding.message,
            response_time_ms=took_ms,
            detail=finding.detail,
            at=now,
        )
    heartbeat.beat(ctx.redis, COMPONENT, "ok", now, check=check_name, target=target_name)
    _judge(ctx, target_name, round_number, now)


def _judge(ctx: Context, target_name: str, round_number: int, now: float) -> None:
    """Give the verdict of a round when all of its checks are in.

    In a transaction of its own: two checks that end together do not see each other's row before it
    is committed, and each would leave the verdict to the other.
    """
    with ctx.write() as session:
        rows = store.results(session, target_name, round_number)
        if not _wanted(ctx).get(target_name, set()) <= {row.name for row in rows}:
            return
        value = _save_verdict(ctx, session, target_name, round_number, rows, now)
        newest = round_number >= store.newest_round(session, target_name)
    if newest:  # A round that was late says nothing of the present.
        _publish(ctx, target_name, value, rows, now)


def _save_verdict(ctx: Context, session: Any, target_name: str, round_number: int, rows: Any, now: float) -> float:
    value = score.score({row.name: row.status for row in rows}, _weights(ctx))
    store.save_round(
        session,
        target=target_name,
        round=round_number,
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
        own_labels = target.own_labels
        samples = [Sample(label_sets.of({**own_labels, label_sets.NAME: "memmimic_health_score"}), value)]
        for row in rows:
            named = {**own_labels, label_sets.NAME: "memmimic_health_check_status", "check": row.name}
            samples.append(Sample(label_sets.of(named), VALUE[row.status]))
        interval = ctx.settings.health_check_interval
        metrics.ingest(ctx, f"health:{target_name}", samples, METADATA, now, interval)
    live.publish(
        ctx.redis,
        "health",
        {
            "target": target_name,
            "status": worst([row.status for row in rows]),
            "score": value,
            "at": now,
            "checks": [{"name": row.name, "status": row.status, "message": row.message} for row in rows],
        },
    )


def _weights(ctx: Context) -> dict[str, float]:
    return {check.name: check.weight for check in ctx.config.checks.checks}


def _current(ctx: Context, instance: str | None = None) -> list[HealthResult]:
    """Return the newest result of each check that is still planned and not too old to speak of
    now.
    """
    planned: dict[tuple[str, str], Target]
    planned = {(target.name, check.name): target for target, check in _planned(ctx)}
    with ctx.read() as session:
        rows = store.newest(session, ctx.now() - max(90.0, 5 * ctx.settings.health_check_interval))
    return [
        row
        for row in rows
        if (row.target, row.name) in planned and instance in (None, planned[row.target, row.name].identity, row.target)
    ]


def report(ctx: Context, instance: str | None = None) -> dict[str, Any]:
    """Return the body of GET /api/health from the newest stored results; status `unknown` before
    the first.
    """
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
    worst_status: dict[str, Any] = {}
    for row in rows:
        worst_status[row.name] = worst([row.status, worst_status[row.name]]) if row.name in worst_status else row.status  # type: ignore[list-item]
    return worst_status


def why(ctx: Context) -> list[dict[str, Any]]:
    """Return what the score lost: check, points (0-1), message; the largest first."""
    rows: list[Any] = _current(ctx)
    worst_rows: dict[str, Any] = {}
    for row in rows:
        if row.name not in worst_rows or VALUE[row.status] < VALUE[worst_rows[row.name].status]:
            worst_rows[row.name] = row
    losses = score.losses([(row.name, row.status, row.message) for row in worst_rows.values()], _weights(ctx))
    return [loss._asdict() for loss in losses]


def history(ctx: Context, hours: float) -> list[dict[str, Any]]:
    """Return the verdicts of the last `hours`, the oldest first; of too many, the worst of each
    stretch.
    """
    names = {target.name: target.identity for target in ctx.config.targets.targets}
    with ctx.read() as session:
        rows = store.rounds(session, ctx.now() - hours * 3600)
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
            for row in score.thinned(rows, lambda row: (row.target, row.score), MAX_HISTORY)
        ]


def recent(ctx: Context, count: int = 60) -> dict[str, list[dict[str, Any]]]:
    """Return the last `count` results of each check, the oldest first; over several targets the
    worst of a round.
    """
    since = ctx.now() - (count + 1) * ctx.settings.health_check_interval
    bars: dict[str, dict[int, dict[str, Any]]] = {}
    with ctx.read() as session:
        for row in store.recent(session, since):
            by_round = bars.setdefault(row.name, {})
            worst_result = by_round.get(row.round)
            if worst_result is None or VALUE[row.status] < VALUE[worst_result["status"]]:
                by_round[row.round] = {"status": row.status, "at": encode.iso(row.at), "ms": row.response_time_ms}
    return {name: [rows[round_number] for round_number in sorted(rows)][-count:] for name, rows in bars.items()}
