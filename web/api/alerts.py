"""GET /api/alerts and /api/alerts/<id>/explain, POST /api/alerts/<id>/acknowledge, /unacknowledge and /resolve."""

from __future__ import annotations

from flask import Blueprint, Response

from memmon.alerts import service
from memmon.analysis import service as analysis
from memmon.incidents import service as incidents
from memmon.notify import service as notify
from web import door
from workers.base import follow

blueprint = Blueprint("alerts", __name__, url_prefix="/api/alerts")


@blueprint.get("")
def alerts() -> Response:
    """Return what fires, the rules, and the newest `limit` that ended. Of what fires `active` come at a time; where more do,
    `next` is the `after` of the next page."""
    limit, active = door.whole("limit", 100, 1, 1000), door.whole("active", service.MOST_SHOWN, 1, 1000)
    return door.answer(analysis.alerts(door.context(), limit, active, door.whole("after", 0, 0, door.MOST_ID)))


@blueprint.post(f"/{door.ID}/acknowledge")
def acknowledge(number: int) -> Response:
    """Say that somebody cares about a firing alert, for `duration` (`2h`, or seconds) or until it ends."""
    given = door.fields("by", "comment", "duration")
    seconds = door.duration(given, "duration", service.LONGEST_ACKNOWLEDGED) if "duration" in given else None
    return door.answer(incidents.acknowledge_alert(door.context(), number, *door.signed(given), seconds))


@blueprint.post(f"/{door.ID}/unacknowledge")
def unacknowledge(number: int) -> Response:
    """Take that back."""
    return door.answer(service.unacknowledge(door.context(), number))


@blueprint.get(f"/{door.ID}/explain")
def explain(number: int) -> Response:
    """Return why somebody was told of an alert, or was not."""
    return door.answer(notify.explain(door.context(), number))


@blueprint.post(f"/{door.ID}/resolve")
def resolve(number: int) -> Response:
    """End an alert by hand."""
    shown, jobs = service.resolve(door.context(), number, *door.signature())
    follow(jobs)
    return door.answer(shown)
