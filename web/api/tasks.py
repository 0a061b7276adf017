"""GET /api/tasks."""

from __future__ import annotations

from flask import Blueprint, Response

from memmon.analysis import service
from web import http

blueprint = Blueprint("tasks", __name__)


@blueprint.get("/api/tasks")
def tasks() -> Response:
    """Return queues, workers, and the newest `limit` tasks that were given up."""
    return http.json_response(service.tasks(http.context(), http.int_arg("limit", 20, 1, 500)))
