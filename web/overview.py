"""What the overview and an incident's page show, gathered from the rooms. A part that is away says so, and the others go on."""

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
from web.cache import Recent

BARS = 60
"""Checks in a history bar."""

PAST = 5
"""Resolved incidents that are shown."""

EVENTS = 50
"""Security events that are looked through; those that repeat one another are one line."""

OTHERS = 20
"""Open incidents that one can be merged into on its page."""

DROP_HOURS = 1 / 3
"""How far back the score of now is compared."""


class Part(NamedTuple):
    """One part of the page: what it shows, or why it cannot."""

    value: Any
    error: str | None


def part(read: Callable[[], Any]) -> Part:
    """Return what `read` returns as a part."""
    try:
        return Part(read(), None)
    except Transient as error:
        return Part(None, str(error))


def gather(ctx: Context) -> dict[str, Any]:
    """Return everything that the overview shows."""
    now = ctx.now()
    parts = {
        "collection": part(lambda: metrics.last_collection(ctx)),
        "health": part(lambda: _health(ctx, now)),
        "alerts": part(lambda: _alerts(ctx)),
        "incidents": part(lambda: _incidents(ctx)),
        "security": part(lambda: _security(ctx)),
        "channels": part(lambda: notify.channels(ctx)),
        "fleet": part(lambda: _fleet(ctx)),
        "dead": part(lambda: {"count": deadletter.count(ctx), "recent": deadletter.recent(ctx, 3)}),
    }
    parts["activity"] = part(lambda: _activity(ctx, parts))
    return {
        **parts,
        "now": now,
        "interval": ctx.settings.metrics_collection_interval,
        "verdict": hero.of(
            parts["health"].value, parts["alerts"].value, [one.error for one in parts.values() if one.error]
        ),
    }


def _health(ctx: Context, now: float) -> dict[str, Any]:
    interval = ctx.settings.health_check_interval
    shown = health.report(ctx)
    past = health.history(ctx, DROP_HOURS)
    rows = health.recent(ctx, BARS)
    names = dict.fromkeys([*(check["name"] for check in shown["checks"]), *rows])
    return {
        **shown,
        "why": health.why(ctx),
        "interval": interval,
        "change": hero.change(past, shown["score"]),
        "cards": [
            {
                "name": name,
                "check": _worst(shown["checks"], name),
                "bars": hero.bars(rows.get(name, []), interval, now, BARS),
            }
            for name in names
        ],
    }


def _worst(checks: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any] | None:
    """Return the worst result of a check that several targets have."""
    found = [check for check in checks if check["name"] == name]
    return max(found, key=lambda check: hero.RANK[check["status"]], default=None)


MOST_ALERTS = 50


def _alerts(ctx: Context) -> dict[str, Any]:
    shown = alerts.overview(ctx, 10, MOST_ALERTS, worst_first=True)
    muted = routing.suppressed(ctx, [one["id"] for one in shown["active_alerts"]])
    units = {one["name"]: formatting.unit_of(one["expr"]) for one in shown["alert_rules"]}
    rows = [
        {
            **alert,
            "unit": units.get(alert["name"], "number"),
            "silences": [one.by for one in muted.get(alert["id"], []) if one.kind == "silence"],
            "held": [
                one._replace(until=None)._asdict() | {"until": encode.iso(one.until)}
                for one in muted.get(alert["id"], [])
            ],
            "place": hero.place(alert["labels"]),
        }
        for alert in shown["active_alerts"]
    ]
    rows.sort(key=lambda alert: (bool(alert["held"]), -rule.SEVERITIES.index(alert["severity"]), -alert["id"]))
    return {**shown, "active_alerts": rows}


def _incidents(ctx: Context) -> dict[str, Any]:
    rows = incidents.listing(ctx, "open", 20)
    urgent = sorted(rows["incidents"], key=hero.urgency)
    past = incidents.listing(ctx, "resolved", PAST)["incidents"]
    return {"open": urgent, "total": rows["total"], "past": past, "summary": incidents.summary(ctx)}


