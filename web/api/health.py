"""GET /api/health."""

from __future__ import annotations

from flask import Blueprint, Response

from memmon.health import service
from web import http

blueprint = Blueprint("health", __name__)


@blueprint.get("/api/health")
def health() -> Response:
    """Return the newest stored results, of all instances or of one `instance`."""
    ctx = http.context()
    return http.json_response(service.report(ctx, http.instance_arg(ctx)))
