"""GET /api/notifications."""

from __future__ import annotations

from flask import Blueprint, Response

from memmon.analysis import service
from web import http

blueprint = Blueprint("notifications", __name__)


@blueprint.get("/api/notifications")
def notifications() -> Response:
    """Return the newest `limit` messages with every attempt, and how each channel is."""
    return http.json_response(service.notifications(http.context(), http.int_arg("limit", 50, 1, 500)))
