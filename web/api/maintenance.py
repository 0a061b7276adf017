"""GET and POST /api/maintenance, POST .../preview; of one, /api/maintenance/<id>: GET, DELETE, POST
.../approve and .../end.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from memmon import encode
from memmon.errors import BadInput
from memmon.routing import maintenance
from web import http
from web.api.silences import parse_matchers

blueprint = Blueprint("maintenance", __name__, url_prefix="/api/maintenance")

SCHEDULE_FIELDS = ("kind", "start", "duration", "timezone", "until", "days", "time", "cron", "rrule")


@blueprint.get("")
def windows() -> Response:
    """Return every window that holds or will come again."""
    return http.json_response({"maintenance": maintenance.windows(http.context())})


@blueprint.post("")
def plan() -> Response:
    """Plan a window: `name`, `matchers`, a schedule, and whether it `needs_approval`."""
    body = http.json_fields("name", "matchers", "by", "comment", "needs_approval", *SCHEDULE_FIELDS)
    matchers, name = parse_matchers(body.get("matchers")), http.text_field(body, "name", max_length=255)
    needs = body.get("needs_approval", False)
    if not isinstance(needs, bool):
        raise BadInput("needs_approval", "must be true or false")
    by, comment = http.author_and_comment(body)
    window = maintenance.plan(http.context(), name, matchers, _schedule(body), by, comment, needs)
    return http.json_response(window, 201)


@blueprint.post("/preview")
def preview() -> Response:
    """Return the next occurrences of a schedule, which is not saved."""
    body = http.json_fields(*SCHEDULE_FIELDS)
    return http.json_response({"next": maintenance.preview(_schedule(body), http.context().now())})


def _schedule(body: dict[str, Any]) -> dict[str, Any]:
    """Return the schedule with its times as seconds: `start` and `until` are times of ISO 8601,
    `duration` like `2h`.
    """
    schedule = {name: body[name] for name in SCHEDULE_FIELDS if body.get(name) is not None}
    for name in ("start", "until"):
        if name in schedule:
            try:
                schedule[name] = encode.seconds_of(http.text_field(body, name))
            except (ValueError, OverflowError):
                raise BadInput(name, "must be a time like 2026-01-01T12:00:00Z") from None
    return {**schedule, "duration": http.duration_field(body, "duration", 31 * 86400)}


@blueprint.get(f"/{http.id_segment('window_id')}")
def get_window(window_id: int) -> Response:
    """Return one window with its next occurrences."""
    return http.json_response(maintenance.get(http.context(), window_id))


@blueprint.delete(f"/{http.id_segment('window_id')}")
def cancel(window_id: int) -> Response:
    """Forget a window."""
    maintenance.cancel(http.context(), window_id)
    return http.json_response({"id": window_id, "state": "cancelled"})


@blueprint.post(f"/{http.id_segment('window_id')}/approve")
def approve(window_id: int) -> Response:
    """Approve a window that another person planned."""
    return http.json_response(maintenance.approve(http.context(), window_id, http.request_author()[0]))


@blueprint.post(f"/{http.id_segment('window_id')}/end")
def end(window_id: int) -> Response:
    """End the occurrence that holds now."""
    return http.json_response(maintenance.end(http.context(), window_id, http.request_author()[0]))
