"""Public interface of reads over several rooms: status, performance, alerts with routing status,
tasks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from sqlalchemy import text

from memmon import __version__, encode
from memmon.alerts import service as alert_room
from memmon.analysis import component_status
from memmon.collect import broker
from memmon.context import Context
from memmon.db import migrate
from memmon.errors import Transient
from memmon.health import service as health_room
from memmon.incidents import service as incident_room
from memmon.metrics import exposition
from memmon.metrics import service as metric_room
from memmon.notify import service as notify_room
from memmon.routing.alert_status import statuses_of
from memmon.routing.inputs import FlushInputs
from memmon.samples import Point
from memmon.security import service as security_room
from memmon.state import client, heartbeat
from memmon.upkeep import deadletter

log = logging.getLogger(__name__)

DASHBOARD_EVERY = 5.0
"""Seconds between two pulses of a web process."""

SECURITY_EVERY = 5.0
INCIDENTS_EVERY = 1.0


def status(ctx: Context) -> dict[str, Any]:
    """Return the body of GET /api/status. It is asked for when something is broken, so a part that
    is away is said in its place, and whether Redis and SQL answer is found out once, not by the
    time limit of each part.
    """
    outside = {"redis": _redis(ctx), "database": _database(ctx)}
    redis_up, sql_up = (outside[name]["status"] == "up" for name in ("redis", "database"))
    summaries = {
        "components": _part(redis_up, lambda: components(ctx), _unknown(ctx)),
        "workers": _part(redis_up, lambda: workers(ctx), []),
        "queues": _part(redis_up, lambda: queues(ctx), []),
        "metrics_summary": _part(redis_up and sql_up, lambda: _metrics(ctx), {}),
        "health": _part(sql_up, lambda: _health(ctx), {}),
        "security": _part(sql_up, lambda: security_room.overview(ctx, 0)["summary"], {}),
        "alerts": _part(sql_up, lambda: alerts(ctx, 0, 0)["summary"], {}),
        "incidents": _part(sql_up, lambda: incident_room.summary(ctx), {}),
        "audit": _part(redis_up, lambda: incident_room.last_audit(ctx), {}),
    }
    judged, why = component_status.system(
        outside, summaries["components"], summaries["queues"], summaries["health"], summaries["alerts"]
    )
    now = encode.iso(ctx.now())
    return {"timestamp": now, "version": __version__, "system_status": judged, "reasons": why, **outside, **summaries}


def _part(possible: bool, ask: Callable[[], Any], instead: Any) -> Any:
    """Return one part of the status, or `instead` when it is unavailable."""
    if not possible:
        return instead
    try:
        return ask()
    except Transient as error:
        log.warning("a part of the status is unavailable: %s", error)
    except Exception:  # One failing part must not hide the other parts from the operator.
        log.exception("a part of the status failed")
    return instead


def _redis(ctx: Context) -> dict[str, Any]:
    try:
        client.probe(ctx.settings.redis_address)
    except Transient as error:
        return {"status": "down", "reason": str(error)}
    return {"status": "up", "reason": None}


def _database(ctx: Context) -> dict[str, Any]:
    revision = None
    try:
        revision = migrate.revision(ctx.engine)
        with ctx.read() as session:
            session.execute(text("SELECT 1"))
    except Transient as error:
        return {"status": "down", "reason": str(error), "schema": revision}
    return {"status": "up", "reason": None, "schema": revision}


def intervals(ctx: Context) -> dict[str, float]:
    """Return the seconds within which each component is to run."""
    return {
        "metrics_collector": min(ctx.settings.intervals.values()),
        "health_monitor": ctx.settings.health_check_interval,
        "security_monitor": SECURITY_EVERY,
        "alert_manager": ctx.settings.alert_evaluation_interval,
        "incident_response": INCIDENTS_EVERY,
        "dashboard_server": DASHBOARD_EVERY,
    }


def components(ctx: Context) -> dict[str, dict[str, Any]]:
    """Return how each of memmon's own parts is, by when it last ran."""
    last, now = heartbeat.read(ctx.redis), ctx.now()
    return {name: component_status.component(last.get(name), every, now) for name, every in intervals(ctx).items()}


def _unknown(ctx: Context) -> dict[str, dict[str, Any]]:
    return {name: component_status.component(None, every, ctx.now()) for name, every in intervals(ctx).items()}


