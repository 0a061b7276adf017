"""What the overview and an incident's page show, gathered from the rooms. A part that is away says
so, and the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from memmon import encode
from memmon.alerts import rule
from memmon.alerts import service as alerts
from memmon.analysis import service as analysis
from memmon.analysis.rule_report import rule_report
from memmon.collect import service as collect
from memmon.context import Context
from memmon.errors import Transient
from memmon.health import service as health
from memmon.incidents import service as incidents
from memmon.metrics import service as metrics
from memmon.notify import service as notify
from memmon.routing import service as routing
from memmon.security import service as security
from memmon.upkeep import deadletter
from web import activity, formatting, hero
from web.cache import TtlCache

HISTORY_BARS = 60
"""Checks in a history bar."""

RESOLVED_LIMIT = 5
"""Resolved incidents that are shown."""

EVENT_LIMIT = 50
"""Most security events that are read; repeated ones become one line."""

MERGE_CANDIDATE_LIMIT = 20
"""Open incidents that one can be merged into on its page."""

SCORE_CHANGE_HOURS = 1 / 3
"""How far back the score of now is compared."""


class PageSection(NamedTuple):
    """One part of the page: its value, or the reason of its failure."""

    value: Any
    error: str | None


def load_section(read: Callable[[], Any]) -> PageSection:
    """Return what `read` returns as a part."""
    try:
        return PageSection(read(), None)
    except Transient as error:
        return PageSection(None, str(error))


def load_overview(ctx: Context) -> dict[str, Any]:
    """Return everything that the overview shows."""
    now = ctx.now()
    cards = {
        "collection": load_section(lambda: metrics.last_collection(ctx)),
        "health": load_section(lambda: _health(ctx, now)),
        "alerts": load_section(lambda: _alerts(ctx)),
        "incidents": load_section(lambda: _incidents(ctx)),
        "security": load_section(lambda: _security(ctx)),
        "channels": load_section(lambda: notify.channels(ctx)),
        "fleet": load_section(lambda: _fleet(ctx)),
        "dead": load_section(lambda: {"count": deadletter.count(ctx), "recent": deadletter.recent(ctx, 3)}),
    }
    cards["activity"] = load_section(lambda: _activity(ctx, cards))
    return {
        **cards,
        "now": now,
        "interval": ctx.settings.metrics_collection_interval,
        "verdict": hero.summarize_status(
            cards["health"].value, cards["alerts"].value, [part.error for part in cards.values() if part.error]
        ),
    }


def _health(ctx: Context, now: float) -> dict[str, Any]:
    interval = ctx.settings.health_check_interval
    health_report = health.report(ctx)
    past = health.history(ctx, SCORE_CHANGE_HOURS)
    rows = health.recent(ctx, HISTORY_BARS)
    names = dict.fromkeys([*(check["name"] for check in health_report["checks"]), *rows])
    return {
        **health_report,
        "why": health.why(ctx),
        "interval": interval,
        "change": hero.score_change(past, health_report["score"]),
        "cards": [
            {
                "name": name,
                "check": _worst(health_report["checks"], name),
                "bars": hero.history_bars(rows.get(name, []), interval, now, HISTORY_BARS),
            }
            for name in names
        ],
    }


def _worst(checks: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any] | None:
    """Return the worst result of a check that several targets have."""
    matching = [check for check in checks if check["name"] == name]
    return max(matching, key=lambda check: hero.STATUS_RANK[check["status"]], default=None)


MAX_ALERTS = 50


def _alerts(ctx: Context) -> dict[str, Any]:
    alerts_report = alerts.overview(ctx, 10, MAX_ALERTS, worst_first=True)
    muted = routing.suppressed(ctx, [alert_["id"] for alert_ in alerts_report["active_alerts"]])
    units = {rule["name"]: formatting.infer_unit(rule["expr"]) for rule in alerts_report["alert_rules"]}
    rows = [
        {
            **alert,
            "unit": units.get(alert["name"], "number"),
            "silences": [suppression.by for suppression in muted.get(alert["id"], []) if suppression.kind == "silence"],
            "held": [
                suppression._replace(until=None)._asdict() | {"until": encode.iso(suppression.until)}
                for suppression in muted.get(alert["id"], [])
            ],
            "place": hero.alert_location(alert["labels"]),
        }
        for alert in alerts_report["active_alerts"]
    ]
    rows.sort(key=lambda alert: (bool(alert["held"]), -rule.SEVERITIES.index(alert["severity"]), -alert["id"]))
    return {**alerts_report, "active_alerts": rows}


def _incidents(ctx: Context) -> dict[str, Any]:
    rows = incidents.listing(ctx, "open", 20)
    urgent = sorted(rows["incidents"], key=hero.urgency_key)
    past = incidents.listing(ctx, "resolved", RESOLVED_LIMIT)["incidents"]
    return {"open": urgent, "total": rows["total"], "past": past, "summary": incidents.summary(ctx)}


def _security(ctx: Context) -> dict[str, Any]:
    security_report = security.overview(ctx, EVENT_LIMIT)
    return {**security_report, "recent_events": hero.collapse_repeats(security_report["recent_events"], 6)}


def _fleet(ctx: Context) -> dict[str, Any]:
    return {
        "components": analysis.components(ctx),
        "workers": analysis.workers(ctx),
        "queues": analysis.queues(ctx),
        "targets": sorted(collect.targets(ctx), key=lambda target: target["up"] is not False),
    }


def _activity(ctx: Context, cards: Mapping[str, PageSection]) -> list[dict[str, Any]]:
    """Return what happened lately; a part that is away is left out of it."""
    alert_lists = cards["alerts"].value or {"active_alerts": [], "alert_history": []}
    incident_lists = cards["incidents"].value or {"open": [], "past": []}
    guard = cards["security"].value or {"restrictions": []}
    newest = sorted(
        (incident_["id"] for incident_ in (*incident_lists["open"], *incident_lists["past"])), reverse=True
    )[:3]
    return activity.merge_activity(
        [*alert_lists["active_alerts"], *alert_lists["alert_history"]],
        [incidents.show(ctx, incident_id) for incident_id in newest],
        guard["restrictions"],
        notify.recent(ctx, 12),
    )


def load_alert(ctx: Context, alert_id: int) -> dict[str, Any]:
    """Return the context of an alert's page; raise NotFound for an unknown id."""
    return {
        "now": ctx.now(),
        "interval": ctx.settings.metrics_collection_interval,
        "collection": load_section(lambda: metrics.last_collection(ctx)),
        **notify.explain(ctx, alert_id),
    }


