"""GET /api/alerts, POST /api/alerts/<id>/acknowledge and /resolve."""

from __future__ import annotations

from flask import Blueprint, Response

from memmon.alerts import service
from memmon.analysis import service as analysis
from web import door
from workers.base import follow

blueprint = Blueprint("alerts", __name__, url_prefix="/api/alerts")


@blueprint.get("")
def alerts() -> Response:
    """Return what fires, the rules, and the newest `limit` that ended."""
    return door.answer(analysis.alerts(door.context(), door.whole("limit", 100, 1, 1000)))


@blueprint.post(f"/{door.ID}/acknowledge")
def acknowledge(number: int) -> Response:
    """Say that somebody cares about a firing alert."""
    return door.answer(service.acknowledge(door.context(), number, *door.signature()))


@blueprint.post(f"/{door.ID}/resolve")
def resolve(number: int) -> Response:
    """End an alert by hand."""
    shown, jobs = service.resolve(door.context(), number, *door.signature())
    follow(jobs)
    return door.answer(shown)