def workers(ctx: Context) -> list[dict[str, Any]]:
    """Return the workers with a recent heartbeat."""
    now = ctx.now()
    return [
        {**worker, "at": encode.iso(worker["at"]), "age": round(now - worker["at"], 3)}
        for worker in broker.workers(ctx.redis, now)
    ]


def queues(ctx: Context) -> list[dict[str, Any]]:
    """Return how many messages wait in each queue, how old the oldest is, and who serves it."""
    alive = broker.workers(ctx.redis, ctx.now())
    return [
        {
            "name": name,
            "depth": depth,
            "oldest_seconds": round(age, 3),
            "workers": [worker["name"] for worker in alive if name in worker["queues"]],
        }
        for name, depth, age in broker.queues(ctx.redis, ctx.now())
    ]


def _metrics(ctx: Context) -> Any:
    return metric_room.snapshot_of(ctx)["metrics_summary"]


def _health(ctx: Context) -> dict[str, Any]:
    report = health_room.report(ctx)
    return {name: value for name, value in report.items() if name != "checks"} | {"why": health_room.why(ctx)}


def alerts(ctx: Context, limit: int = 100, active: int = alert_room.MOST_SHOWN, after: int = 0) -> dict[str, Any]:
    """Return the body of GET /api/alerts: what alerts, routing and notification know of them."""
    overview, view = alert_room.overview(ctx, limit, active, after), FlushInputs(ctx, ctx.now())
    for alert_status in statuses_of(view, overview["active_alerts"]):
        alert = alert_status.alert
        alert["silenced_by"] = [
            suppression.by for suppression in alert_status.suppressions if suppression.kind == "silence"
        ]
        alert["held"] = [
            {**suppression.to_json(), "until": encode.iso(suppression.until)}
            for suppression in alert_status.suppressions
        ]
        alert["muted_by"] = alert_status.muted_by
        if alert_status.muted:
            alert["status"] = "suppressed"
    suppressed = sum(bool(view.suppressions_of(labels)) for _, _, labels in alert_room.firing_labels(ctx))
    sent = notify_room.counts(ctx)
    overview["summary"] |= {
        "notifications_sent": sent.get("sent", 0),
        "notifications_failed": sent.get("failed", 0),
        "suppressed_alerts": suppressed,
        "notification_channels": len(notify_room.channels(ctx)),
    }
    return overview


def security(ctx: Context, limit: int = 100) -> dict[str, Any]:
    """Return the body of GET /api/security: events, open incidents, and restrictions."""
    overview, incidents = security_room.overview(ctx, limit), incident_room.open_security(ctx)
    return {
        "summary": {**overview["summary"], "open_incidents": len(incidents)},
        "recent_events": overview["recent_events"],
        "incidents": incidents,
        "blocked": overview["blocked"],
        "restrictions": overview["restrictions"],
    }


def performance(ctx: Context, hours: float) -> dict[str, Any]:
    """Return the body of GET /api/performance over the last `hours`."""
    performance = metric_room.performance(ctx, hours)
    return {
        "timestamp": encode.iso(ctx.now()),
        "hours": hours,
        "current_metrics": metric_room.current(ctx),
        "historical_metrics": performance["historical_metrics"],
        "health_history": health_room.history(ctx, hours),
        "baselines": performance["baselines"],
        "trends": performance["trends"],
        "recommendations": performance["recommendations"],
    }


def notifications(ctx: Context, limit: int = 50) -> dict[str, Any]:
    """Return the newest messages with their attempts, the channels, and how many there are by
    state.
    """
    counted = {**dict.fromkeys(("waiting", "sending", "sent", "failed"), 0), **notify_room.counts(ctx)}
    return {"notifications": notify_room.recent(ctx, limit), "channels": notify_room.channels(ctx), "counts": counted}


def tasks(ctx: Context, limit: int = 20) -> dict[str, Any]:
    """Return queues, workers, and dead letters."""
    letters = [{**letter, "at": encode.iso(letter["at"])} for letter in deadletter.recent(ctx, limit)]
    return {
        "queues": queues(ctx),
        "workers": workers(ctx),
        "dead_letters": letters,
        "dead_letters_total": deadletter.count(ctx),
    }


def own_page(ctx: Context) -> str:
    """Return memmon's own metrics, as they are now, in text format 0.0.4."""
    collected = broker.collect(ctx.redis, ctx.now())
    points = [Point(labels, value) for labels, value in zip(collected.series, collected.values.tolist(), strict=True)]
    return exposition.render(points, collected.metadata)