def load_rules(ctx: Context) -> dict[str, Any]:
    """Return everything that the page of rules shows."""
    report = rule_report(ctx, 30 * 86400.0)
    by_id = {row["rule"]: row for row in report["rules"]}
    rows = [{**rule, "report": by_id.get(rule["id"]), **_states(rule)} for rule in alerts.by_rule(ctx)]
    return {
        "now": ctx.now(),
        "interval": ctx.settings.metrics_collection_interval,
        "collection": load_section(lambda: metrics.last_collection(ctx)),
        "rules": rows,
        "report": report,
    }


def _states(rule: dict[str, Any]) -> dict[str, int]:
    states = [alert["state"] for alert in rule.get("alerts", ())]
    return {"firing": states.count("firing"), "pending": states.count("pending")}


CHART_CACHE_SECONDS = 30.0
"""Seconds for which the rendered charts of an incident are reused."""


def incident_charts(ctx: Context, incident_id: int, recent: TtlCache) -> dict[str, str]:
    """Return the charts of an incident by name."""
    charts: dict[str, str] = recent.get(
        ("charts", incident_id), lambda: incidents.render(ctx, incident_id), CHART_CACHE_SECONDS
    )
    return charts


def _others(ctx: Context, incident_id: int) -> list[dict[str, Any]]:
    """Return the newest incidents that are open beside `number`."""
    open_incidents = incidents.listing(ctx, "open", MERGE_CANDIDATE_LIMIT + 1)["incidents"]
    return [incident_ for incident_ in open_incidents if incident_["id"] != incident_id][:MERGE_CANDIDATE_LIMIT]


def load_incident(ctx: Context, incident_id: int, recent: TtlCache) -> dict[str, Any]:
    """Return the context of an incident's page; raise NotFound for an unknown id."""
    now = ctx.now()
    incident_json = incidents.show(ctx, incident_id)
    actions = {action["number"]: action for action in incident_json["actions"]}
    end = encode.seconds_of(incident_json["mitigated_at"]) if incident_json["mitigated_at"] else now
    taken = end - encode.seconds_of(incident_json["opened_at"])
    return {
        "now": now,
        "interval": ctx.settings.metrics_collection_interval,
        "collection": load_section(lambda: metrics.last_collection(ctx)),
        "incident": incident_json,
        "others": _others(ctx, incident_id),
        "stages": [{**stage, "actions": [actions[i] for i in stage["actions"]]} for stage in incident_json["stages"]],
        "charts": list(load_section(lambda: incident_charts(ctx, incident_id, recent)).value or ()),
        "turn": int(now // CHART_CACHE_SECONDS),
        "taken": taken,
        "share": min(1.0, taken / (incident_json["mttr_target_minutes"] * 60)),
    }
