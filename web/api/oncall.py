"""GET /api/oncall, one schedule, its calendar; POST and DELETE overrides."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from memmon import encode
from memmon.errors import BadInput
from memmon.oncall import service as oncall
from web import http

blueprint = Blueprint("oncall", __name__, url_prefix="/api/oncall")


@blueprint.get("")
def overview() -> Response:
    """Return who is on call now in every schedule, who is next, and the gaps of the days that
    come.
    """
    return http.json_response({"schedules": oncall.overview(http.context())})


@blueprint.get("/<name>")
def schedule(name: str) -> Response:
    """Return the shifts of a schedule for the `days` that come."""
    return http.json_response(
        oncall.schedule(http.context(), name, http.float_parameter("days", oncall.AHEAD, 0.01, 366))
    )


@blueprint.get("/<name>.ics")
def calendar(name: str) -> Response:
    """Return the shifts that come as a calendar, to subscribe to."""
    return http.text_response(oncall.calendar(http.context(), name), "text/calendar; charset=utf-8")


@blueprint.post("/<name>/overrides")
def override(name: str) -> Response:
    """Let `contact` be on call instead, from `start` (now) to `end`."""
    body = http.json_fields("contact", "start", "end", "by", "comment")
    ctx = http.context()
    start = _time(body, "start") if body.get("start") else ctx.now()
    by, _ = http.author_and_comment(body)
    override_ = oncall.override(
        ctx, name, http.text_field(body, "contact", max_length=64), start, _time(body, "end"), by
    )
    return http.json_response(override_, 201)


@blueprint.delete(f"/overrides/{http.id_segment('override_id')}")
def withdraw_override(override_id: int) -> Response:
    """Take an override back."""
    oncall.withdraw(http.context(), override_id, http.caller().name)
    return http.json_response({"id": override_id, "state": "withdrawn"})


def _time(body: dict[str, Any], name: str) -> float:
    try:
        return encode.seconds_of(http.text_field(body, name))
    except (ValueError, OverflowError):
        raise BadInput(name, "must be a time like 2026-01-01T12:00:00Z") from None
