"""Prometheus' HTTP API under /api/v1, as promtool and Grafana use it. POST to a query is a read."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

import memmon
from memmon import duration, encode
from memmon import labels as label_sets
from memmon.alerts import service as alerts
from memmon.collect import service as collect
from memmon.context import Context
from memmon.errors import BadInput, BadQuery, Conflict, MemmonError, NotFound, Refused, Transient
from memmon.labels import Labels
from memmon.metrics import service
from memmon.promql import numbers, parser
from memmon.promql.exact.engine import MAX_STEPS
from web import auth, http
from web.api import prometheus_schema as form
from web.errors import Forbidden, Unauthorized

blueprint = Blueprint("prometheus", __name__, url_prefix="/api/v1")

READ_METHODS = ("GET", "POST")
ZERO_TIME = "0001-01-01T00:00:00Z"
"""Go's zero time: Prometheus' value for a rule or target that was not evaluated or scraped yet."""

STATUS_BY_ERROR: dict[type[MemmonError], tuple[int, str]] = {
    BadInput: (400, "bad_data"),
    Unauthorized: (401, "unauthorized"),
    Forbidden: (403, "forbidden"),
    NotFound: (404, "not_found"),
    Conflict: (409, "conflict"),
    Refused: (422, "execution"),
    Transient: (503, "unavailable"),
}
QUERY_ERROR_STATUS = {"bad_data": 400, "execution": 422, "timeout": 503, "canceled": 503}


@blueprint.errorhandler(MemmonError)
def handle_error(error: MemmonError) -> Response:
    """Return any failure of memmon's in Prometheus' envelope."""
    if isinstance(error, BadQuery):
        return form.error_response(QUERY_ERROR_STATUS[error.kind], error.kind, str(error))
    status, kind = next(
        (status_and_kind for cls, status_and_kind in STATUS_BY_ERROR.items() if isinstance(error, cls)),
        (500, "internal"),
    )
    response = form.error_response(status, kind, error.message if isinstance(error, BadInput) else str(error))
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="memmon"'
    return response


@blueprint.route("/query", methods=READ_METHODS)
@auth.require_role("viewer")
def query() -> Response:
    """Evaluate `query` at `time`."""
    ctx = http.context()
    at = form.time_param("time", ctx.now())
    kind, value, notes = service.value(ctx, form.text_param("query"), at, _timeout())
    result, warnings = form.serialize_result(kind, value, at), list(notes.warnings)
    if kind in ("vector", "matrix"):
        result["result"], limit_warnings = form.truncate(result["result"], form.limit_param())
        warnings += limit_warnings
    return form.success_response(result, warnings, notes.infos)


@blueprint.route("/query_range", methods=READ_METHODS)
@auth.require_role("viewer")
def query_range() -> Response:
    """Evaluate `query` at every `step` from `start` to `end`."""
    start, end, step = form.time_param("start"), form.time_param("end"), form.duration_param("step")
    if end < start:
        raise BadInput("end", 'invalid parameter "end": end timestamp must not be before start time')
    if step <= 0:
        raise BadInput(
            "step",
            'invalid parameter "step": zero or negative query resolution step widths are not accepted. '
            "Try a positive integer",
        )
    if (end - start) / step > MAX_STEPS:
        raise BadInput(
            "step",
            "exceeded maximum resolution of 11,000 points per timeseries. "
            "Try decreasing the query resolution (?step=XX)",
        )
    series, notes = service.range(http.context(), form.text_param("query"), start, end, step, _timeout())
    rows, warnings = form.truncate(sorted(series, key=lambda row: row.labels), form.limit_param())
    return form.success_response(form.serialize_matrix(rows), [*notes.warnings, *warnings], notes.infos)


def _timeout() -> float:
    requested = form.duration_param("timeout", service.QUERY_SECONDS)
    if requested <= 0:
        raise BadInput("timeout", 'invalid parameter "timeout": must be positive')
    return requested


@blueprint.route("/format_query", methods=READ_METHODS)
@auth.require_role("viewer")
def format_query() -> Response:
    """Lay `query` out over lines."""
    return form.success_response(parser.pretty(form.text_param("query")))


@blueprint.route("/query_exemplars", methods=READ_METHODS)
@auth.require_role("viewer")
def query_exemplars() -> Response:
    """Return no exemplar, since none is kept; Grafana asks for them beside a query."""
    parser.parse(form.text_param("query"))
    return form.success_response([])


@blueprint.route("/series", methods=READ_METHODS)
@auth.require_role("viewer")
def series() -> Response:
    """Return the label sets that any `match[]` fits."""
    if not request.values.getlist("match[]"):
        raise BadInput("match[]", "no match[] parameter provided")
    label_sets_, warnings = form.truncate(_label_sets(http.context()), form.limit_param())
    return form.success_response(form.serialize_labels(label_sets_), warnings)


@blueprint.route("/labels", methods=READ_METHODS)
@auth.require_role("viewer")
def labels() -> Response:
    """Return the names of labels."""
    names = sorted({name for label_set in _label_sets(http.context()) for name, _ in label_set})
    return form.success_response(*form.truncate(names, form.limit_param()))


@blueprint.get("/label/<name>/values")
def label_values(name: str) -> Response:
    """Return the values of one label."""
    if not label_sets.LABEL_NAME.fullmatch(name):
        raise BadInput("name", f'invalid label name: "{name}"')
    values = sorted({value for label_set in _label_sets(http.context()) if (value := label_sets.get(label_set, name))})
    return form.success_response(*form.truncate(values, form.limit_param()))


def _label_sets(ctx: Context) -> list[Labels]:
    """Return the label sets that match any `match[]` between `start` and `end`, all without a
    `match[]`.
    """
    start, end = form.time_param("start", 0.0), form.time_param("end", ctx.now())
    matcher_lists = form.selector_params()
    if not matcher_lists:
        return service.every_series(ctx, start, end)
    return sorted({labels for matchers in matcher_lists for labels in service.series(ctx, matchers, start, end)})


@blueprint.get("/metadata")
def metadata() -> Response:
    """Return type and help of every metric, or of one."""
    metric = form.text_param("metric")
    families = service.metadata(http.context())
    names = [name for name in sorted(families) if not metric or name == metric]
    most = form.limit_param()
    return form.success_response(
        {
            name: [
                {
                    "type": families[name].kind.replace("untyped", "unknown"),
                    "help": families[name].help,
                    "unit": families[name].unit,
                }
            ]
            for name in (names[:most] if most else names)
        }
    )


@blueprint.get("/rules")
def rules() -> Response:
    """Return the rules by group, an alerting one with its alerts."""
    kind = request.args.get("type", "")
    if kind not in ("", "alert", "record"):
        raise BadInput("type", f'invalid parameter "type": not supported value {kind!r}')
    ctx = http.context()
    groups: dict[str, list[dict[str, Any]]] = {}
    names, group_names = request.args.getlist("rule_name[]"), request.args.getlist("rule_group[]")
    for rule in alerts.by_rule(ctx):
        if kind and kind != ("alert" if "alerts" in rule else "record"):
            continue
        if (not names or rule["name"] in names) and (not group_names or rule["group"] in group_names):
            groups.setdefault(rule["group"], []).append(_rule(rule))
    return form.success_response({"groups": [_group(ctx, name, rules_) for name, rules_ in groups.items()]})


def _group(ctx: Context, name: str, rules_: list[dict[str, Any]]) -> dict[str, Any]:
    group = next((group for group in ctx.config.rules.groups if group.name == name), None)
    interval = group.interval if group and group.interval else ctx.settings.alert_evaluation_interval
    return {
        "name": name,
        "file": "rules.yml",
        "interval": interval,
        "limit": group.limit if group else 0,
        "rules": rules_,
        "evaluationTime": sum(rule["evaluationTime"] for rule in rules_),
        "lastEvaluation": max(rule["lastEvaluation"] for rule in rules_),
    }


def _rule(rule: dict[str, Any]) -> dict[str, Any]:
    went = {
        "health": "err" if rule["error"] else ("ok" if rule["last_evaluation"] else "unknown"),
        **({"lastError": rule["error"]} if rule["error"] else {}),
        "evaluationTime": rule["evaluation_seconds"] or 0,
        "lastEvaluation": rule["last_evaluation"] or ZERO_TIME,
    }
    about = {"name": rule["name"], "query": rule["expr"], "labels": rule["labels"], **went}
    return {"type": "recording", **about} if "alerts" not in rule else _alerting(rule, about)


def _alerting(rule: dict[str, Any], about: dict[str, Any]) -> dict[str, Any]:
    states = {alert["state"] for alert in rule["alerts"]}
    hidden = request.args.get("exclude_alerts", "").lower() in ("true", "1")
    alerts_json = {} if hidden else {"alerts": [_alert(alert) for alert in rule["alerts"]]}
    return {
        "type": "alerting",
        **about,
        "duration": rule["duration"],
        "keepFiringFor": rule["keep_firing_for"],
        "annotations": rule["annotations"],
        **alerts_json,
        "state": "firing" if "firing" in states else ("pending" if states else "inactive"),
    }


@blueprint.get("/alerts")
def active_alerts() -> Response:
    """Return the pending and firing alerts of rules."""
    active_alerts = [alert for alert in alerts.active(http.context()) if alert["source"] == "rule"]
    return form.success_response({"alerts": [_alert(alert) for alert in active_alerts]})


def _alert(alert: dict[str, Any]) -> dict[str, Any]:
    value = alert["value"]
    return {
        "labels": alert["labels"],
        "annotations": alert["annotations"],
        "state": alert["state"],
        "activeAt": alert["active_at"],
        "value": numbers.short(value) if value is not None else "NaN",
    }


@blueprint.get("/targets")
def targets() -> Response:
    """Return the targets and their scrape results."""
    state = request.args.get("state", "any").lower()
    if state not in ("active", "dropped", "any"):
        raise BadInput("state", f'invalid parameter "state": {state!r} is not one of active, dropped, any')
    ctx = http.context()
    pool = request.args.get("scrapePool")
    targets = [_target(ctx, target) for target in collect.targets(ctx) if pool in (None, target["job"])]
    return form.success_response(
        {"activeTargets": targets if state != "dropped" else [], "droppedTargets": [], "droppedTargetCounts": {}}
    )


def _target(ctx: Context, target: dict[str, Any]) -> dict[str, Any]:
    health = {True: "up", False: "down"}.get(target["up"], "unknown")
    url = target["url"] or f"memmon:{target['kind']}/{target['name']}"
    interval, target_config = ctx.settings.intervals[target["tier"]], ctx.config.targets.get(target["name"])
    return {
        "discoveredLabels": {"__address__": target["instance"], "job": target["job"], "memmon_target": target["name"]},
        "labels": target["labels"],
        "scrapePool": target["job"],
        "scrapeUrl": url,
        "globalUrl": url,
        "lastError": target["error"] or "",
        "lastScrape": encode.iso(target["last_scrape"]) or ZERO_TIME,
        "lastScrapeDuration": target["duration"] or 0,
        "health": health,
        "scrapeInterval": duration.show(interval),
        "scrapeTimeout": duration.show(min(interval, target_config.timeout if target_config else interval)),
    }


@blueprint.get("/status/buildinfo")
def buildinfo() -> Response:
    """Return memmon's version in the place of Prometheus'."""
    return form.success_response(
        {
            "version": memmon.__version__,
            "revision": "",
            "branch": "",
            "buildUser": "",
            "buildDate": "",
            "goVersion": "",
            "application": "memmon",
        }
    )


@blueprint.get("/status/runtimeinfo")
def runtimeinfo() -> Response:
    """Return what of Prometheus' facts memmon has too."""
    ctx = http.context()
    last_collection = service.last_collection(ctx)
    return form.success_response(
        {
            "serverTime": encode.iso(ctx.now()),
            "lastCollection": encode.iso(last_collection) or ZERO_TIME,
            "storageRetention": duration.show(ctx.settings.retention_hours * 3600),
        }
    )
