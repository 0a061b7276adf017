"""GET /api/performance."""

from __future__ import annotations

from flask import Blueprint, Response

from memmon.analysis import service
from web import http

blueprint = Blueprint("performance", __name__)

MAX_HOURS = 8760


@blueprint.get("/api/performance")
def performance() -> Response:
    """Return history, baselines, trends and advice of the last `hours`."""
    return http.json_response(service.performance(http.context(), http.float_parameter("hours", 1, 0.1, MAX_HOURS)))
