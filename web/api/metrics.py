"""GET /api/metrics, /api/metrics/prometheus and /metrics."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from memmon import encode
from memmon.analysis import service as analysis
from memmon.metrics import service
from web import http

blueprint = Blueprint("metrics", __name__)

TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"


@blueprint.get("/api/metrics")
def metrics() -> Response:
    """Return the fleet's newest values, or those of one `instance`."""
    ctx = http.context()
    document = service.snapshot_of(ctx, http.instance_arg(ctx))
    return http.text_response(render_snapshot(document), "application/json")


def render_snapshot(document: dict[str, Any]) -> str:
    """Return the JSON with one value a line and each histogram on one: a grep for its name shows
    all of it.
    """
    histograms = document["metrics"]["histograms"]
    frame = encode.dumps({**document, "metrics": {**document["metrics"], "histograms": {}}}, indent=2) + "\n"
    if not histograms:
        return frame
    lines = ",\n".join(f"      {encode.dumps(name)}: {encode.dumps(value)}" for name, value in histograms.items())
    return frame.replace('"histograms": {}', f'"histograms": {{\n{lines}\n    }}', 1)


@blueprint.get("/api/metrics/prometheus")
def prometheus() -> Response:
    """Return the newest sample of every series in text format 0.0.4."""
    return http.text_response(service.page(http.context()), TEXT_FORMAT)


@blueprint.get("/metrics")
def own_metrics() -> Response:
    """Return memmon's own metrics in text format 0.0.4."""
    return http.text_response(analysis.own_page(http.context()), TEXT_FORMAT)
