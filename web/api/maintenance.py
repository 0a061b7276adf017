"""GET and POST /api/maintenance, POST .../preview; of one, /api/maintenance/<id>: GET, DELETE, POST .../approve and .../end."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from memmon import encode
from memmon.errors import BadInput
from memmon.routing import maintenance
from web import http
from web.api.silences import of_matchers

blueprint = Blueprint("maintenance", __name__, url_prefix="/api/maintenance")

SCHEDULE = ("kind", "start", "duration", "timezone", "until", "days", "time", "cron", "rrule")


@blueprint.get("")
def windows() -> Response:
    """Return every window that holds or will come again."""
    return http.answer({"maintenance": maintenance.windows(http.context())})


@blueprint.post("")
def plan() -> Response:
    """Plan a window: `name`, `matchers`, a schedule, and whether it `needs_approval`."""
    given = http.fields("name", "matchers", "by", "comment", "needs_approval", *SCHEDULE)
    wanted, name = of_matchers(given.get("matchers")), http.words(given, "name", longest=255)
    needs = given.get("needs_approval", False)
    if not isinstance(needs, bool):
        raise BadInput("needs_approval", "must be true or false")
    by, comment = http.signed(given)
    made = maintenance.plan(http.context(), name, wanted, _schedule(given), by, comment, needs)
    return http.answer(made, 201)


@blueprint.post("/preview")
def preview() -> Response:
    """Return the next occurrences of a schedule, which is not saved."""
    given = http.fields(*SCHEDULE)
    return http.answer({"next": maintenance.preview(_schedule(given), http.context().now())})


def _schedule(given: dict[str, Any]) -> dict[str, Any]:
    """Return the schedule with its times as seconds: `start` and `until` are times of ISO 8601, `duration` like `2h`."""
    found = {name: given[name] for name in SCHEDULE if given.get(name) is not None}
    for name in ("start", "until"):
        if name in found:
            try:
                found[name] = encode.seconds_of(http.words(given, name))
            except (ValueError, OverflowError):
                raise BadInput(name, "must be a time like 2026-01-01T12:00:00Z") from None
    return {**found, "duration": http.duration(given, "duration", 31 * 86400)}


@blueprint.get(f"/{http.ID}")
def one(number: int) -> Response:
    """Return one window with its next occurrences."""
    return http.answer(maintenance.get(http.context(), number))


@blueprint.delete(f"/{http.ID}")
def cancel(number: int) -> Response:
    """Forget a window."""
    maintenance.cancel(http.context(), number)
    return http.answer({"id": number, "state": "cancelled"})


@blueprint.post(f"/{http.ID}/approve")
def approve(number: int) -> Response:
    """Agree to a window that somebody else planned."""
    return http.answer(maintenance.approve(http.context(), number, http.signature()[0]))


@blueprint.post(f"/{http.ID}/end")
def end(number: int) -> Response:
    """End the occurrence that holds now."""
    return http.answer(maintenance.end(http.context(), number, http.signature()[0]))