def _security(ctx: Context) -> dict[str, Any]:
    shown = security.overview(ctx, EVENTS)
    return {**shown, "recent_events": hero.folded(shown["recent_events"], 6)}


def _fleet(ctx: Context) -> dict[str, Any]:
    return {
        "components": analysis.components(ctx),
        "workers": analysis.workers(ctx),
        "queues": analysis.queues(ctx),
        "targets": sorted(collect.targets(ctx), key=lambda one: one["up"] is not False),
    }


def _activity(ctx: Context, parts: Mapping[str, Part]) -> list[dict[str, Any]]:
    """Return what happened lately; a part that is away is left out of it."""
    known = parts["alerts"].value or {"active_alerts": [], "alert_history": []}
    found = parts["incidents"].value or {"open": [], "past": []}
    guard = parts["security"].value or {"restrictions": []}
    newest = sorted((one["id"] for one in (*found["open"], *found["past"])), reverse=True)[:3]
    return activity.merged(
        [*known["active_alerts"], *known["alert_history"]],
        [incidents.show(ctx, number) for number in newest],
        guard["restrictions"],
        notify.recent(ctx, 12),
    )


def alert(ctx: Context, number: int) -> dict[str, Any]:
    """Return everything that an alert's page shows; NotFound where there is none."""
    return {
        "now": ctx.now(),
        "interval": ctx.settings.metrics_collection_interval,
        "collection": part(lambda: metrics.last_collection(ctx)),
        **notify.explain(ctx, number),
    }


def rules(ctx: Context) -> dict[str, Any]:
    """Return everything that the page of rules shows."""
    report = rule_report(ctx, 30 * 86400.0)
    by_id = {row["rule"]: row for row in report["rules"]}
    rows = [{**one, "report": by_id.get(one["id"]), **_states(one)} for one in alerts.by_rule(ctx)]
    return {
        "now": ctx.now(),
        "interval": ctx.settings.metrics_collection_interval,
        "collection": part(lambda: metrics.last_collection(ctx)),
        "rules": rows,
        "report": report,
    }


def _states(one: dict[str, Any]) -> dict[str, int]:
    states = [alert["state"] for alert in one.get("alerts", ())]
    return {"firing": states.count("firing"), "pending": states.count("pending")}


PICTURED_FOR = 30.0
"""Seconds for which the charts of an incident are drawn once for all who look at it."""


def pictures(ctx: Context, number: int, kept: Recent) -> dict[str, str]:
    """Return the charts of an incident by name."""
    found: dict[str, str] = kept.get(("charts", number), lambda: incidents.drawn(ctx, number), PICTURED_FOR)
    return found


def _others(ctx: Context, number: int) -> list[dict[str, Any]]:
    """Return the newest incidents that are open beside `number`."""
    found = incidents.listing(ctx, "open", OTHERS + 1)["incidents"]
    return [one for one in found if one["id"] != number][:OTHERS]


def incident(ctx: Context, number: int, kept: Recent) -> dict[str, Any]:
    """Return everything that an incident's page shows; NotFound where there is none."""
    now = ctx.now()
    shown = incidents.show(ctx, number)
    actions = {one["number"]: one for one in shown["actions"]}
    end = encode.seconds_of(shown["mitigated_at"]) if shown["mitigated_at"] else now
    taken = end - encode.seconds_of(shown["opened_at"])
    return {
        "now": now,
        "interval": ctx.settings.metrics_collection_interval,
        "collection": part(lambda: metrics.last_collection(ctx)),
        "incident": shown,
        "others": _others(ctx, number),
        "stages": [{**stage, "actions": [actions[i] for i in stage["actions"]]} for stage in shown["stages"]],
        "charts": list(part(lambda: pictures(ctx, number, kept)).value or ()),
        "turn": int(now // PICTURED_FOR),
        "taken": taken,
        "share": min(1.0, taken / (shown["mttr_target_minutes"] * 60)),
    }
