"""GET /api/notifications."""

from __future__ import annotations

from flask import Blueprint, Response

from memmon.analysis import service
from web import door

blueprint = Blueprint("notifications", __name__)


@blueprint.get("/api/notifications")
def notifications() -> Response:
    """Return the newest `limit` messages with every attempt, and how each channel is."""
    return door.answer(service.notifications(door.context(), door.whole("limit", 50, 1, 500)))
