"""GET /api/security; events, restrictions, and the incidents that security opened."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from memmon.analysis import service as analysis
from memmon.errors import BadInput, NotFound
from memmon.incidents import service as incidents
from memmon.security import service
from memmon.security.restrictions import MAX_SECONDS
from web import auth, http
from workers.base import follow

blueprint = Blueprint("security", __name__, url_prefix="/api/security")

EVENTS_SIZE = 4 * http.MIB
PARAMETERS = ("endpoint", "per_minute")
MOST_PER_MINUTE = 1_000_000


@blueprint.get("")
def security() -> Response:
    """Return summary, the newest `limit` events, open incidents, and what is blocked."""
    return http.answer(analysis.security(http.context(), http.whole("limit", 100, 1, 1000)))


@blueprint.post("/events")
@auth.needs("ingest")
@http.up_to(EVENTS_SIZE)
def report() -> Response:
    """Take in one event or a list; of a list the good ones are taken, and the others are named by their index."""
    given = http.body()
    found, jobs = service.record(http.context(), given, http.caller().name)
    follow(jobs)
    if found["refused"] and not isinstance(given, list):
        raise BadInput(found["refused"][0]["field"], found["refused"][0]["message"])
    return http.answer(found, 201 if found["ids"] else 200)


@blueprint.post(f"/incidents/{http.ID}/resolve")
def resolve(number: int) -> Response:
    """Close an incident that security opened."""
    ctx = http.context()
    if incidents.show(ctx, number)["labels"].get("category") != "security":
        raise NotFound(f"incident {number} is none of security")
    shown, jobs = incidents.resolve(ctx, number, *http.signature())
    follow(jobs)
    return http.answer(shown)


@blueprint.get("/restrictions")
def restrictions() -> Response:
    """Return what is forbidden now, and where that is enforced."""
    return http.answer({"restrictions": service.restrictions(http.context())})


@blueprint.post("/restrictions")
def restrict() -> Response:
    """Block an address, throttle one (or all: *), or disable a feature for `duration` (`1h`, or seconds)."""
    ctx = http.context()
    given = http.fields("kind", "subject", "duration", "reason", "target", "parameters", "by")
    kind, subject = http.words(given, "kind"), http.words(given, "subject", longest=255).strip()
    target = http.words(given, "target", "*")
    if target != "*" and ctx.config.targets.get(target) is None:
        raise BadInput("target", f"there is no target {target}")
    shown, jobs = service.restrict(
        ctx,
        kind,
        subject,
        http.duration(given, "duration", MAX_SECONDS),
        http.words(given, "reason", "by hand"),
        http.words(given, "by", http.caller().name, 64),
        target=target,
        parameters=_parameters(given.get("parameters"), kind),
    )
    follow(jobs)
    return http.answer(shown, 201)


def _parameters(given: Any, kind: str) -> dict[str, Any]:
    if given is None:
        return {}
    if kind != "throttle" or not isinstance(given, dict) or not set(given) <= set(PARAMETERS):
        raise BadInput("parameters", "is an object with endpoint and per_minute, for a throttle only")
    rate = given.get("per_minute", 1)
    if not isinstance(rate, int) or isinstance(rate, bool) or not 0 < rate <= MOST_PER_MINUTE:
        raise BadInput("parameters.per_minute", f"must be a whole number between 1 and {MOST_PER_MINUTE}")
    http.words(given, "endpoint", "*", 255)
    return given


@blueprint.delete(f"/restrictions/{http.ID}")
def lift(number: int) -> Response:
    """End a restriction before its time."""
    follow(service.lift(http.context(), number, http.caller().name))
    return http.answer({"id": number, "lifted": True})
