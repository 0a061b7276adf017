"""GET /api/status."""

from __future__ import annotations

from flask import Blueprint, Response

from memmon.analysis import service
from web import http

blueprint = Blueprint("status", __name__)


@blueprint.get("/api/status")
def status() -> Response:
    """Return the status of memmon and its targets; answers during outages too."""
    return http.json_response(service.status(http.context()))
