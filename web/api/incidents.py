"""GET /api/incidents, how they went (/stats), whether their record is whole (/record); of one:
itself, its post-mortem with charts, and what people do with it.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app

from memmon.errors import BadInput, NotFound
from memmon.incidents import service
from memmon.incidents.queries import STATES
from memmon.incidents.responders import Answer
from web import http, overview
from workers.base import enqueue

blueprint = Blueprint("incidents", __name__, url_prefix="/api/incidents")


@blueprint.get("")
def incidents() -> Response:
    """Return the newest incidents, those in `state`, `limit` of them, older than the id `after`."""
    limit, after = http.int_arg("limit", 50, 1, 500), http.int_arg("after", None, 1, http.MAX_ID)
    return http.json_response(service.listing(http.context(), http.choice_arg("state", STATES), limit, after))


@blueprint.get("/stats")
def stats() -> Response:
    """Return how the incidents of the last `days` went, against their targets."""
    return http.json_response(service.stats(http.context(), http.float_parameter("days", 30, 0.01, 366)))


@blueprint.get("/record")
def verify_audit_log() -> Response:
    """Verify the audit log; return changed and missing entries."""
    return http.json_response(service.verify(http.context()))


@blueprint.get(f"/{http.id_segment('incident_id')}")
def incident(incident_id: int) -> Response:
    """Return one incident with stages, actions, timeline and sources."""
    return http.json_response(service.show(http.context(), incident_id))


@blueprint.get(f"/{http.id_segment('incident_id')}/postmortem")
def postmortem(incident_id: int) -> Response:
    """Return the record of an incident as Markdown."""
    return http.text_response(service.postmortem(http.context(), incident_id), "text/markdown; charset=utf-8")


@blueprint.get(f"/{http.id_segment('incident_id')}/charts/<name>.svg")
def chart(incident_id: int, name: str) -> Response:
    """Return a chart of the post-mortem."""
    charts = overview.incident_charts(http.context(), incident_id, current_app.extensions["drawn"])
    if name not in charts:
        raise NotFound(f"incident {incident_id} has no chart {name}; it has: {', '.join(charts) or 'none'}")
    return http.text_response(charts[name], "image/svg+xml; charset=utf-8")


@blueprint.post(f"/{http.id_segment('incident_id')}/acknowledge")
def acknowledge(incident_id: int) -> Response:
    """Acknowledge an incident."""
    return _done(service.acknowledge(http.context(), incident_id, *http.request_author()))


@blueprint.post(f"/{http.id_segment('incident_id')}/takeover")
def take_over(incident_id: int) -> Response:
    """Take over an incident."""
    return _done(service.take_over(http.context(), incident_id, *http.request_author()))


@blueprint.post(f"/{http.id_segment('incident_id')}/snooze")
def snooze(incident_id: int) -> Response:
    """Page nobody for as long as `for` says."""
    body = http.json_fields("by", "comment", "for")
    by, comment = http.author_and_comment(body)
    return _done(service.snooze(http.context(), incident_id, by, http.duration_field(body, "for"), comment))


@blueprint.post(f"/{http.id_segment('incident_id')}/merge")
def merge(incident_id: int) -> Response:
    """Make it a part of the incident `into`."""
    body = http.json_fields("by", "comment", "into")
    by, comment = http.author_and_comment(body)
    return _done(service.merge(http.context(), incident_id, _whole(body.get("into"), "into"), by, comment))


@blueprint.post(f"/{http.id_segment('incident_id')}/split")
def split(incident_id: int) -> Response:
    """Open another incident for some of its sources: ids, or `alert:ID` and `event:ID` where an id
    is both.
    """
    body = http.json_fields("by", "comment", "sources")
    by, comment = http.author_and_comment(body)
    sources = body.get("sources")
    if not isinstance(sources, list) or not all(isinstance(source, int | str) for source in sources):
        raise BadInput("sources", "must be a list of ids")
    return _done(service.split(http.context(), incident_id, [str(source) for source in sources], by, comment))


@blueprint.post(f"/{http.id_segment('incident_id')}/resolve")
def resolve(incident_id: int) -> Response:
    """Close it by hand."""
    return _done(service.resolve(http.context(), incident_id, *http.request_author()))


@blueprint.post(f"/{http.id_segment('incident_id')}/escalate")
def escalate(incident_id: int) -> Response:
    """Page the next level at once."""
    return _done(service.escalate(http.context(), incident_id, *http.request_author()))


@blueprint.post(f"/{http.id_segment('incident_id')}/note")
def add_note(incident_id: int) -> Response:
    """Add a line to the timeline."""
    return _done(service.note(http.context(), incident_id, *http.request_author()))


@blueprint.post(f"/{http.id_segment('incident_id')}/actions/{http.id_segment('action')}/approve")
def approve(incident_id: int, action: int) -> Response:
    """Let an action be done that waits for it."""
    by, comment = http.request_author()
    return _done(service.decide(http.context(), incident_id, action, True, by, comment, _names()))


@blueprint.post(f"/{http.id_segment('incident_id')}/actions/{http.id_segment('action')}/reject")
def reject(incident_id: int, action: int) -> Response:
    """Let an action not be done that waits for approval."""
    by, comment = http.request_author()
    return _done(service.decide(http.context(), incident_id, action, False, by, comment, _names()))


def _names() -> tuple[str, ...]:
    """Return the caller's verified name: that of the token, not of the body."""
    return (http.caller().name,)


def _whole(value: Any, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= http.MAX_ID:
        raise BadInput(name, "must be an id")
    return value


def _done(answer: Answer) -> Response:
    incident_json, jobs = answer
    enqueue(jobs)
    return http.json_response(incident_json)
