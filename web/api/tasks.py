"""GET /api/tasks."""

from __future__ import annotations

from flask import Blueprint, Response

from memmon.analysis import service
from web import door

blueprint = Blueprint("tasks", __name__)


@blueprint.get("/api/tasks")
def tasks() -> Response:
    """Return queues, workers, and the newest `limit` tasks that were given up."""
    return door.answer(service.tasks(door.context(), door.whole("limit", 20, 1, 500)))
