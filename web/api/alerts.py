"""GET /api/alerts and /api/alerts/<id>/explain, POST /api/alerts/<id>/acknowledge, /unacknowledge and /resolve."""

from __future__ import annotations

from flask import Blueprint, Response

from memmon.alerts import service
from memmon.analysis import service as analysis
from memmon.incidents import service as incidents
from memmon.notify import service as notify
from web import http
from workers.base import follow

blueprint = Blueprint("alerts", __name__, url_prefix="/api/alerts")


@blueprint.get("")
def alerts() -> Response:
    """Return what fires, the rules, and the newest `limit` that ended. Of what fires `active` come at a time; where more do,
    `next` is the `after` of the next page."""
    limit, active = http.whole("limit", 100, 1, 1000), http.whole("active", service.MOST_SHOWN, 1, 1000)
    return http.answer(analysis.alerts(http.context(), limit, active, http.whole("after", 0, 0, http.MOST_ID)))


@blueprint.post(f"/{http.ID}/acknowledge")
def acknowledge(number: int) -> Response:
    """Say that somebody cares about a firing alert, for `duration` (`2h`, or seconds) or until it ends."""
    given = http.fields("by", "comment", "duration")
    seconds = http.duration(given, "duration", service.LONGEST_ACKNOWLEDGED) if "duration" in given else None
    return http.answer(incidents.acknowledge_alert(http.context(), number, *http.signed(given), seconds))


@blueprint.post(f"/{http.ID}/unacknowledge")
def unacknowledge(number: int) -> Response:
    """Take that back."""
    return http.answer(service.unacknowledge(http.context(), number))


@blueprint.get(f"/{http.ID}/explain")
def explain(number: int) -> Response:
    """Return why somebody was told of an alert, or was not."""
    return http.answer(notify.explain(http.context(), number))


@blueprint.post(f"/{http.ID}/resolve")
def resolve(number: int) -> Response:
    """End an alert by hand."""
    shown, jobs = service.resolve(http.context(), number, *http.signature())
    follow(jobs)
    return http.answer(shown)
