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

MOST_MATCHERS = 100


@blueprint.get("")
def silences() -> Response:
    """Return the silences that hold, will hold, or ended within the hour."""
    return http.answer({"silences": service.silences(http.context())})


@blueprint.post("")
def create() -> Response:
    """Mute what `matchers` match, or exactly the labels of the alert with the id `alert`, for `duration` (`2h`, or seconds)."""
    ctx = http.context()
    given = http.fields("matchers", "alert", "duration", "starts_at", "by", "comment")
    wanted = _of_alert(ctx, given["alert"]) if "alert" in given else of_matchers(given.get("matchers"))
    seconds = http.duration(given, "duration")
    by, comment = http.signed(given)
    return http.answer(service.silence(ctx, wanted, seconds, by, comment, _start(given)), 201)


def _of_alert(ctx: Context, number: Any) -> tuple[Matcher, ...]:
    if not isinstance(number, int) or isinstance(number, bool):
        raise BadInput("alert", "must be the id of an alert")
    found = alerts.by_ids(ctx, [number]) if 0 < number <= http.MOST_ID else []
    if not found:
        raise NotFound(f"no alert {number}")
    return tuple(Matcher(name, "=", value) for name, value in sorted(found[0]["labels"].items()))


def of_matchers(given: Any) -> tuple[Matcher, ...]:
    """Return the matchers, each written like `severity="critical"` or as an object of Alertmanager."""
    if not isinstance(given, list) or not 0 < len(given) <= MOST_MATCHERS:
        raise BadInput("matchers", f"must be a list of 1 to {MOST_MATCHERS}")
    found: list[Matcher] = []
    for one in given:
        if isinstance(one, str):
            found += matcher.parse(one)
        elif isinstance(one, dict) and isinstance(one.get("name"), str) and isinstance(one.get("value"), str):
            found.append(matcher.checked(one["name"], matcher.op_of(one), one["value"]))
        else:
            raise BadInput("matchers", 'each must be text like severity="critical", or {name, value, isRegex, isEqual}')
    return tuple(found)


def _start(given: dict[str, Any]) -> float | None:
    if given.get("starts_at") is None:
        return None
    try:
        return encode.seconds_of(http.words(given, "starts_at"))
    except (ValueError, OverflowError):
        raise BadInput("starts_at", "must be a time like 2026-01-01T12:00:00Z") from None


@blueprint.delete("/<uuid:number>")
def expire(number: UUID) -> Response:
    """End a silence now."""
    service.expire_silence(http.context(), str(number))
    return http.answer({"id": str(number), "status": {"state": "expired"}})
