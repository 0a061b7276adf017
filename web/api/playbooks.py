"""GET /api/playbooks, one of them, their history; POST /api/playbooks/<name>/run."""

from __future__ import annotations

from flask import Blueprint, Response, request

from memmon.errors import BadInput
from memmon.incidents import playbook_catalogue, service
from web import http
from workers.base import enqueue

blueprint = Blueprint("playbooks", __name__, url_prefix="/api/playbooks")


@blueprint.get("")
def playbooks() -> Response:
    """Return every playbook, with what keeps actions within bounds."""
    return http.json_response(playbook_catalogue.overview(http.context()))


@blueprint.get("/history")
def history() -> Response:
    """Return the newest incidents of all playbooks and how their actions did, or of the playbook
    `name`.
    """
    limit = http.int_arg("limit", 20, 1, 200)
    name = request.args.get("name")
    return http.json_response({"history": service.playbook_history(http.context(), name, limit)})


@blueprint.get("/<name>")
def playbook(name: str) -> Response:
    """Return one playbook whole."""
    return http.json_response(playbook_catalogue.show(http.context(), name))


@blueprint.post("/<name>/run")
def run(name: str) -> Response:
    """Begin a playbook by hand, for `labels`; with `dry_run` it decides, and does nothing."""
    body = http.json_fields("by", "comment", "labels", "dry_run")
    labels, dry_run = body.get("labels", {}), body.get("dry_run", False)
    if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        raise BadInput("labels", "must be names with their texts")
    if not isinstance(dry_run, bool):
        raise BadInput("dry_run", "must be true or false")
    incident_id, jobs = service.begin(http.context(), name, labels, http.author_and_comment(body)[0], dry_run)
    enqueue(jobs)
    return http.json_response(service.show(http.context(), incident_id), 201)
