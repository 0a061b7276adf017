"""GET /api/incidents, how they went (/stats), whether their record is whole (/record); of one: itself, its post-mortem with
charts, and what people do with it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app

from memmon.errors import BadInput, NotFound
from memmon.incidents import service
from memmon.incidents.desk import Answer
from memmon.incidents.record import STATES
from web import door, overview
from workers.base import follow

blueprint = Blueprint("incidents", __name__, url_prefix="/api/incidents")


@blueprint.get("")
def incidents() -> Response:
    """Return the newest incidents, those in `state`, `limit` of them, older than the id `after`."""
    limit, after = door.whole("limit", 50, 1, 500), door.whole("after", None, 1, door.MOST_ID)
    return door.answer(service.listing(door.context(), door.choice("state", STATES), limit, after))


@blueprint.get("/stats")
def stats() -> Response:
    """Return how the incidents of the last `days` went, against their targets."""
    return door.answer(service.stats(door.context(), door.number("days", 30, 0.01, 366)))


@blueprint.get("/record")
def record() -> Response:
    """Return whether the record is whole: what was changed in it, or is missing."""
    return door.answer(service.verify(door.context()))


@blueprint.get(f"/{door.ID}")
def incident(number: int) -> Response:
    """Return one incident with stages, actions, timeline and sources."""
    return door.answer(service.show(door.context(), number))


@blueprint.get(f"/{door.ID}/postmortem")
def postmortem(number: int) -> Response:
    """Return the record of an incident as Markdown."""
    return door.text(service.postmortem(door.context(), number), "text/markdown; charset=utf-8")


@blueprint.get(f"/{door.ID}/charts/<name>.svg")
def chart(number: int, name: str) -> Response:
    """Return a chart of the post-mortem."""
    found = overview.pictures(door.context(), number, current_app.extensions["drawn"])
    if name not in found:
        raise NotFound(f"incident {number} has no chart {name}; it has: {', '.join(found) or 'none'}")
    return door.text(found[name], "image/svg+xml; charset=utf-8")


@blueprint.post(f"/{door.ID}/acknowledge")
def acknowledge(number: int) -> Response:
    """Say that somebody is at it."""
    return _done(service.acknowledge(door.context(), number, *door.signature()))


@blueprint.post(f"/{door.ID}/takeover")
def take_over(number: int) -> Response:
    """Be the one who is at it, whoever was before."""
    return _done(service.take_over(door.context(), number, *door.signature()))


@blueprint.post(f"/{door.ID}/snooze")
def snooze(number: int) -> Response:
    """Page nobody for as long as `for` says."""
    given = door.fields("by", "comment", "for")
    by, comment = door.signed(given)
    return _done(service.snooze(door.context(), number, by, door.duration(given, "for"), comment))


@blueprint.post(f"/{door.ID}/merge")
def merge(number: int) -> Response:
    """Make it a part of the incident `into`."""
    given = door.fields("by", "comment", "into")
    by, comment = door.signed(given)
    return _done(service.merge(door.context(), number, _whole(given.get("into"), "into"), by, comment))


@blueprint.post(f"/{door.ID}/split")
def split(number: int) -> Response:
    """Open another incident for some of its sources: ids, or `alert:ID` and `event:ID` where an id is both."""
    given = door.fields("by", "comment", "sources")
    by, comment = door.signed(given)
    sources = given.get("sources")
    if not isinstance(sources, list) or not all(isinstance(one, int | str) for one in sources):
        raise BadInput("sources", "must be a list of ids")
    return _done(service.split(door.context(), number, [str(one) for one in sources], by, comment))


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
    return _done(service.decide(door.context(), number, action, True, by, comment, _names()))


@blueprint.post(f"/{door.ID}/actions/{door.ACTION}/reject")
def reject(number: int, action: int) -> Response:
    """Let an action not be done that waits for approval."""
    by, comment = door.signature()
    return _done(service.decide(door.context(), number, action, False, by, comment, _names()))


def _names() -> tuple[str, ...]:
    """Return the name that the caller is known by for certain: that of the token, whatever the body says."""
    return (door.caller().name,)


def _whole(value: Any, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= door.MOST_ID:
        raise BadInput(name, "must be an id")
    return value


def _done(answer: Answer) -> Response:
    shown, jobs = answer
    follow(jobs)
    return door.answer(shown)
