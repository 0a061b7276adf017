"""GET /api/alerts and /api/alerts/<id>/explain, POST /api/alerts/<id>/acknowledge, /unacknowledge
and /resolve.
"""

from __future__ import annotations

from flask import Blueprint, Response

from memmon.alerts import service
from memmon.analysis import service as analysis
from memmon.incidents import service as incidents
from memmon.notify import service as notify
from web import http
from workers.base import enqueue

blueprint = Blueprint("alerts", __name__, url_prefix="/api/alerts")


@blueprint.get("")
def alerts() -> Response:
    """Return what fires, the rules, and the newest `limit` that ended. Of what fires `active` come
    at a time; where more do, `next` is the `after` of the next page.
    """
    limit, active = http.int_arg("limit", 100, 1, 1000), http.int_arg("active", service.MOST_SHOWN, 1, 1000)
    return http.json_response(analysis.alerts(http.context(), limit, active, http.int_arg("after", 0, 0, http.MAX_ID)))


@blueprint.post(f"/{http.id_segment('alert_id')}/acknowledge")
def acknowledge(alert_id: int) -> Response:
    """Acknowledge a firing alert, for `duration` (`2h`, or seconds) or until it resolves."""
    body = http.json_fields("by", "comment", "duration")
    seconds = http.duration_field(body, "duration", service.LONGEST_ACKNOWLEDGED) if "duration" in body else None
    return http.json_response(
        incidents.acknowledge_alert(http.context(), alert_id, *http.author_and_comment(body), seconds)
    )


@blueprint.post(f"/{http.id_segment('alert_id')}/unacknowledge")
def unacknowledge(alert_id: int) -> Response:
    """Take that back."""
    return http.json_response(service.unacknowledge(http.context(), alert_id))


@blueprint.get(f"/{http.id_segment('alert_id')}/explain")
def explain(alert_id: int) -> Response:
    """Return the decision trace of an alert's notifications."""
    return http.json_response(notify.explain(http.context(), alert_id))


@blueprint.post(f"/{http.id_segment('alert_id')}/resolve")
def resolve(alert_id: int) -> Response:
    """End an alert by hand."""
    alert, jobs = service.resolve(http.context(), alert_id, *http.request_author())
    enqueue(jobs)
    return http.json_response(alert)
