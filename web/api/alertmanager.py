"""Alertmanager's HTTP API under /api/v2, as amtool, Prometheus and Grafana use it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from flask import Blueprint, Response, request

import memmon
from memmon import encode
from memmon.alerts import external
from memmon.collect import host
from memmon.config.receivers import Receiver
from memmon.context import Context
from memmon.errors import BadInput, BadQuery, Conflict, MemmonError, NotFound
from memmon.promql.matcher import compiled
from memmon.routing import route, silence_api, silences
from memmon.routing.alert_status import AlertStatus, statuses
from web import auth, http
from web.api import alertmanager_schema as form
from workers.base import enqueue

blueprint = Blueprint("alertmanager", __name__, url_prefix="/api/v2")

MAX_ALERTS = 1000
EXPIRED_SILENCE_SECONDS = 5 * 86400.0
"""Seconds for which an ended silence is shown, as Alertmanager keeps them."""


@blueprint.errorhandler(BadInput)
@blueprint.errorhandler(BadQuery)
@blueprint.errorhandler(NotFound)
def handle_error(error: MemmonError) -> Response:
    """Return the error as plain text, which Alertmanager's clients expect."""
    return http.json_response(str(error), 404 if isinstance(error, NotFound) else 400)


@blueprint.get("/status")
def status() -> Response:
    """Return version, uptime and routes."""
    ctx = http.context()
    version = ("revision", "branch", "buildUser", "buildDate", "goVersion")
    return http.json_response(
        {
            "cluster": {"status": "disabled", "peers": []},
            "versionInfo": {"version": memmon.__version__, **dict.fromkeys(version, "")},
            "config": {"original": form.dump_config(ctx.config.routes)},
            "uptime": encode.iso(host.started_at()),
        }
    )


@blueprint.get("/receivers")
def receivers() -> Response:
    """Return the names of all receivers."""
    ctx = http.context()
    return http.json_response([{"name": name} for name in sorted(route.receivers(ctx.config.routes, ctx.settings))])


@blueprint.get("/alerts")
def alerts() -> Response:
    """Return the firing alerts."""
    ctx = http.context()
    matching = form.filter_alerts(
        statuses(ctx, form.parse_filters()),
        _receivers(ctx),
        ("active", "silenced", "inhibited", "unprocessed", "muted"),
    )
    return http.json_response(
        [
            _alert(ctx, alert_status_)
            for alert_status_ in sorted(matching, key=lambda alert_status_: alert_status_.alert["fingerprint"])
        ]
    )


def _alert(ctx: Context, alert_status_: AlertStatus) -> dict[str, Any]:
    """A rule's alert ends when its rule says so; it is evaluated again long before the time that is
    shown.
    """
    ends_at = alert_status_.alert["ends_at"]
    if ends_at is None or alert_status_.alert["source"] == "rule":
        return form.serialize_alert(alert_status_, ctx.now() + 4 * ctx.settings.alert_evaluation_interval)
    return form.serialize_alert(alert_status_, encode.seconds_of(ends_at))


@blueprint.post("/alerts")
@auth.require_role("ingest")
def post_alerts() -> Response:
    """Take alerts in: each fires until its end, and one whose end is over is resolved.

    Valid alerts are accepted even when others are invalid; the answer names the invalid ones.
    """
    ctx, body = http.context(), http.json_body()
    if not isinstance(body, list) or len(body) > MAX_ALERTS:
        raise BadInput("body", f"must be a list of at most {MAX_ALERTS} alerts")
    life = ctx.config.routes.global_.resolve_timeout
    taken, wrong = [], []
    for index, posted_alert in enumerate(body):
        try:
            taken.append(form.posted_alert(index, posted_alert, ctx.now(), life))
        except BadInput as error:
            wrong.append(error)
    if taken:
        enqueue(external.receive(ctx, taken))
    if wrong:
        raise BadInput(wrong[0].field, "; ".join([wrong[0].message, *map(str, wrong[1:10])]))
    return Response(status=200)


@blueprint.get("/alerts/groups")
def groups() -> Response:
    """Return the firing alerts by the groups of their notifications."""
    ctx = http.context()
    pattern = compiled(request.args["receiver"]) if request.args.get("receiver") else None
    groups: dict[tuple[Any, str, str], list[dict[str, Any]]] = {}
    for alert_status_ in form.filter_alerts(
        statuses(ctx, form.parse_filters()), _receivers(ctx), ("active", "silenced", "inhibited", "muted")
    ):
        alert_json = _alert(ctx, alert_status_)
        for node in alert_status_.nodes:
            if pattern is None or pattern.search(node.receiver):
                key = (route.group_labels(node, alert_status_.labels), node.receiver, node.id)
                groups.setdefault(key, []).append(alert_json)
    return http.json_response(
        [
            {"labels": dict(labels), "receiver": {"name": receiver}, "alerts": members}
            for (labels, receiver, _), members in sorted(groups.items(), key=lambda item: item[0])
        ]
    )


def _receivers(ctx: Context) -> dict[str, Receiver]:
    return route.receivers(ctx.config.routes, ctx.settings)


@blueprint.get("/silences")
def list_silences() -> Response:
    """Return the silences that hold, will hold, or ended lately."""
    filters = form.parse_filters()
    matching = [
        silence
        for silence in silences.silences(http.context(), EXPIRED_SILENCE_SECONDS)
        if form.silence_matches(silence, filters)
    ]
    return http.json_response(sorted(matching, key=form.silence_sort_key))


@blueprint.post("/silences")
def post_silence() -> Response:
    """Make a silence, or change the one with the `id`."""
    document = http.json_body()
    if not isinstance(document, dict):
        raise BadInput("body", "must be an object")
    start, end = (
        form.parse_time(document.get("startsAt"), "startsAt"),
        form.parse_time(document.get("endsAt"), "endsAt"),
    )
    if end is None:
        raise BadInput("endsAt", "is missing")
    ctx = http.context()
    silence_id = silence_api.post(
        ctx,
        form.parse_text(document.get("id") or "", "id", 64) or None,
        form.parse_matchers(document.get("matchers")),
        ctx.now() if start is None else start,
        end,
        form.parse_text(document.get("createdBy"), "createdBy", 64),
        form.parse_text(document.get("comment"), "comment", 2000),
    )
    return http.json_response({"silenceID": silence_id})


@blueprint.get("/silence/<silence_id>")
def get_silence(silence_id: str) -> Response:
    """Return one silence."""
    return http.json_response(silence_api.get(http.context(), form.parse_text(silence_id, "id", 64)))


@blueprint.delete("/silence/<silence_id>")
def expire_silence(silence_id: str) -> Response:
    """End a silence now; one that has ended stays so."""
    with suppress(Conflict):
        silences.expire_silence(http.context(), form.parse_text(silence_id, "id", 64))
    return Response(status=200)
