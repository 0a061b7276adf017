"""GET /api/status."""

from __future__ import annotations

from flask import Blueprint, Response

from memmon.analysis import service
from web import http

blueprint = Blueprint("status", __name__)


@blueprint.get("/api/status")
def status() -> Response:
    """Say how memmon and what it watches are; answers whatever is away."""
    return http.answer(service.status(http.context()))
