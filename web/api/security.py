"""GET /api/security; events, restrictions, and the incidents that security opened."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from memmon.analysis import service as analysis
from memmon.errors import BadInput, NotFound
from memmon.incidents import service as incidents
from memmon.security import service
from memmon.security.restriction import MAX_SECONDS
from web import auth, door
from workers.base import follow

blueprint = Blueprint("security", __name__, url_prefix="/api/security")

EVENTS_SIZE = 4 * door.MIB
PARAMETERS = ("endpoint", "per_minute")
MOST_PER_MINUTE = 1_000_000


@blueprint.get("")
def security() -> Response:
    """Return summary, the newest `limit` events, open incidents, and what is blocked."""
    return door.answer(analysis.security(door.context(), door.whole("limit", 100, 1, 1000)))


@blueprint.post("/events")
@auth.needs("ingest")
@door.up_to(EVENTS_SIZE)
def report() -> Response:
    """Take in one event or a list; of a list the good ones are taken, and the others are named by their index."""
    given = door.body()
    found, jobs = service.record(door.context(), given, door.caller().name)
    follow(jobs)
    if found["refused"] and not isinstance(given, list):
        raise BadInput(found["refused"][0]["field"], found["refused"][0]["message"])
    return door.answer(found, 201 if found["ids"] else 200)


@blueprint.post(f"/incidents/{door.ID}/resolve")
def resolve(number: int) -> Response:
    """Close an incident that security opened."""
    ctx = door.context()
    if incidents.show(ctx, number)["labels"].get("category") != "security":
        raise NotFound(f"incident {number} is none of security")
    shown, jobs = incidents.resolve(ctx, number, *door.signature())
    follow(jobs)
    return door.answer(shown)


@blueprint.get("/restrictions")
def restrictions() -> Response:
    """Return what is forbidden now, and where that is enforced."""
    return door.answer({"restrictions": service.restrictions(door.context())})


@blueprint.post("/restrictions")
def restrict() -> Response:
    """Block an address, throttle one (or all: *), or disable a feature for `duration` (`1h`, or seconds)."""
    ctx = door.context()
    given = door.fields("kind", "subject", "duration", "reason", "target", "parameters", "by")
    kind, subject = door.words(given, "kind"), door.words(given, "subject", longest=255).strip()
    target = door.words(given, "target", "*")
    if target != "*" and ctx.config.targets.get(target) is None:
        raise BadInput("target", f"there is no target {target}")
    shown, jobs = service.restrict(
        ctx,
        kind,
        subject,
        door.duration(given, "duration", MAX_SECONDS),
        door.words(given, "reason", "by hand"),
        door.words(given, "by", door.caller().name, 64),
        target=target,
        parameters=_parameters(given.get("parameters"), kind),
    )
    follow(jobs)
    return door.answer(shown, 201)


def _parameters(given: Any, kind: str) -> dict[str, Any]:
    if given is None:
        return {}
    if kind != "throttle" or not isinstance(given, dict) or not set(given) <= set(PARAMETERS):
        raise BadInput("parameters", "is an object with endpoint and per_minute, for a throttle only")
    rate = given.get("per_minute", 1)
    if not isinstance(rate, int) or isinstance(rate, bool) or not 0 < rate <= MOST_PER_MINUTE:
        raise BadInput("parameters.per_minute", f"must be a whole number between 1 and {MOST_PER_MINUTE}")
    door.words(given, "endpoint", "*", 255)
    return given


@blueprint.delete(f"/restrictions/{door.ID}")
def lift(number: int) -> Response:
    """End a restriction before its time."""
    follow(service.lift(door.context(), number, door.caller().name))
    return door.answer({"id": number, "lifted": True})
