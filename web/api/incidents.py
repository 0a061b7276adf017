"""GET /api/incidents and one of them whole, its post-mortem, and what people do with it."""

from __future__ import annotations

from flask import Blueprint, Response

from memmon.incidents import service
from memmon.incidents.desk import Answer
from memmon.incidents.record import STATES
from web import door
from workers.base import follow

blueprint = Blueprint("incidents", __name__, url_prefix="/api/incidents")


@blueprint.get("")
def incidents() -> Response:
    """Return the newest incidents, those in `state`, `limit` of them, older than the id `after`."""
    limit, after = door.whole("limit", 50, 1, 500), door.whole("after", None, 1, door.MOST_ID)
    return door.answer(service.listing(door.context(), door.choice("state", STATES), limit, after))


@blueprint.get(f"/{door.ID}")
def incident(number: int) -> Response:
    """Return one incident with stages, actions, timeline and sources."""
    return door.answer(service.show(door.context(), number))


@blueprint.get(f"/{door.ID}/postmortem")
def postmortem(number: int) -> Response:
    """Return the record of an incident as Markdown."""
    return door.text(service.postmortem(door.context(), number), "text/markdown; charset=utf-8")


@blueprint.post(f"/{door.ID}/acknowledge")
def acknowledge(number: int) -> Response:
    """Say that somebody is at it."""
    return _done(service.acknowledge(door.context(), number, *door.signature()))


@blueprint.post(f"/{door.ID}/resolve")
def resolve(number: int) -> Response:
    """Close it by hand."""
    return _done(service.resolve(door.context(), number, *door.signature()))


@blueprint.post(f"/{door.ID}/escalate")
def escalate(number: int) -> Response:
    """Page the next level at once."""
    return _done(service.escalate(door.context(), number, *door.signature()))


@blueprint.post(f"/{door.ID}/note")
def note(number: int) -> Response:
    """Add a line to the timeline."""
    return _done(service.note(door.context(), number, *door.signature()))


@blueprint.post(f"/{door.ID}/actions/{door.ACTION}/approve")
def approve(number: int, action: int) -> Response:
    """Let an action be done that waits for it."""
    by, comment = door.signature()
    return _done(service.decide(door.context(), number, action, True, by, comment))


@blueprint.post(f"/{door.ID}/actions/{door.ACTION}/reject")
def reject(number: int, action: int) -> Response:
    """Let an action not be done that waits for approval."""
    by, comment = door.signature()
    return _done(service.decide(door.context(), number, action, False, by, comment))


def _done(answer: Answer) -> Response:
    shown, jobs = answer
    follow(jobs)
    return door.answer(shown)
