"""GET and POST /api/silences, DELETE /api/silences/<id>."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response

from memmon import encode
from memmon.alerts import service as alerts
from memmon.context import Context
from memmon.errors import BadInput, NotFound
from memmon.promql.matcher import Matcher
from memmon.routing import matcher, service
from web import http

blueprint = Blueprint("silences", __name__, url_prefix="/api/silences")

MAX_MATCHERS = 100


@blueprint.get("")
def silences() -> Response:
    """Return the silences that hold, will hold, or ended within the hour."""
    return http.json_response({"silences": service.silences(http.context())})


@blueprint.post("")
def create_silence() -> Response:
    """Mute what `matchers` match, or exactly the labels of the alert with the id `alert`, for
    `duration` (`2h`, or seconds).
    """
    ctx = http.context()
    body = http.json_fields("matchers", "alert", "duration", "starts_at", "by", "comment")
    matchers = _of_alert(ctx, body["alert"]) if "alert" in body else parse_matchers(body.get("matchers"))
    seconds = http.duration_field(body, "duration")
    by, comment = http.author_and_comment(body)
    return http.json_response(service.silence(ctx, matchers, seconds, by, comment, _start(body)), 201)


def _of_alert(ctx: Context, alert_id: Any) -> tuple[Matcher, ...]:
    if not isinstance(alert_id, int) or isinstance(alert_id, bool):
        raise BadInput("alert", "must be the id of an alert")
    alert_rows = alerts.by_ids(ctx, [alert_id]) if 0 < alert_id <= http.MAX_ID else []
    if not alert_rows:
        raise NotFound(f"no alert {alert_id}")
    return tuple(Matcher(name, "=", value) for name, value in sorted(alert_rows[0]["labels"].items()))


def parse_matchers(document: Any) -> tuple[Matcher, ...]:
    """Return the matchers, each written like `severity="critical"` or as an object of
    Alertmanager.
    """
    if not isinstance(document, list) or not 0 < len(document) <= MAX_MATCHERS:
        raise BadInput("matchers", f"must be a list of 1 to {MAX_MATCHERS}")
    matchers: list[Matcher] = []
    for item in document:
        if isinstance(item, str):
            matchers += matcher.parse(item)
        elif isinstance(item, dict) and isinstance(item.get("name"), str) and isinstance(item.get("value"), str):
            matchers.append(matcher.checked(item["name"], matcher.op_of(item), item["value"]))
        else:
            raise BadInput("matchers", 'each must be text like severity="critical", or {name, value, isRegex, isEqual}')
    return tuple(matchers)


def _start(body: dict[str, Any]) -> float | None:
    if body.get("starts_at") is None:
        return None
    try:
        return encode.seconds_of(http.text_field(body, "starts_at"))
    except (ValueError, OverflowError):
        raise BadInput("starts_at", "must be a time like 2026-01-01T12:00:00Z") from None


@blueprint.delete("/<uuid:silence_id>")
def expire(silence_id: UUID) -> Response:
    """End a silence now."""
    service.expire_silence(http.context(), str(silence_id))
    return http.json_response({"id": str(silence_id), "status": {"state": "expired"}})
