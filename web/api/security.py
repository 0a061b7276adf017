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
from workers.base import enqueue

blueprint = Blueprint("security", __name__, url_prefix="/api/security")

MAX_EVENTS_BODY = 4 * http.MIB
PARAMETERS = ("endpoint", "per_minute")
MAX_PER_MINUTE = 1_000_000


@blueprint.get("")
def security() -> Response:
    """Return summary, the newest `limit` events, open incidents, and restrictions."""
    return http.json_response(analysis.security(http.context(), http.int_arg("limit", 100, 1, 1000)))


@blueprint.post("/events")
@auth.require_role("ingest")
@http.limit_body_size(MAX_EVENTS_BODY)
def report_events() -> Response:
    """Take in one event or a list; of a list the good ones are taken, and the others are named by
    their index.
    """
    document = http.json_body()
    recorded, jobs = service.record(http.context(), document, http.caller().name)
    enqueue(jobs)
    if recorded["refused"] and not isinstance(document, list):
        raise BadInput(recorded["refused"][0]["field"], recorded["refused"][0]["message"])
    return http.json_response(recorded, 201 if recorded["ids"] else 200)


@blueprint.post(f"/incidents/{http.id_segment('incident_id')}/resolve")
def resolve(incident_id: int) -> Response:
    """Close an incident that security opened."""
    ctx = http.context()
    if incidents.show(ctx, incident_id)["labels"].get("category") != "security":
        raise NotFound(f"incident {incident_id} is not one of security")
    incident, jobs = incidents.resolve(ctx, incident_id, *http.request_author())
    enqueue(jobs)
    return http.json_response(incident)


@blueprint.get("/restrictions")
def restrictions() -> Response:
    """Return the restrictions in force, and where they are enforced."""
    return http.json_response({"restrictions": service.restrictions(http.context())})


@blueprint.post("/restrictions")
def restrict() -> Response:
    """Block an address, throttle one (or all: *), or disable a feature for `duration` (`1h`, or
    seconds).
    """
    ctx = http.context()
    body = http.json_fields("kind", "subject", "duration", "reason", "target", "parameters", "by")
    kind, subject = http.text_field(body, "kind"), http.text_field(body, "subject", max_length=255).strip()
    target = http.text_field(body, "target", "*")
    if target != "*" and ctx.config.targets.get(target) is None:
        raise BadInput("target", f"there is no target {target}")
    restriction, jobs = service.restrict(
        ctx,
        kind,
        subject,
        http.duration_field(body, "duration", MAX_SECONDS),
        http.text_field(body, "reason", "by hand"),
        http.text_field(body, "by", http.caller().name, 64),
        target=target,
        parameters=_parameters(body.get("parameters"), kind),
    )
    enqueue(jobs)
    return http.json_response(restriction, 201)


def _parameters(parameters: Any, kind: str) -> dict[str, Any]:
    if parameters is None:
        return {}
    if kind != "throttle" or not isinstance(parameters, dict) or not set(parameters) <= set(PARAMETERS):
        raise BadInput("parameters", "is an object with endpoint and per_minute, for a throttle only")
    rate = parameters.get("per_minute", 1)
    if not isinstance(rate, int) or isinstance(rate, bool) or not 0 < rate <= MAX_PER_MINUTE:
        raise BadInput("parameters.per_minute", f"must be a whole number between 1 and {MAX_PER_MINUTE}")
    http.text_field(parameters, "endpoint", "*", 255)
    return parameters


@blueprint.delete(f"/restrictions/{http.id_segment('restriction_id')}")
def lift_restriction(restriction_id: int) -> Response:
    """End a restriction before its time."""
    enqueue(service.lift(http.context(), restriction_id, http.caller().name))
    return http.json_response({"id": restriction_id, "lifted": True})
